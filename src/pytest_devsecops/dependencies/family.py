"""The fixture ``dependencies``: predicates over the project's dependency graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.checks.allowed import allowed
from pytest_devsecops.dependencies.inventory import read_sources
from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceReader
from pytest_devsecops.dependencies.section import DependencyPolicy


class Dependencies:
    """Checks on what the project depends on. Every check returns a ``Verdict``; assert it.

    Args:
        policy: the decoded policy table.
        readers: the known source formats, by name.
        context: the project's root and environment variables.
        today: the date that ages are counted from (UTC).
        record: called with every verdict; returns it with waivers applied.
    """

    def __init__(
        self,
        policy: DependencyPolicy,
        readers: Mapping[str, SourceReader],
        context: ReadContext,
        *,
        today: date,
        record: Callable[[Verdict], Verdict],
    ) -> None:
        self._policy = policy
        self._readers = readers
        self._context = context
        self._today = today
        self._record = record
        self._graphs: dict[tuple[str, ...], Graph] = {}

    def graph(self, sources: Sequence[str] = ()) -> Graph:
        """Return what ``sources`` say; by default those of the policy, or those detected."""
        names = tuple(sources) or self._policy.sources
        if names not in self._graphs:
            self._graphs[names] = read_sources(names, self._readers, self._context)
        return self._graphs[names]

    def allowed(self) -> Verdict:
        """Tell whether every dependency is one that the team is cleared to use."""
        return self._record(allowed(self.graph(), self._policy.allow))
