"""Findings: what a check saw that keeps its verdict from being met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pytest_devsecops.core.errors import UsageError


class Status(StrEnum):
    """What is known about a verdict or a requirement. Only ``MET`` is good news."""

    MET = "met"
    VIOLATED = "violated"
    WAIVED = "waived"
    UNVERIFIED = "unverified"


#: From bad to good: the status of a whole is the first of these that one of its parts has.
WORST_FIRST = (Status.VIOLATED, Status.UNVERIFIED, Status.WAIVED, Status.MET)


def worst(statuses: list[Status]) -> Status:
    """Return the worst of ``statuses``; of none it is unverified, because nothing was examined."""
    return next((status for status in WORST_FIRST if status in statuses), Status.UNVERIFIED)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file, relative to the project's root where the file lies below it."""

    path: str
    line: int | None = None

    def __str__(self) -> str:
        return self.path if self.line is None else f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a verdict is not met.

    Attributes:
        rule: the stable id of the rule, such as ``not-allowed``; lower case, with dashes.
        subject: what it is about, such as ``django 1.11``.
        message: what is wrong, complete without the other fields.
        fix: what to do about it.
        refs: where the rule comes from (``asvs:v5.0.0-9.1.2``, ``CVE-2021-32807``).
        location: where the subject was seen.
        status: ``VIOLATED`` if it was examined and is wrong, ``UNVERIFIED`` if it could not be
            examined.
        detail: what a program may want to know besides; JSON values. A text ``request`` in it is the command
            that shows the finding; the explanation prints it.
        waived_by: the id of the waiver that accepts it.

    Raises:
        UsageError: if the status is neither; a finding that is good news would turn a verdict green.
    """

    rule: str
    subject: str
    message: str
    fix: str = ""
    refs: tuple[str, ...] = ()
    location: Location | None = None
    status: Status = Status.VIOLATED
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    waived_by: str | None = None

    def __post_init__(self) -> None:
        if self.status not in (Status.VIOLATED, Status.UNVERIFIED):
            raise UsageError(
                f"the finding {self.rule!r} cannot have the status {self.status}",
                remedy="use Status.VIOLATED or Status.UNVERIFIED",
            )
