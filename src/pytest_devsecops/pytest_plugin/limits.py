"""The objectives that a marker sets: every recovery verdict of its test is held to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.records import Claim
from pytest_devsecops.core.text import format_duration
from pytest_devsecops.core.verdict import Verdict

CHECK = "recovery.limits"
#: The checks that measure.
_MEASURING = frozenset({"recovery.round_trip", "recovery.newest"})


def limits_of(claims: Iterable[Claim]) -> dict[str, float]:
    """Return the strictest limit of each objective that the test's requirements set, in seconds."""
    strictest: dict[str, float] = {}
    for claim in claims:
        for objective, limit in claim.requirement.limits.items():
            strictest[objective] = min(limit, strictest.get(objective, limit))
    return strictest


def judge_limits(limits: Mapping[str, float], verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return a verdict of its own on what the test's verdicts leave open; None if they leave nothing.

    A test without a round trip is judged by what it says itself: its limits
    show in the requirement.

    Args:
        limits: in seconds, by objective.
        verdicts: those of one test.
    """
    # As dictionaries: reading `findings` would count as the author's look.
    made = [verdict.as_dict() for verdict in verdicts]
    if not any(one["check"] in _MEASURING for one in made):
        return None
    findings = []
    for objective, limit in limits.items():
        rules = {found["rule"] for one in made for found in one["findings"]}
        if not rules & {f"{objective}-unknown", f"{objective}-exceeded"}:
            measured = [
                (float(one["measured"][objective]), str(one["summary"])) for one in made if objective in one["measured"]
            ]
            findings.extend(_open(objective, limit, measured))
    return Verdict(CHECK, findings, examined={"verdicts": len(made)}) if findings else None


def _open(objective: str, limit: float, measured: list[tuple[float, str]]) -> list[Finding]:
    most = format_duration(limit)
    if not measured:
        message = f"nothing measured {objective}, which may be at most {most}"
        fix = f"let the test measure it, or take {objective}= from its marker"
        return [Finding(f"{objective}-unknown", objective, message, fix=fix, status=Status.UNVERIFIED)]
    worst, why = max(measured)
    if worst <= limit:
        return []
    message = f"{objective} is {format_duration(worst)}, above the limit of {most}{f': {why}' if why else ''}"
    fix = f"mend what makes it that long, or correct {objective}= of the marker if the objective has changed"
    return [Finding(f"{objective}-exceeded", objective, message, fix=fix)]
