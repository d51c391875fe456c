"""Sequences of what users do, drawn with hypothesis, and cut down to the shortest that breaks something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.identity.errors import IdentityError

if TYPE_CHECKING:
    from pytest_devsecops.identity.checks.session.model import Step


def explore(
    actions: Sequence[str], breaks: Callable[[Sequence[Step]], bool], *, examples: int, steps: int
) -> Sequence[Step] | None:
    """Return the shortest sequence that breaks something, or None if none was found.

    The same arguments draw the same sequences, so that a run can be repeated.

    Args:
        actions: what can be done, the simplest first.
        breaks: runs a sequence and tells whether it breaks something; what it raises comes through.
        examples: how many sequences to draw.
        steps: how long they may be.

    Raises:
        MissingExtraError: if hypothesis is not installed.
        IdentityError: if the same sequence breaks something once and not again.
    """
    try:
        from hypothesis import HealthCheck, Phase, Verbosity, find, settings
        from hypothesis import strategies as st
        from hypothesis.errors import Flaky, NoSuchExample
    except ImportError:
        raise MissingExtraError("sessions_follow_model()", "hypothesis") from None

    drawn = st.lists(st.tuples(st.sampled_from(actions), st.integers(0, 1)), min_size=1, max_size=steps)
    how = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    try:
        return find(drawn, breaks, settings=how)
    except NoSuchExample:
        return None
    except Flaky as error:
        message = "a sequence of what users do broke the model once, and not again"
        raise IdentityError(
            message, remedy="look for what differs from one run to the next, such as a cache"
        ) from error
