"""What a check of this family saw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_devsecops.core.findings import Finding


@dataclass(slots=True)
class Examination:
    """What a check saw. A check fills it in; the family makes the verdict.

    Attributes:
        findings: every reason why the verdict is not met.
        examined: counts by name, such as ``{"attacks": 225}``.
        evidence: JSON values.
        summary: one sentence for the case that all is well.
        exercised: the requirements of ASVS that the check put to the test, where it knows better than
            the table in ``asvs``.
    """

    findings: list[Finding] = field(default_factory=list)
    examined: dict[str, int | str | list[str]] = field(default_factory=dict)
    evidence: dict[str, Any] = field(default_factory=dict)
    summary: str = ""
    exercised: set[str] = field(default_factory=set)
