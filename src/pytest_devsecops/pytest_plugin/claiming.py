"""The requirements that collected tests claim, and what is wrong with their marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.records import Claim, Inventory
from pytest_devsecops.core.requirement import Requirement, merge
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.pytest_plugin.markers import read_marks


class Claims:
    """Takes the marks of one session's tests.

    Args:
        names: the requirement family of each marker name.
        declared: requirements that a policy or a hook declares, by id; if there are any, a mark
            with another id is a problem.
        validate: whether the marks' arguments are checked at all. Without a policy or an option of
            ours they are not: projects have used markers of these names for prose.
    """

    def __init__(self, names: Mapping[str, str], declared: Mapping[str, Requirement], *, validate: bool) -> None:
        self._names = names
        self._declared = declared
        self._validate = validate
        self._definitions: dict[str, Requirement] = dict(declared)
        self._claims: dict[str, tuple[Claim, ...]] = {}
        self._dropped: frozenset[str] = frozenset()

    def take(self, item: pytest.Item) -> list[str]:
        """Note what ``item`` claims; returns what is wrong with it, each with its place."""
        marked = read_marks(item, self._names)
        problems = list(marked.problems) if self._validate else []
        if marked.explicit:
            for claim in marked.claims:
                problems.extend(self._define(claim.requirement))
                item.extra_keyword_matches.add(claim.requirement.id)
        # What a faulty mark says is no claim; the test is missing, and the run says so.
        self._claims[item.nodeid] = () if problems else marked.claims
        return [f"{marked.place}: {problem}" for problem in problems]

    def of(self, item: pytest.Item) -> tuple[Claim, ...]:
        """Return what ``item`` claims."""
        return self._claims.get(item.nodeid, ())

    def selected(self, items: Iterable[pytest.Item]) -> None:
        """Note the selection: claiming tests that are not among ``items`` were dropped."""
        self._dropped = frozenset(self._claims) - {item.nodeid for item in items}

    @property
    def inventory(self) -> Inventory:
        """What was collected so far."""
        return Inventory(tuple(claim for claims in self._claims.values() for claim in claims), self._dropped)

    def _define(self, requirement: Requirement) -> list[str]:
        identity = requirement.id
        if self._declared and identity not in self._declared:
            known = did_you_mean(identity, self._declared)
            return [f"unknown requirement {identity!r}; {known} (declare it in the policy, or correct the marker)"]
        try:
            earlier = self._definitions.get(identity)
            self._definitions[identity] = merge([earlier, requirement]) if earlier else requirement
        except UsageError as error:
            return [str(error)]
        return []
