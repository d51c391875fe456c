"""The gate: when the state of the requirements fails a run that pytest alone would pass."""

from __future__ import annotations

from pytest_devsecops.core.assessment import Assessed, Assessment
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.text import counted

_NOT_RUN = ("deselected", "not run")


def reasons_to_fail(assessment: Assessment, *, strict: bool) -> list[str]:
    """Return why the run fails, one sentence each; nothing if it may pass.

    A run that was narrowed is not held responsible for what it did not run, unless ``strict``.
    """
    selection = assessment.run.selection
    reasons = []
    if strict and not selection.complete:
        reasons.append(f"this was not a whole run, as strict demands: {', '.join(selection.narrowed_by)}")
    if strict and not assessment.requirements:
        reasons.append("no requirement is declared or claimed, so strict has nothing to go by")
    bad = unmet(assessment, strict=strict)
    if bad:
        names = ", ".join(one.requirement.id for one in bad)
        verb = "is" if len(bad) == 1 else "are"
        reasons.append(f"{counted(len(bad), 'requirement')} {verb} not met: {names}")
    return reasons


def unmet(assessment: Assessment, *, strict: bool) -> list[Assessed]:
    """Return the requirements that are neither met nor waived and for which this run answers."""
    whole = strict or assessment.run.selection.complete
    return [one for one in assessment.requirements if _is_answerable(one, whole=whole)]


def _is_answerable(one: Assessed, *, whole: bool) -> bool:
    if one.status in (Status.MET, Status.WAIVED):
        return False
    if whole or one.status is Status.VIOLATED:
        return True
    return bool(one.tests) and not any(test.outcome in _NOT_RUN for test in one.tests)
