"""``pinned()``: every dependency stands for one exact release.

Policy::

    [tool.devsecops.dependencies.pinned]
    allow_local = true   # a path or editable of this machine need not have a version
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind
from pytest_devsecops.dependencies.origins import is_at_full_commit, is_local, is_strong, local_subjects

NAME = "dependencies.pinned"


@dataclass(frozen=True, slots=True)
class PinPolicy:
    """What counts as pinned.

    Attributes:
        allow_local: whether a path of this machine, editable or not, is accepted; nothing is fetched
            for it, and the evidence lists it.
    """

    allow_local: bool = True


def read_pin_policy(reader: TableReader) -> PinPolicy:
    """Decode ``[tool.devsecops.dependencies.pinned]``."""
    table = reader.table("pinned")
    policy = PinPolicy(allow_local=table.boolean("allow_local", default=True))
    table.finish()
    return policy


def pinned(graph: Graph, policy: PinPolicy) -> Verdict:
    """Judge whether every dependency can only ever be one release.

    From an index that is an exact version (``==`` without a wildcard, ``===``, or a lock file's
    choice), from a repository a full commit, from a URL a strong hash.

    Returns:
        Violated for every dependency that is none of these. Paths of this machine, if the policy
        allows them, are not counted.
    """
    paths = Paths(graph)
    return judge_each(
        NAME,
        graph,
        lambda dependency: _judge(dependency, paths),
        met="are pinned",
        applies=lambda dependency: not (policy.allow_local and is_local(dependency)),
        evidence={"local": local_subjects(graph)},
    )


def _judge(dependency: Dependency, paths: Paths) -> Iterator[Finding]:
    name = dependency.name
    if is_local(dependency):
        message = f"{dependency.subject} comes from a path, which can change: {dependency.origin.url or 'unknown'}"
        yield _finding("local", dependency, message, "publish it, or set allow_local = true", paths)
    elif dependency.origin.kind is OriginKind.VCS:
        if not is_at_full_commit(dependency):
            asked = dependency.origin.reference or "the default branch"
            message = f"{dependency.subject} comes from {dependency.origin.url} at {asked}, which can move"
            yield _finding("moving-reference", dependency, message, "name the commit in full, behind an @", paths)
    elif dependency.origin.kind is OriginKind.URL:
        if not any(map(is_strong, _hashes(dependency))):
            message = f"{dependency.subject} comes from {dependency.origin.url} without a hash, so the file can change"
            yield _finding("url-without-hash", dependency, message, "add #sha256=… to the URL", paths)
    elif dependency.version is None or dependency.version.endswith(".*"):
        allowed = f"any version in {dependency.specifier}" if dependency.specifier else "any version"
        message = f"{name} is not pinned: {allowed} can be installed"
        fix = f"write {name}==VERSION, or lock the project and name the lock file in `sources`"
        yield _finding("not-pinned", dependency, message, fix, paths)


def _hashes(dependency: Dependency) -> tuple[str, ...]:
    return (*dependency.hashes, *(digest for artifact in dependency.artifacts for digest in artifact.hashes))


def _finding(rule: str, dependency: Dependency, message: str, fix: str, paths: Paths) -> Finding:
    return Finding(
        rule,
        dependency.subject,
        message + paths.why(dependency.name),
        fix=fix,
        location=dependency.location,
        detail={"path": list(paths.to(dependency.name)), "origin": str(dependency.origin.kind)},
    )
