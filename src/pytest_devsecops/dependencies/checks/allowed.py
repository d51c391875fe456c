"""``allowed()``: only dependencies that the team is cleared to use.

Policy: the lists ``allow`` and ``deny`` of ``[tool.devsecops.dependencies]``. An entry is a name, or
a table with a name and conditions::

    allow = [
      "requests",
      "acme-*",
      { name = "django", versions = ">=4.2,<5", reason = "LTS", owner = "web" },
      { name = "pytest", groups = ["test"], from = ["index"] },
    ]
    deny = [{ name = "pycrypto", reason = "unmaintained", instead = "cryptography" }]

Deny wins. Whatever cannot be told is neither cleared nor innocent: an allow rule must cover every
version and every group that a dependency may have, a deny rule bites if it may cover one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.specifiers import SpecifierSet

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.merging import normalised_group
from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind
from pytest_devsecops.dependencies.names import NameTable, normalised_pattern
from pytest_devsecops.dependencies.ranges import Answer, can_compare_ranges, lies_within, may_be_in, parse_specifier

NAME = "dependencies.allowed"

_KINDS = tuple(str(kind) for kind in OriginKind if kind is not OriginKind.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of an allow or deny list.

    Attributes:
        name: a normalised name or a glob over normalised names.
        versions: the versions that it is about; empty for all.
        groups: the normalised groups that it is about; empty for all.
        origins: the kinds of place that it is about (``index``, ``vcs``, ``url``, ``path``,
            ``editable``); empty for all.
        reason: why it stands there.
        owner: who decided it, and can decide otherwise.
        instead: what to use instead of a denied dependency.
        place: its key path in the policy.
    """

    name: str
    versions: SpecifierSet = field(default_factory=SpecifierSet)
    groups: frozenset[str] = frozenset()
    origins: frozenset[OriginKind] = frozenset()
    reason: str = ""
    owner: str = ""
    instead: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class AllowPolicy:
    """Who may be used.

    Attributes:
        allow: the only dependencies that may be used, or None if all that are not denied may.
        deny: dependencies that may not be used, whatever ``allow`` says.
    """

    allow: tuple[Rule, ...] | None = None
    deny: tuple[Rule, ...] = ()


def read_allow_policy(reader: TableReader) -> AllowPolicy:
    """Decode the lists ``allow`` and ``deny``."""
    allow = _read_rules(reader, "allow")
    return AllowPolicy(allow if reader.has("allow") else None, _read_rules(reader, "deny"))


def allowed(graph: Graph, policy: AllowPolicy) -> Verdict:
    """Judge every dependency of ``graph`` by the allow and deny lists.

    Returns:
        Violated for a dependency that a deny rule may cover or that the allow list does not cover
        whole; unverified where a version or an origin cannot be told, and without any list. The
        evidence lists rules that match no dependency, which are stale clearances.
    """
    rules = [*(policy.allow or ()), *policy.deny]
    lists = _Lists(policy, graph)
    return judge_each(
        NAME,
        graph,
        lists.judge,
        met="are cleared by the policy",
        findings=_no_policy(policy),
        examined={"rules": len(rules)},
        evidence={"rules_that_match_nothing": _unused(rules, graph)},
    )


def _read_rules(reader: TableReader, key: str) -> tuple[Rule, ...]:
    rules = []
    for entry in reader.entries(key, shorthand="name"):
        rules.append(
            Rule(
                name=normalised_pattern(entry.string("name", required=True)),
                versions=entry.parsed("versions", parse_specifier, SpecifierSet()),
                groups=frozenset(map(normalised_group, entry.strings("groups"))),
                origins=_read_origins(entry),
                reason=entry.string("reason"),
                owner=entry.string("owner"),
                instead=entry.string("instead") if key == "deny" else "",
                place=f"{entry.path} ({entry.raw('name')})",
            ),
        )
        entry.finish()
    return tuple(rules)


def _read_origins(entry: TableReader) -> frozenset[OriginKind]:
    names = entry.strings("from")
    for name in names:
        if name not in _KINDS:
            entry.problem("from", f"{name!r} is not one of {', '.join(_KINDS)}; {did_you_mean(name, _KINDS)}")
    return frozenset(OriginKind(name) for name in names if name in _KINDS)


def _no_policy(policy: AllowPolicy) -> list[Finding]:
    if policy.allow is not None or policy.deny:
        return []
    return [
        Finding(
            NOTHING_EXAMINED,
            NAME,
            "the policy clears nothing: it has neither an allow list nor a deny list",
            fix='write `allow = ["…"]` or `deny = ["…"]` in [tool.devsecops.dependencies]',
            status=Status.UNVERIFIED,
        )
    ]


def _unused(rules: Sequence[Rule], graph: Graph) -> list[str]:
    table = NameTable((rule.name, index) for index, rule in enumerate(rules))
    used = {index for name in {one.name for one in graph.dependencies} for index in table.find(name)}
    return [rule.place or rule.name for index, rule in enumerate(rules) if index not in used]


class _Lists:
    """The lists, ready to be asked about one dependency after the other."""

    def __init__(self, policy: AllowPolicy, graph: Graph) -> None:
        self._deny = NameTable((rule.name, rule) for rule in policy.deny)
        self._allow = None if policy.allow is None else NameTable((rule.name, rule) for rule in policy.allow)
        self._paths = Paths(graph)

    def judge(self, dependency: Dependency) -> Iterator[Finding]:
        denials = [(rule, _denies(rule, dependency)) for rule in self._deny.find(dependency.name)]
        for wanted in (Answer.YES, Answer.UNKNOWN):
            rule = next((rule for rule, answer in denials if answer is wanted), None)
            if rule is not None:
                yield self._denied(dependency, rule, certain=wanted is Answer.YES)
                return
        if self._allow is None:
            return
        named = self._allow.find(dependency.name)
        answer = _cleared(dependency, named)
        if answer is not Answer.YES:
            yield self._not_allowed(dependency, named, certain=answer is Answer.NO)

    def _denied(self, dependency: Dependency, rule: Rule, *, certain: bool) -> Finding:
        said = f" by {rule.owner}" if rule.owner else ""
        because = f": {rule.reason}" if rule.reason else ""
        if not certain:
            verb = f"cannot be told apart from what is denied{said} ({_clearance(rule)})"
        elif dependency.version is None and str(rule.versions):
            verb = f"may become a version that is denied{said} ({rule.versions})"
        else:
            verb = f"is denied{said}"
        remedies = [
            _upgrade(dependency) if not certain else "",
            f"choose a version outside of {rule.versions}" if str(rule.versions) else "",
            f"use {rule.instead} instead" if rule.instead else self._paths.removal(dependency.name),
        ]
        return Finding(
            "denied" if certain else "denial-unknown",
            dependency.subject,
            f"{dependency.subject} {verb}{because}{self._paths.why(dependency.name)}",
            fix=", or ".join(remedy for remedy in remedies if remedy),
            location=dependency.location,
            status=Status.VIOLATED if certain else Status.UNVERIFIED,
            detail=self._detail(dependency, rule),
        )

    def _not_allowed(self, dependency: Dependency, named: Sequence[Rule], *, certain: bool) -> Finding:
        clearances = "; ".join(_clearance(rule) for rule in named)
        if not named:
            verb = "is not on the allow list"
        elif certain:
            verb = f"is on the allow list only as {clearances}"
        else:
            verb = f"cannot be compared with the allow list, which has {clearances}"
        owners = " or ".join(dict.fromkeys(rule.owner for rule in named if rule.owner))
        remedies = [
            _upgrade(dependency) if not certain else "",
            "use what is cleared" if named else "",
            f"ask {owners} for clearance" if owners else "have it added to `allow`",
            self._paths.removal(dependency.name),
        ]
        return Finding(
            "not-allowed" if certain else "clearance-unknown",
            dependency.subject,
            f"{dependency.subject} {verb}{self._paths.why(dependency.name)}",
            fix=", or ".join(remedy for remedy in remedies if remedy),
            location=dependency.location,
            status=Status.VIOLATED if certain else Status.UNVERIFIED,
            detail=self._detail(dependency, named[0] if named else None),
        )

    def _detail(self, dependency: Dependency, rule: Rule | None) -> dict[str, Any]:
        about = {"path": list(self._paths.to(dependency.name)), "groups": sorted(dependency.groups)}
        if rule is None:
            return about
        return {**about, "rule": rule.place, "reason": rule.reason, "owner": rule.owner, "instead": rule.instead}


def _denies(rule: Rule, dependency: Dependency) -> Answer:
    """Tell whether ``rule``, which has its name, covers a form in which ``dependency`` may come."""
    if rule.groups and dependency.groups and not rule.groups & _groups(dependency):
        return Answer.NO
    group = Answer.UNKNOWN if rule.groups and not dependency.groups else Answer.YES
    answers = (group, _origin_in(rule, dependency), may_be_in(dependency, rule.versions))
    return next((one for one in (Answer.NO, Answer.UNKNOWN) if one in answers), Answer.YES)


def _cleared(dependency: Dependency, named: Sequence[Rule]) -> Answer:
    """Tell whether ``named`` together cover every group, and in it every version, of ``dependency``."""
    answers = []
    for group in _groups(dependency):
        usable = [(rule, _origin_in(rule, dependency)) for rule in named if not rule.groups or group in rule.groups]
        certain = lies_within(dependency, [rule.versions for rule, origin in usable if origin is Answer.YES])
        possible = lies_within(dependency, [rule.versions for rule, origin in usable if origin is not Answer.NO])
        answers.append(Answer.UNKNOWN if certain is Answer.NO and possible is not Answer.NO else certain)
    return next((one for one in (Answer.NO, Answer.UNKNOWN) if one in answers), Answer.YES)


def _origin_in(rule: Rule, dependency: Dependency) -> Answer:
    if not rule.origins or dependency.origin.kind in rule.origins:
        return Answer.YES
    return Answer.UNKNOWN if dependency.origin.kind is OriginKind.UNKNOWN else Answer.NO


def _groups(dependency: Dependency) -> frozenset[str]:
    """Return the normalised groups; one without a name, which no rule has, if the source says nothing."""
    return frozenset(map(normalised_group, dependency.groups)) or frozenset({""})


def _upgrade(dependency: Dependency) -> str:
    """Return the remedy where an old packaging is the reason why a range cannot be judged."""
    if dependency.version is not None or can_compare_ranges():
        return ""
    return "upgrade packaging to 26.3, which can compare ranges"


def _clearance(rule: Rule) -> str:
    groups = f"in {', '.join(sorted(rule.groups))}" if rule.groups else ""
    origins = f"from {', '.join(sorted(rule.origins))}" if rule.origins else ""
    text = " ".join(part for part in (rule.name, str(rule.versions), groups, origins) if part)
    return f"{text} ({rule.reason})" if rule.reason else text
