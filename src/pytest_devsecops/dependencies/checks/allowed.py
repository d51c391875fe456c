"""``allowed()``: only dependencies that the team is cleared to use.

Policy: the lists ``allow`` and ``deny`` of ``[tool.devsecops.dependencies]``.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.judging import judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph

NAME = "dependencies.allowed"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of an allow or deny list."""

    name: str
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    groups: frozenset[str] = frozenset()
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class AllowPolicy:
    """Who may be used: a denied dependency never, others if the allow list is empty or has them."""

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()


def read_allow_policy(reader: TableReader) -> AllowPolicy:
    """Decode the lists ``allow`` and ``deny``."""
    return AllowPolicy(_read_rules(reader, "allow"), _read_rules(reader, "deny"))


def allowed(graph: Graph, policy: AllowPolicy) -> Verdict:
    """Judge every dependency of ``graph`` by the allow and deny lists."""
    return judge_each(
        NAME,
        graph,
        lambda dependency: _judge(dependency, policy),
        met="are allowed",
        examined={"rules": len(policy.allow) + len(policy.deny)},
    )


def _read_rules(reader: TableReader, key: str) -> tuple[Rule, ...]:
    rules = []
    for entry in reader.entries(key, shorthand="name"):
        rules.append(
            Rule(
                name=canonicalize_name(entry.string("name", required=True)),
                versions=entry.parsed("versions", _specifier, SpecifierSet()),
                groups=frozenset(entry.strings("groups")),
                reason=entry.string("reason"),
                owner=entry.string("owner"),
            ),
        )
        entry.finish()
    return tuple(rules)


def _specifier(text: str) -> SpecifierSet:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        msg = f"{error}; write a version range such as '>=4.2,<5'"
        raise ValueError(msg) from None


def _judge(dependency: Dependency, policy: AllowPolicy) -> list[Finding]:
    denied = next((rule for rule in policy.deny if _matches(rule, dependency)), None)
    if denied is not None:
        return [
            Finding(
                "denied",
                dependency.subject,
                f"{dependency.subject} is denied by the policy" + (f": {denied.reason}" if denied.reason else ""),
                fix=f"remove {dependency.name}",
                location=dependency.location,
            )
        ]
    if not policy.allow or any(_matches(rule, dependency) for rule in policy.allow):
        return []
    return [
        Finding(
            "not-allowed",
            dependency.subject,
            f"{dependency.subject} is not on the allow list",
            fix="ask for clearance, or remove it",
            location=dependency.location,
        )
    ]


def _matches(rule: Rule, dependency: Dependency) -> bool:
    return fnmatch.fnmatchcase(dependency.name, rule.name)
