"""What an origin says about a dependency: whether it is fetched at all, and whether it stands still."""

from __future__ import annotations

import re

from pytest_devsecops.dependencies.model import Dependency, Graph, OriginKind

#: A commit in full: SHA-1 or SHA-256. Anything shorter can come to mean another commit.
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)

#: How many hexadecimal digits a digest has, for the algorithms without a known collision.
STRONG_DIGESTS = {
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "blake2b": 128,
    "blake2s": 64,
}


def is_local(dependency: Dependency) -> bool:
    """Tell whether it is taken from a path of this machine, so that nothing is fetched for it."""
    return dependency.origin.kind in (OriginKind.PATH, OriginKind.EDITABLE)


def may_be_from_index(dependency: Dependency) -> bool:
    """Tell whether what an index says about its name and version can be about it."""
    return dependency.origin.kind in (OriginKind.INDEX, OriginKind.UNKNOWN)


def is_at_full_commit(dependency: Dependency) -> bool:
    """Tell whether a VCS dependency names one commit in full."""
    origin = dependency.origin
    return any(_FULL_COMMIT.fullmatch(text) for text in (origin.commit, origin.reference))


def is_strong(digest: str, algorithms: frozenset[str] = frozenset(STRONG_DIGESTS)) -> bool:
    """Tell whether ``algorithm:hexdigest`` is whole and of one of ``algorithms``."""
    algorithm, _, digits = digest.lower().partition(":")
    return (
        algorithm in algorithms
        and len(digits) == STRONG_DIGESTS.get(algorithm)
        and re.fullmatch("[0-9a-f]+", digits) is not None
    )


def algorithms_of(hashes: tuple[str, ...]) -> str:
    """Return the names of the algorithms, for sentences."""
    return ", ".join(dict.fromkeys(digest.partition(":")[0] for digest in hashes))


def local_subjects(graph: Graph) -> list[str]:
    """Return what is taken from paths of this machine, for the evidence."""
    return sorted({one.subject for one in graph.dependencies if is_local(one)})
