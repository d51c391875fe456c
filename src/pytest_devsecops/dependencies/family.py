"""The fixture ``dependencies``: predicates over the project's dependency graph.

Adding a check is one method here: it takes the graph (of the kind of source that it needs), its
part of the policy, and hands the verdict of a pure function to the recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.text import parse_duration
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.advisories.lookup import look_up
from pytest_devsecops.dependencies.advisories.second_opinion import ask_safety
from pytest_devsecops.dependencies.checks.aged import aged
from pytest_devsecops.dependencies.checks.allowed import allowed
from pytest_devsecops.dependencies.checks.consistent import consistent
from pytest_devsecops.dependencies.checks.current import current
from pytest_devsecops.dependencies.checks.hashed import hashed
from pytest_devsecops.dependencies.checks.licensed import Installed, licensed
from pytest_devsecops.dependencies.checks.pinned import pinned
from pytest_devsecops.dependencies.checks.startup_hooks import free_of_startup_hooks
from pytest_devsecops.dependencies.checks.trusted_sources import from_trusted_sources
from pytest_devsecops.dependencies.checks.untampered import untampered
from pytest_devsecops.dependencies.checks.vulnerability_free import vulnerability_free
from pytest_devsecops.dependencies.environment.integrity import compare
from pytest_devsecops.dependencies.environment.startup import search
from pytest_devsecops.dependencies.index_data import IndexData, read_index_data
from pytest_devsecops.dependencies.inventory import Inventory
from pytest_devsecops.dependencies.merging import of_kinds
from pytest_devsecops.dependencies.model import Graph, ReadContext, SourceKind, SourceReader
from pytest_devsecops.dependencies.section import DependencyPolicy
from pytest_devsecops.dependencies.sides import Places
from pytest_devsecops.dependencies.sources.environment import environments, markers_of


class Dependencies:
    """Checks on what the project depends on. Every check returns a ``Verdict``; assert it.

    Args:
        policy: the decoded policy table.
        readers: the known source formats, by name.
        context: the project's root and environment variables.
        today: the date that ages are counted from (UTC).
        record: called with every verdict; returns it with waivers applied.
        sources: the sources to read instead of those of the policy.
    """

    def __init__(
        self,
        policy: DependencyPolicy,
        readers: Mapping[str, SourceReader],
        context: ReadContext,
        *,
        today: date,
        record: Callable[[Verdict], Verdict],
        sources: tuple[str, ...] = (),
    ) -> None:
        self._policy = policy
        self._readers = readers
        self._context = context
        self._today = today
        self._record = record
        self._sources = sources
        self._inventory = Inventory(readers, context)
        self._index: IndexData | None = None
        self._others: dict[tuple[str, ...], Dependencies] = {}

    def of(self, *sources: str) -> Dependencies:
        """Return the same checks over other sources than those of the policy.

        Args:
            sources: what the policy's ``sources`` takes: ``"environment"``,
                ``"environment:PATH"``, a path, a glob, ``"FORMAT:PATH"``.

        Raises:
            UsageError: if there is none.
        """
        if not sources:
            raise UsageError("dependencies.of() names no source", remedy='name one, such as of("environment")')
        if sources not in self._others:
            self._others[sources] = Dependencies(
                self._policy,
                self._readers,
                self._context,
                today=self._today,
                record=self._record,
                sources=sources,
            )
        return self._others[sources]

    def __repr__(self) -> str:
        return f"<dependencies of {', '.join(self._sources)}>" if self._sources else "<dependencies>"

    @property
    def graph(self) -> Graph:
        """Everything that the sources say, for checks of your own; look at its ``problems`` first."""
        return self.graph_of()

    def graph_of(self, *kinds: SourceKind) -> Graph:
        """Return what the sources of these kinds say; without a kind, what all of them say.

        The sources are those given to ``of``, else those of the policy, else what is detected. If
        the policy names no source of the kind, it is detected; ``of`` is taken at its word.
        """
        wanted: Collection[SourceKind] = kinds or tuple(SourceKind)
        if self._sources:
            return self._inventory.named(self._sources, wanted, self._policy.groups)
        return self._inventory.chosen(self._policy.sources, wanted, self._policy.groups)

    def allowed(self) -> Verdict:
        """Tell whether every dependency is one that the team is cleared to use.

        Policy: the lists ``allow`` and ``deny``.
        """
        return self._record(allowed(self.graph, self._policy.allow))

    def pinned(self) -> Verdict:
        """Tell whether every dependency can only ever be one exact release.

        Policy: the table ``pinned``.
        """
        return self._record(pinned(self.graph, self._policy.pins))

    def hashed(self) -> Verdict:
        """Tell whether everything that is fetched has a hash without a known collision.

        Policy: the table ``hashed``.
        """
        return self._record(hashed(self.graph, self._policy.hashes))

    def from_trusted_sources(self) -> Verdict:
        """Tell whether everything comes from indexes, repositories and addresses that the policy trusts.

        Policy: the table ``origins``.
        """
        return self._record(from_trusted_sources(self.graph, self._policy.origins))

    def aged(self, days: int | None = None) -> Verdict:
        """Tell whether every release was uploaded long enough ago for a bad one to be found.

        Args:
            days: the least number of whole days; the larger of it and the policy's counts.

        Policy: the table ``cooldown``, and ``index_data``.

        Raises:
            UsageError: if ``days`` is less than 1.
        """
        data = self._index_data()
        return self._record(aged(self.graph, self._policy.cooldown, data, days=days, today=self._today))

    def current(self, max_age: str | None = None) -> Verdict:
        """Tell whether nothing is yanked, given up by its authors, or too old.

        Args:
            max_age: the greatest age of a release, such as ``"104w"``; the smaller of it and the
                policy's counts.

        Policy: the table ``currency``, and ``index_data``.

        Raises:
            UsageError: if ``max_age`` is not a duration.
        """
        limit = None if max_age is None else _seconds(max_age)
        data = self._index_data()
        return self._record(current(self.graph, self._policy.currency, data, max_age=limit, today=self._today))

    def licensed(self) -> Verdict:
        """Tell whether the licence of every dependency is known and accepted.

        Metadata of dependencies that a lock file or a declaration names is taken from the
        environment. Policy: the table ``licences``.
        """
        environment = of_kinds(self.graph, [SourceKind.ENVIRONMENT])
        if not environment.sources:
            environment = self._inventory.chosen(self._policy.sources, [SourceKind.ENVIRONMENT], ())
        installed = Installed(environment, markers_of(environment, self._context))
        return self._record(licensed(self.graph, installed, self._policy.licences))

    def untampered(self) -> Verdict:
        """Tell whether the files of installed distributions are those that were installed.

        It looks at the environments among the sources, or at the running one if there is none.
        """
        graph = self._environment()
        compared = [compare(listing.installed, layout) for layout, listing in environments(graph, self._context)]
        return self._record(untampered(graph, compared, self._context.shown))

    def free_of_startup_hooks(self) -> Verdict:
        """Tell whether nothing runs at every start of Python that is neither known nor accepted.

        It looks at the environments among the sources, or at the running one if there is none.
        Policy: the table ``startup_hooks``.
        """
        graph = self._environment()
        found = [search(listing.installed, layout) for layout, listing in environments(graph, self._context)]
        return self._record(free_of_startup_hooks(graph, found, self._policy.startup_hooks, self._context.shown))

    def consistent(self) -> Verdict:
        """Tell whether what is declared, what is locked and what is installed are the same.

        Each of the three is taken from the sources, or detected: declarations beside the lock file,
        lock files in the root, the running environment. Policy: the table ``consistent``.
        """
        places = Places(self._inventory, self._policy.sources, self._sources, self._context)
        sides = places.sides(self._policy.groups, self.graph.problems)
        return self._record(consistent(sides, self._policy.consistency))

    def vulnerability_free(self, at_least: str | None = None, *, second_opinion: str | None = None) -> Verdict:
        """Tell whether no dependency is affected by a known advisory.

        Args:
            at_least: the lowest severity that counts: ``low``, ``medium``, ``high`` or ``critical``;
                by default that of the policy.
            second_opinion: ``"safety"`` asks its engine as well; by default as the policy says.

        Policy: the table ``vulnerabilities``.

        Raises:
            UsageError: if an argument means nothing.
        """
        policy = self._policy.vulnerabilities.narrowed(at_least, second_opinion)
        root = self._context.root
        path = root / policy.advisories
        lookup = look_up(self.graph, path, shown=self._context.shown(path))
        second = ask_safety(self.graph, root / policy.safety_db, lookup) if policy.second_opinion else None
        return self._record(vulnerability_free(self.graph, policy, lookup, today=self._today, second=second))

    def _index_data(self) -> IndexData | None:
        if not self._policy.index_data:
            return None
        if self._index is None:
            self._index = read_index_data(self._context.root / self._policy.index_data, self._context)
        return self._index

    def _environment(self) -> Graph:
        """Return what is installed; an environment knows no groups, so the policy's do not filter it."""
        kinds = [SourceKind.ENVIRONMENT]
        if self._sources:
            return self._inventory.named(self._sources, kinds, ())
        return self._inventory.chosen(self._policy.sources, kinds, ())


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"max_age: {error}") from None
