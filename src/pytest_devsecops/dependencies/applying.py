"""Whether a dependency is meant for one environment, by its marker (PEP 508)."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.markers import InvalidMarker, Marker
from packaging.version import InvalidVersion, Version

from pytest_devsecops.dependencies.model import Dependency


def applies(dependency: Dependency, markers: Mapping[str, str]) -> bool:
    """Tell whether ``dependency`` is needed where markers have these values.

    A marker that cannot be read keeps nothing out: its source has a problem that says so.
    """
    if not dependency.marker:
        return True
    try:
        return Marker(dependency.marker).evaluate(dict(markers))
    except InvalidMarker:
        return True


def same_version(one: str | None, other: str | None) -> bool:
    """Tell whether two texts write one version (PEP 440: ``1.0`` is ``1.0.0``); others must be equal."""
    try:
        return Version(one or "") == Version(other or "")
    except InvalidVersion:
        return one == other
