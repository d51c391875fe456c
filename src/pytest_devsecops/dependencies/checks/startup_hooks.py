"""``free_of_startup_hooks()``: nothing runs at the start of Python that nobody accepted.

Policy: ``[tool.devsecops.dependencies.startup_hooks]`` with the list ``allow``. An entry accepts one
content of a file, or the files of one distribution that are unchanged since its installation::

    allow = [
      { file = "company.pth", sha256 = "9f86…", reason = "sets up the proxy, read by security" },
      { distribution = "ddtrace", versions = "<4", reason = "tracing" },
    ]

Known hooks of setuptools, virtualenv, coverage and pytest-cov are recognised by their content.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.environment.startup import Hook, Startup
from pytest_devsecops.dependencies.judging import in_order, source_evidence
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.ranges import Answer, lies_within, parse_specifier

NAME = "dependencies.free_of_startup_hooks"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHOWN_CODE = 100


@dataclass(frozen=True, slots=True)
class AllowedHook:
    """One entry of the list ``allow``: a file with its hash, or a distribution."""

    reason: str
    file: str = ""
    sha256: str = ""
    distribution: str = ""
    versions: SpecifierSet = field(default_factory=SpecifierSet)


@dataclass(frozen=True, slots=True)
class HookPolicy:
    """Which start-up hooks are accepted besides the known ones."""

    allow: tuple[AllowedHook, ...] = ()


def read_hook_policy(reader: TableReader) -> HookPolicy:
    """Decode the table ``startup_hooks``."""
    table = reader.table("startup_hooks")
    allow = tuple(_read_allowed(entry) for entry in table.entries("allow", shorthand="file"))
    table.finish()
    return HookPolicy(allow)


def free_of_startup_hooks(
    graph: Graph, found: Sequence[Startup], policy: HookPolicy, shown: Callable[[Path], str]
) -> Verdict:
    """Judge what runs at the start.

    Args:
        graph: the environments, as sources.
        found: what each of them runs.
        policy: what is accepted.
        shown: how a path is written in findings and evidence.
    """
    hooks = [hook for one in found for hook in one.hooks]
    accepted = {id(hook): reason for hook in hooks if (reason := _accepted(hook, policy))}
    folders = sum(one.folders for one in found)
    path_files = sum(one.path_files for one in found)
    findings = [_finding(hook, shown) for hook in hooks if id(hook) not in accepted]
    return Verdict(
        NAME,
        in_order([*findings, *(problem for one in found for problem in _unreadable(one, shown)), *graph.problems]),
        examined={"folders": folders, "from": graph.place},
        summary=f"nothing unknown runs at the start of {graph.place}: {counted(path_files, '.pth file')} read",
        evidence={
            "sources": source_evidence(graph),
            ".pth files": path_files,
            "accepted": [
                {"file": shown(hook.file), "sha256": hook.sha256, "because": accepted[id(hook)]}
                for hook in hooks
                if id(hook) in accepted
            ],
        },
    )


def _read_allowed(entry: TableReader) -> AllowedHook:
    allowed = AllowedHook(
        reason=entry.string("reason", required=True),
        file=entry.string("file"),
        sha256=entry.parsed("sha256", _sha256, ""),
        distribution=canonicalize_name(entry.string("distribution")),
        versions=entry.parsed("versions", parse_specifier, SpecifierSet()),
    )
    if bool(allowed.file) == bool(allowed.distribution):
        entry.problem("", "needs either a file with its sha256, or a distribution")
    elif allowed.file and not entry.has("sha256"):
        entry.problem("sha256", "is missing: a name alone would accept any content; the finding tells the value")
    elif allowed.file and str(allowed.versions):
        entry.problem("versions", "goes with a distribution, not with a file")
    entry.finish()
    return allowed


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text.lower()):
        msg = "must be the 64 hexadecimal digits of a SHA-256"
        raise ValueError(msg)
    return text.lower()


def _accepted(hook: Hook, policy: HookPolicy) -> str:
    """Return why a hook is accepted, or an empty string."""
    if hook.is_harmless:
        return "; ".join(hook.known)
    for one in policy.allow:
        by_content = one.file == hook.file.name and one.sha256 == hook.sha256
        if by_content or (one.distribution and _is_of(hook, one)):
            return one.reason
    return ""


def _is_of(hook: Hook, allowed: AllowedHook) -> bool:
    if hook.owner != allowed.distribution or allowed.sha256 not in ("", hook.sha256):
        return False
    return lies_within(Dependency(hook.owner, hook.owner_version), [allowed.versions]) is Answer.YES


def _finding(hook: Hook, shown: Callable[[Path], str]) -> Finding:
    name, line = hook.file.name, hook.lines[0] if hook.lines else None
    owner = f" of {hook.owner} {hook.owner_version}" if hook.owner else ", which no distribution lists unchanged,"
    entry = f'{{ file = "{name}", sha256 = "{hook.sha256}", reason = "…" }}'
    if line is None:
        message = f"{name}{owner} is imported at every start of Python"
    else:
        more = f" and {counted(len(hook.lines) - 1, 'more line')}" if len(hook.lines) > 1 else ""
        message = f"{name}{owner} runs at every start of Python: {_short(line.text)}{more}"
    remove = f"uninstall {hook.owner}" if hook.owner else "delete it"
    return Finding(
        "startup-hook",
        name,
        message,
        fix=f"read what it does; {remove}, or accept it with an entry of `allow` in "
        f"[tool.devsecops.dependencies.startup_hooks]: {entry}",
        location=Location(shown(hook.file), line.number if line else None),
        detail=_detail(hook),
    )


def _detail(hook: Hook) -> dict[str, Any]:
    return {
        "sha256": hook.sha256,
        "owner": hook.owner,
        "lines": [{"number": line.number, "text": line.text} for line in hook.lines],
    }


def _unreadable(startup: Startup, shown: Callable[[Path], str]) -> Iterator[Finding]:
    for path, reason in startup.unreadable:
        yield Finding(
            "startup-hook-unreadable",
            path.name,
            f"{shown(path)} cannot be read, and may run code at the start of Python: {reason}",
            fix="let the tests run as a user who may read it",
            location=Location(shown(path)),
            status=Status.UNVERIFIED,
        )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CODE else f"{text[:_SHOWN_CODE]}…"
