"""What a user's ``agrees=`` says of a restored composite: every answer that a check may give means something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Environment, RecoveryError, Store

_SHOWN, _COUNTED = 5, 1_000_000


def judge_agreement(
    store: Store, environment: Environment, source: Callable[[], Environment] | None = None
) -> list[Finding]:
    """Ask the store's ``agrees=`` about the restored target.

    Args:
        store: the recipe; without ``agrees=`` nothing is asked.
        environment: the target's variables, as the check gets them.
        source: makes what was lost readable and returns its variables; asked where the target is torn.

    Returns:
        Nothing if the parts agree (True, None, nothing torn); a violation that counts what is torn (False, a
        number, a text, a mapping or anything else that can be gone through, a generator too; an assertion that
        failed); or an unverified finding if the check raises anything else, or answers with what says nothing.
    """
    if store.options.agrees is None:
        return []
    count, shown = _asked(store.options.agrees, environment)
    if count is None:
        return [_unknown(store, shown)]
    if not count:
        return []
    message = "the parts do not agree" + (f": {counted(count, 'torn pair')}" if count > 0 else "")
    message = f"{message}: {shown}" if shown else message
    fix = "back up the parts at one moment, or the one that refers first"
    if source is not None and _as_torn(store.options.agrees, source, count):
        message += "; the source was torn as much already when it was lost"
        fix = "let prepare= and writes= leave pairs whole; name a table that must hold no generated row in empty={…}"
    return [Finding("torn", store.label, message, fix=fix)]


def _asked(agrees: Callable[[Environment], object], environment: Environment) -> tuple[int | None, str]:
    """Return what ``_torn`` says of the answer, or None and why there is no answer that says something."""
    try:
        count, shown = _torn(agrees(environment))
    except AssertionError as error:
        return -1, str(error)
    except Exception as error:  # noqa: BLE001 - the user's check may raise anything; that is told
        return None, f"agrees= could not look at what was restored: {type(error).__name__}: {error}"
    return count, shown if count is not None else f"agrees= answered with {shown}, which says nothing"


def _as_torn(agrees: Callable[[Environment], object], source: Callable[[], Environment], count: int) -> bool:
    """Tell whether the source was torn already, and by no less than ``count`` pairs."""
    try:
        before, _ = _asked(agrees, source())
    except RecoveryError:
        # What is not known of the source excuses nothing.
        return False
    return before == count or (before is not None and count > 0 and before >= count)


def _torn(answer: object) -> tuple[int | None, str]:
    """Return how many pairs are torn (-1 if only that is known, None if nothing is), and the first of them."""
    if answer is None or isinstance(answer, bool):
        return (-1 if answer is False else 0), ""
    if isinstance(answer, int):
        return abs(answer), ""
    if isinstance(answer, str):
        return int(bool(answer)), answer
    if not isinstance(answer, Iterable):
        return None, f"an {type(answer).__name__}" if type(answer).__name__[0] in "aeiou" else type(answer).__name__
    pairs = iter(answer.items() if isinstance(answer, Mapping) else answer)
    first = list(islice(pairs, _SHOWN))
    rest = sum(1 for _ in islice(pairs, _COUNTED))
    return len(first) + rest, ", ".join(str(one) for one in first)


def _unknown(store: Store, message: str) -> Finding:
    fix = "let it return what is torn; if what it looks for is not there, see the other findings"
    return Finding("agreement-unknown", store.label, message, fix=fix, status=Status.UNVERIFIED)
