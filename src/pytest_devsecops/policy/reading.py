"""From a project's folder to a decoded policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.errors import PolicyError
from pytest_devsecops.core.requirement import FAMILIES, SEVERITIES, Requirement, is_requirement_id
from pytest_devsecops.policy.documents import find_policy, read_merged
from pytest_devsecops.policy.model import Policy, PolicyFile, SectionDecoder


def read_policy(
    root: Path,
    sections: Mapping[str, SectionDecoder],
    *,
    file: Path | None = None,
    bases: Sequence[Path] = (),
) -> Policy:
    """Read the policy of the project at ``root``.

    Args:
        root: the project's root folder.
        sections: a decoder per requirement family, by the name of its table.
        file: the policy file; looked for in ``root`` if None.
        bases: policies that lie below the project's own, such as an installed organisation's.

    Returns:
        The policy; without any policy file, one in which every section has its defaults.

    Raises:
        PolicyError: if the policy cannot be used, with every problem and its key path.
    """
    path = file or find_policy(root)
    merged = read_merged(path, bases)
    problems: list[str] = []
    reader = TableReader(merged.table, merged.prefix.rstrip("."), problems)
    place = _shown_path(merged.documents[-1].path, root) if merged.documents else ""
    requirements = {
        identity: _requirement(identity, table, place) for identity, table in reader.tables("requirements").items()
    }
    policy = Policy(
        root=root,
        files=tuple(PolicyFile(_shown_path(one.path, root), one.sha256) for one in merged.documents),
        replaced=merged.replaced,
        requirements=requirements,
        require_verdicts=reader.boolean("require_verdicts", default=False),
        redact_environment=reader.strings("redact_environment"),
        sections={name: decode(reader.table(name)) for name, decode in sections.items()},
    )
    reader.finish()
    if problems:
        extended = ", ".join(one.path for one in policy.files[:-1])
        raise PolicyError(f"{place} (with {extended})" if extended else place, problems)
    return policy


def _requirement(identity: str, reader: TableReader, place: str) -> Requirement:
    if not is_requirement_id(identity):
        reader.problem("", "a requirement's id has letters, digits, dots, dashes and underscores only")
    limits = {name: reader.duration(name) for name in ("rto", "rpo")}
    family = reader.string("family", "recovery" if any(limits.values()) else "security", choices=FAMILIES)
    requirement = Requirement(
        id=identity,
        title=reader.string("title", required=True),
        family=family,
        owner=reader.optional_string("owner"),
        severity=reader.optional_string("severity", choices=SEVERITIES),
        refs=reader.strings("refs"),
        declared_at=f"{place}: {reader.path}",
        limits={name: seconds for name, seconds in limits.items() if seconds is not None},
        declared=True,
    )
    reader.finish()
    return requirement


def _shown_path(path: Path, root: Path) -> str:
    """Return ``path`` relative to the project, or as it is if it lies elsewhere."""
    resolved = path.resolve()
    return resolved.relative_to(root.resolve()).as_posix() if resolved.is_relative_to(root.resolve()) else str(path)
