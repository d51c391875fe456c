"""Where the sides that ``consistent()`` compares come from: declarations, lock files, an environment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.dependencies.applying import applies
from pytest_devsecops.dependencies.checks.consistent import Sides, own_names
from pytest_devsecops.dependencies.comparing import Expected
from pytest_devsecops.dependencies.inventory import Inventory
from pytest_devsecops.dependencies.merging import MISSING_SOURCE, normalised_group
from pytest_devsecops.dependencies.model import MAIN, Graph, ReadContext, SourceKind
from pytest_devsecops.dependencies.sources.environment import markers_of, needed_names
from pytest_devsecops.dependencies.sources.freshness import freshness_of
from pytest_devsecops.dependencies.sources.project_name import project_name


@dataclass(frozen=True, slots=True)
class Places:
    """What may name the sides of one project.

    Attributes:
        inventory: reads sources.
        policy: the policy's ``sources``; a side that none of them is of is detected.
        taken: the sources given to ``of``, which are taken at their word, or none.
        context: the project's root.
    """

    inventory: Inventory
    policy: Sequence[str]
    taken: Sequence[str]
    context: ReadContext

    def sides(self, groups: Sequence[str], problems: Iterable[Finding]) -> Sides:
        """Return everything that is there to be compared.

        Args:
            groups: the policy's ``groups``; what is compared is not limited to them, but only they,
                or ``main``, must be installed.
            problems: what is wrong with the sources as a whole.
        """
        locked, installed = self._side(SourceKind.LOCK), self._side(SourceKind.ENVIRONMENT)
        declared = self._declared(locked)
        root = self.context.root
        return Sides(
            declared,
            locked,
            installed,
            self._expected(declared, installed, frozenset(map(normalised_group, groups)) or frozenset({MAIN})),
            own_names(installed, project_name(root), root.resolve().as_uri()),
            tuple(freshness_of(locked, self.context)) if declared.sources else (),
            (*problems, *declared.problems, *locked.problems, *installed.problems),
        )

    def _expected(self, declared: Graph, installed: Graph, groups: frozenset[str]) -> Expected:
        markers = markers_of(installed, self.context)
        asked = {
            one.name
            for one in declared.dependencies
            if applies(one, markers) and not groups.isdisjoint(map(normalised_group, one.groups))
        }
        return Expected(groups, markers, frozenset(asked) | needed_names(installed, self.context))

    def _side(self, kind: SourceKind) -> Graph:
        """Return what the sources of a kind say; if there is none, an empty graph: two others may be enough."""
        named = self._named(kind)
        if named.sources or named.problems or self.taken:
            return named
        detected = self.inventory.chosen((), [kind], ())
        # That nothing was found is no problem here; that something was, and cannot be read, is one.
        broken = tuple(problem for problem in detected.problems if problem.rule != MISSING_SOURCE)
        return detected if detected.sources else Graph(problems=broken)

    def _named(self, kind: SourceKind) -> Graph:
        entries = self.taken or self.policy
        found = self.inventory.named(entries, [kind], ()) if entries else Graph()
        return found if found.sources else Graph()

    def _declared(self, locked: Graph) -> Graph:
        """Return the declarations: those that are named, else those beside the lock files, else those detected."""
        named = self._named(SourceKind.DECLARATION)
        beside = [str(Path(source.name).parent / "pyproject.toml") for source in locked.sources]
        existing = [name for name in dict.fromkeys(beside) if (self.context.root / name).is_file()]
        if named.sources or self.taken or not existing:
            return self._side(SourceKind.DECLARATION)
        return self.inventory.named(existing, [SourceKind.DECLARATION], ())
