"""Exceptions from a check: names, perhaps with versions, and always with a reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.names import NameTable, normalised_pattern
from pytest_devsecops.dependencies.ranges import Answer, lies_within, parse_specifier


@dataclass(frozen=True, slots=True)
class Excepted:
    """One exception.

    Attributes:
        name: a normalised name or glob.
        reason: why a check may leave it out.
        versions: the versions that it is about; empty for all.
    """

    name: str
    reason: str
    versions: SpecifierSet = field(default_factory=SpecifierSet)


def read_exceptions(reader: TableReader) -> tuple[Excepted, ...]:
    """Decode the list ``except`` of a check's table: ``{ name, reason, versions }`` each."""
    found = []
    for entry in reader.entries("except", shorthand="name"):
        found.append(
            Excepted(
                normalised_pattern(entry.string("name", required=True)),
                entry.string("reason", required=True),
                entry.parsed("versions", parse_specifier, SpecifierSet()),
            ),
        )
        entry.finish()
    return tuple(found)


class Exceptions:
    """The exceptions of a check.

    Args:
        excepted: the decoded list.
    """

    def __init__(self, excepted: Iterable[Excepted]) -> None:
        self._table = NameTable((one.name, one) for one in excepted)

    def reason(self, dependency: Dependency) -> str | None:
        """Return why ``dependency`` is left out: an exception has every version that it may have; else None."""
        for one in self._table.find(dependency.name):
            if lies_within(dependency, [one.versions]) is Answer.YES:
                return one.reason
        return None

    def evidence(self, graph: Graph) -> dict[str, str]:
        """Return who is left out of ``graph``, and why."""
        reasons = ((one.subject, self.reason(one)) for one in graph.dependencies)
        return dict(sorted((subject, reason) for subject, reason in reasons if reason is not None))
