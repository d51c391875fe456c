"""The report, version 1, as types: what ``Assessment.as_dict`` writes and every format renders.

These types are the definition that the reader of report files checks against (``reading``). The
published schema says the same to other programs; a test keeps the two together. A change here that
an older reader would refuse needs a new version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

StatusName = Literal["met", "violated", "waived", "unverified"]
RawStatusName = Literal["met", "violated", "unverified"]
FindingStatusName = Literal["violated", "unverified"]
OutcomeName = Literal["passed", "failed", "skipped", "xfailed", "xpassed", "error", "deselected", "not run"]

#: An object whose keys belong to whoever wrote it: a check, the CI system, an advisory source.
OpenObject = dict[str, Any]


class LocationView(TypedDict):
    """A place in a file."""

    path: str
    line: int | None


class FindingView(TypedDict):
    """One reason why a verdict is not met."""

    rule: str
    subject: str
    status: FindingStatusName
    message: str
    fix: str
    refs: list[str]
    location: LocationView | None
    detail: OpenObject
    waived_by: str | None


class VerdictView(TypedDict):
    """The answer of one check."""

    check: str
    status: StatusName
    raw_status: RawStatusName
    summary: str
    findings: list[FindingView]
    examined: dict[str, int | str | list[str]]
    evidence: OpenObject
    measured: dict[str, float]


class TestView(TypedDict):
    """One test that is linked to a requirement, in its last attempt."""

    nodeid: str
    outcome: OutcomeName
    reason: str
    duration: float
    unexamined: list[str]
    verdicts: list[VerdictView]


class RequirementView(TypedDict):
    """One requirement with everything that was found out about it."""

    id: str
    title: str
    family: Literal["security", "recovery"]
    owner: str | None
    severity: Literal["critical", "high", "medium", "low"] | None
    refs: list[str]
    declared_at: str
    declared: bool
    limits: dict[str, float]
    status: StatusName
    raw_status: RawStatusName
    basis: Literal["verdict", "assertions"] | None
    reason: str
    tests: list[TestView]
    waiver: OpenObject | None
    drill: OpenObject | None


class SelectionView(TypedDict):
    """Whether the whole suite was meant to run and did."""

    complete: bool
    narrowed_by: list[str]
    args: list[str]
    deselected: int


class PolicyFileView(TypedDict):
    """A policy file that took part."""

    path: str
    sha256: str


class PolicyView(TypedDict):
    """The policy of the run."""

    path: str
    sha256: str
    extends: list[PolicyFileView]
    replaced: list[str]


class RunView(TypedDict):
    """The circumstances of the run. Times are ISO 8601 in UTC."""

    started: str
    finished: str
    commit: str | None
    dirty: bool | None
    versions: dict[str, str]
    ci: OpenObject | None
    selection: SelectionView
    policy: PolicyView | None
    advisories: OpenObject | None


class SummaryView(TypedDict):
    """How many requirements have each status."""

    met: int
    violated: int
    waived: int
    unverified: int


class Report(TypedDict):
    """The whole report."""

    schema: Literal["pytest-devsecops/report/1"]
    run: RunView
    summary: SummaryView
    requirements: list[RequirementView]


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """One format that a report can be written in.

    Attributes:
        name: how the command line calls it.
        default_file: its file in the folder of a bare ``--devsecops-report``; None if that option
            does not write it.
        render: the report as text; pure. The report is redacted before it comes here.
    """

    name: str
    default_file: str | None
    render: Callable[[Report], str]
