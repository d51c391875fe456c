"""The decoded policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.requirement import Requirement

#: Decodes the table of one requirement family; it notes problems in the reader and calls nothing
#: else. The result is a frozen dataclass of the family.
SectionDecoder = Callable[[TableReader], Any]


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file that took part in the policy."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What the organisation and the project demand.

    Attributes:
        root: the project's root; relative paths in sections start here.
        files: every file that took part, the most general first; empty without a policy.
        replaced: one line per value of an extended policy that an extending one replaced.
        requirements: declared requirements by id.
        require_verdicts: whether a requirement judged by assertions alone is unverified.
        redact_environment: names of environment variables whose values must never be written.
        sections: the decoded table of each requirement family.
    """

    root: Path
    files: tuple[PolicyFile, ...] = ()
    replaced: tuple[str, ...] = ()
    requirements: Mapping[str, Requirement] = field(default_factory=dict)
    require_verdicts: bool = False
    redact_environment: tuple[str, ...] = ()
    sections: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether any policy file was found."""
        return bool(self.files)

    def as_dict(self) -> dict[str, Any] | None:
        """Return the report's ``policy`` object, or None without a policy."""
        if not self.files:
            return None
        own = self.files[-1]
        return {
            "path": own.path,
            "sha256": own.sha256,
            "extends": [{"path": base.path, "sha256": base.sha256} for base in self.files[:-1]],
            "replaced": list(self.replaced),
        }
