"""Requirements: what must hold, who owns it, and how definitions of one id come together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pytest_devsecops.core.errors import UsageError

FAMILIES = ("security", "recovery")
SEVERITIES = ("critical", "high", "medium", "low")

#: What definitions of one requirement can disagree about.
_FIELDS = ("title", "family", "owner", "severity", "refs", "limits")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def is_requirement_id(text: str) -> bool:
    """Tell whether ``text`` can be a requirement's id: letters, digits, dots, dashes, underscores."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement, as a policy, a hook or a marker defines it.

    Attributes:
        id: its id; for a bare marker the node id of the test.
        title: what must hold, in words.
        family: ``security`` or ``recovery``.
        owner: who answers for it.
        severity: ``critical``, ``high``, ``medium`` or ``low``.
        refs: catalogue references such as ``asvs:v5.0.0-9.1.2``.
        declared_at: ``file:line`` of the marker, or the policy's file and key path.
        limits: objectives in seconds by name (``{"rto": 1800.0}``).
        declared: whether a policy or a hook declares it, so that it must have a test.
    """

    id: str
    title: str
    family: str
    owner: str | None = None
    severity: str | None = None
    refs: tuple[str, ...] = ()
    declared_at: str = ""
    limits: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    declared: bool = False


def merge(definitions: Iterable[Requirement]) -> Requirement:
    """Return one requirement from all definitions of its id; a declared one wins field by field.

    Raises:
        UsageError: if two declarations disagree about a field, or two markers about one that no
            declaration settles.
    """
    found = list(definitions)
    declared = [one for one in found if one.declared]
    claimed = [one for one in found if not one.declared]
    _refuse_disagreement(declared, settled=())
    _refuse_disagreement(claimed, settled=[name for name in _FIELDS if any(getattr(one, name) for one in declared)])
    merged, *others = [*declared, *claimed]
    for other in others:
        merged = _join(merged, other)
    return merged


def as_dict(requirement: Requirement) -> dict[str, Any]:
    """Return the requirement as a JSON object; ``from_dict`` reads it back."""
    return {
        "id": requirement.id,
        "title": requirement.title,
        "family": requirement.family,
        "owner": requirement.owner,
        "severity": requirement.severity,
        "refs": list(requirement.refs),
        "declared_at": requirement.declared_at,
        "limits": dict(requirement.limits),
        "declared": requirement.declared,
    }


def from_dict(data: Mapping[str, Any]) -> Requirement:
    """Return the requirement that ``as_dict`` wrote."""
    return Requirement(
        **{
            **data,
            "refs": tuple(data["refs"]),
            "limits": MappingProxyType(dict(data["limits"])),
        },
    )


def _join(winner: Requirement, other: Requirement) -> Requirement:
    return Requirement(
        id=winner.id,
        title=winner.title or other.title,
        family=winner.family,
        owner=winner.owner or other.owner,
        severity=winner.severity or other.severity,
        refs=tuple(dict.fromkeys((*winner.refs, *other.refs))),
        declared_at=winner.declared_at,
        limits=MappingProxyType({**other.limits, **winner.limits}),
        declared=winner.declared,
    )


def _refuse_disagreement(definitions: Iterable[Requirement], *, settled: Iterable[str]) -> None:
    for name in _FIELDS:
        if name in settled:
            continue
        saying = [one for one in definitions if getattr(one, name)]
        for other in saying[1:]:
            first, one, two = saying[0], getattr(saying[0], name), getattr(other, name)
            if one != two:
                message = (
                    f"requirement {first.id!r} has two definitions that disagree about its {name}: "
                    f"{_shown(one)} at {first.declared_at}, {_shown(two)} at {other.declared_at}"
                )
                raise UsageError(message, remedy="define it once, best in the policy, and let tests name its id only")


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return repr(dict(value))
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
