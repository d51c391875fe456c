"""Which verdicts belong to which test, and the guard against verdicts that nobody asserted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict


@dataclass(slots=True)
class _FixtureVerdicts:
    """What one live instance of a fixture made. Its scope's node tells which tests can see it."""

    name: str
    node: pytest.Item | pytest.Collector
    function_scoped: bool
    verdicts: list[Verdict] = field(default_factory=list)


@dataclass(slots=True)
class Attempt:
    """One attempt at one test.

    Attributes:
        item: the test.
        verdicts: its verdicts, in the order in which they came.
        unasserted: those that this attempt must not leave without a look.
        explained: how many verdicts an earlier report of the attempt has explained.
    """

    item: pytest.Item
    verdicts: list[Verdict] = field(default_factory=list)
    unasserted: list[Verdict] = field(default_factory=list)
    explained: set[int] = field(default_factory=set)


class Recorder:
    """Notes every verdict of a session; a ``VerdictObserver``.

    A test's verdicts are those made during it, those that it looked at, and those that fixtures
    made which it uses.
    """

    def __init__(self) -> None:
        self.attempt: Attempt | None = None
        self._fixtures: dict[int, _FixtureVerdicts] = {}
        self._inside: list[_FixtureVerdicts] = []

    @property
    def in_wide_fixture(self) -> bool:
        """Whether a fixture that other tests may use as well is being set up."""
        return any(not fixture.function_scoped for fixture in self._inside)

    def begin(self, item: pytest.Item) -> None:
        """Start an attempt at ``item`` with the verdicts of the wider fixtures that it uses."""
        self.attempt = Attempt(item)
        used = set(getattr(item, "fixturenames", ()))
        above = item.listchain()
        for fixture in self._fixtures.values():
            if fixture.name in used and fixture.node in above:
                for verdict in fixture.verdicts:
                    self._add(verdict)

    def note(self, verdict: Verdict) -> Verdict:
        """Take a new verdict; returns it, so that a check can end with this call."""
        verdict.observe(self)
        for fixture in self._inside:
            fixture.verdicts.append(verdict)
        self._add(verdict)
        # A fixture that outlives the test may be asserted on by a later one; it is asked at its end.
        if self.attempt is not None and all(fixture.function_scoped for fixture in self._inside):
            self.attempt.unasserted.append(verdict)
        return verdict

    def looked_at(self, verdict: Verdict) -> None:
        """Count a verdict to the test that looks at it, wherever it was made."""
        self._add(verdict)

    def combined(self, whole: Verdict, parts: tuple[Verdict, ...]) -> None:
        """Let ``whole`` stand for ``parts``."""
        if self.attempt is not None:
            self.attempt.verdicts = [one for one in self.attempt.verdicts if not _is_one_of(one, parts)]
        for fixture in self._inside:
            fixture.verdicts = [one for one in fixture.verdicts if not _is_one_of(one, parts)]
        if not (self.attempt is not None and _is_one_of(whole, self.attempt.verdicts)):
            self.note(whole)

    @contextmanager
    def inside_fixture(self, definition: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[None]:
        """Collect verdicts that are made while the fixture is set up."""
        fixture = _FixtureVerdicts(definition.argname, request.node, definition.scope == "function")
        self._fixtures[id(definition)] = fixture
        self._inside.append(fixture)
        try:
            yield
        finally:
            self._inside.pop()

    def fixture_finished(self, definition: pytest.FixtureDef[Any]) -> None:
        """Forget a fixture; the test that ends it answers for what nobody looked at."""
        fixture = self._fixtures.pop(id(definition), None)
        if fixture is not None and self.attempt is not None and not fixture.function_scoped:
            self.attempt.unasserted.extend(fixture.verdicts)

    def refuse_unasserted(self) -> None:
        """Fail if the current attempt leaves a verdict that is not met and that nobody looked at."""
        if self.attempt is None:
            return
        waiting, self.attempt.unasserted = self.attempt.unasserted, []
        forgotten = [
            verdict
            for verdict in waiting
            if not verdict.was_looked_at and verdict.status in (Status.VIOLATED, Status.UNVERIFIED)
        ]
        if forgotten:
            pytest.fail(
                "\n\n".join(
                    f"made a verdict and never asserted it (write: assert …): {verdict!r}" for verdict in forgotten
                ),
                pytrace=False,
            )

    def _add(self, verdict: Verdict) -> None:
        if self.attempt is not None and not _is_one_of(verdict, self.attempt.verdicts):
            self.attempt.verdicts.append(verdict)


def _is_one_of(verdict: Verdict, others: list[Verdict] | tuple[Verdict, ...]) -> bool:
    # By identity: two checks may well give equal answers, and `in` would ask for equality.
    return any(verdict is other for other in others)
