"""Constraints: they narrow a requirement that is there, and add none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packaging.markers import Marker

from pytest_devsecops.dependencies.model import OriginKind
from pytest_devsecops.dependencies.sources.requirement_forms import Form
from pytest_devsecops.dependencies.sources.specifiers import contradicts_itself


@dataclass(frozen=True, slots=True)
class Hashed:
    """A requirement or constraint with the hashes from its URL and its options together."""

    form: Form
    hashes: tuple[str, ...]


def constrained(wanted: Hashed, constraints: Iterable[Hashed]) -> tuple[Hashed, str]:
    """Return ``wanted`` with all ``constraints`` on its name applied, and what contradicts, or ``""``.

    As pip does it, ranges intersect; hashes intersect where both sides have some; a constraint with a
    URL says where the requirement comes from. A constraint whose marker neither holds in the running
    environment nor is the requirement's own does not apply.
    """
    form, hashes, contradiction = wanted.form, wanted.hashes, ""
    for constraint in constraints:
        rule = constraint.form
        if not _applies(rule.marker, form.marker):
            continue
        if rule.specifier:
            form = replace(form, specifier=form.specifier & rule.specifier)
        if rule.origin.kind is not OriginKind.INDEX and form.origin.kind is OriginKind.INDEX:
            form = replace(form, origin=rule.origin, version=rule.version)
        if hashes and constraint.hashes and not set(hashes) & set(constraint.hashes):
            contradiction = "its hashes and those of its constraint have none in common"
        hashes = _both(hashes, constraint.hashes)
        if contradicts_itself(form.specifier):
            contradiction = f"no version can be {str(form.specifier)!r}, which its constraint makes of it"
    return Hashed(form, hashes), contradiction


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    if not first or not second:
        return first or second
    return tuple(value for value in first if value in second)


def _applies(marker: Marker | None, wanted: Marker | None) -> bool:
    return marker is None or str(marker) == str(wanted) or marker.evaluate({"extra": ""})
