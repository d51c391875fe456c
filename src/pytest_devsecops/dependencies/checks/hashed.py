"""``hashed()``: whatever is fetched for a dependency must have a hash without a known collision.

Policy::

    [tool.devsecops.dependencies.hashed]
    algorithms = ["sha256", "sha512"]   # default: sha256 and what is at least as strong
    allow_vcs = true                    # a full commit counts: it is a hash of what is checked out
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.core.decode import TableReader
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted, did_you_mean
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind, SourceKind
from pytest_devsecops.dependencies.origins import (
    STRONG_DIGESTS,
    algorithms_of,
    is_at_full_commit,
    is_local,
    is_strong,
    local_subjects,
)

NAME = "dependencies.hashed"

_LOCK_FIX = "lock the project with hashes (`pip-compile --generate-hashes`, uv, Poetry, PDM, Pipenv)"


@dataclass(frozen=True, slots=True)
class HashPolicy:
    """What counts as a hash.

    Attributes:
        algorithms: the algorithms that count.
        allow_vcs: whether a repository at a full commit counts, which the version control system
            itself compares.
    """

    algorithms: frozenset[str] = frozenset(STRONG_DIGESTS)
    allow_vcs: bool = True


def read_hash_policy(reader: TableReader) -> HashPolicy:
    """Decode ``[tool.devsecops.dependencies.hashed]``."""
    table = reader.table("hashed")
    algorithms = table.strings("algorithms", tuple(STRONG_DIGESTS))
    for name in algorithms:
        if name not in STRONG_DIGESTS:
            table.problem("algorithms", f"{name!r} is not a strong algorithm; {did_you_mean(name, STRONG_DIGESTS)}")
    if not algorithms:
        table.problem("algorithms", "must name at least one")
    policy = HashPolicy(frozenset(algorithms), allow_vcs=table.boolean("allow_vcs", default=True))
    table.finish()
    return policy


def hashed(graph: Graph, policy: HashPolicy) -> Verdict:
    """Judge whether an installer can tell that it got the very files that were locked.

    Every file that the source lists must have a hash that counts; where it lists no files, the
    dependency must. What is taken from a path is not fetched, and listed in the evidence.

    Returns:
        Violated without such a hash; unverified for an environment, which keeps no hashes.
    """
    environments = {source.name for source in graph.sources if source.kind is SourceKind.ENVIRONMENT}
    paths = Paths(graph)
    return judge_each(
        NAME,
        graph,
        lambda dependency: _judge(dependency, policy, paths, installed=dependency.source in environments),
        met="have strong hashes",
        applies=lambda dependency: not is_local(dependency),
        evidence={"local": local_subjects(graph), "algorithms": sorted(policy.algorithms)},
    )


def _judge(dependency: Dependency, policy: HashPolicy, paths: Paths, *, installed: bool) -> Iterator[Finding]:
    if dependency.origin.kind is OriginKind.VCS:
        yield from _judge_vcs(dependency, policy, paths)
        return
    found = [one.hashes for one in dependency.artifacts] or [dependency.hashes]
    weak = [hashes for hashes in found if not any(is_strong(one, policy.algorithms) for one in hashes)]
    if not weak:
        return
    known = algorithms_of(tuple(digest for hashes in weak for digest in hashes))
    if known:
        files = f" for {len(weak)} of {counted(len(found), 'file')}" if dependency.artifacts else ""
        message = f"has only weak or broken hashes{files} ({known})"
        yield _finding("weak-hash", dependency, message, f"lock it again with {min(policy.algorithms)}", paths)
    elif installed:
        message = "is installed, and an environment does not keep the hash of what was fetched"
        fix = "name the lock file that it was installed from in `sources`"
        yield _finding("hash-unknown", dependency, message, fix, paths, Status.UNVERIFIED)
    else:
        files = f" for {len(weak)} of {counted(len(found), 'file')}" if dependency.artifacts else ""
        yield _finding("no-hash", dependency, f"has no hash{files}", _LOCK_FIX, paths)


def _judge_vcs(dependency: Dependency, policy: HashPolicy, paths: Paths) -> Iterator[Finding]:
    where = dependency.origin.url
    if not policy.allow_vcs:
        message = f"comes from the repository {where}, which the policy does not count as hashed"
        yield _finding("vcs-without-hash", dependency, message, "depend on a release with a hash", paths)
    elif not is_at_full_commit(dependency):
        message = f"comes from the repository {where} without a full commit"
        yield _finding("moving-reference", dependency, message, "name the commit in full, behind an @", paths)


def _finding(
    rule: str, dependency: Dependency, message: str, fix: str, paths: Paths, status: Status = Status.VIOLATED
) -> Finding:
    return Finding(
        rule,
        dependency.subject,
        f"{dependency.subject} {message}{paths.why(dependency.name)}",
        fix=fix,
        location=dependency.location,
        status=status,
        detail={"path": list(paths.to(dependency.name)), "hashes": list(dependency.hashes)},
    )
