"""Version specifiers (PEP 440) that leave only one choice."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet


def exact_version(specifier: SpecifierSet) -> str | None:
    """Return the only version that ``==`` (without a wildcard) or ``===`` allows, else None."""
    versions = {
        part.version
        for part in specifier
        if part.operator == "===" or (part.operator == "==" and not part.version.endswith(".*"))
    }
    return versions.pop() if len(versions) == 1 else None


def contradicts_itself(specifier: SpecifierSet) -> bool:
    """Tell whether a version that ``==`` names is shut out by another part of ``specifier``."""
    exact = [part.version for part in specifier if part.operator == "==" and not part.version.endswith(".*")]
    return not all(specifier.contains(version, prereleases=True) for version in exact)
