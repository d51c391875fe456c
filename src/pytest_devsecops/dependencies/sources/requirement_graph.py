"""From the lines of a tree of requirements files to dependencies: constraints, reasons, kind, hash checking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Finding, Location
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import (
    Dependency,
    Graph,
    OptionName,
    OriginKind,
    ReadContext,
    SourceError,
    SourceKind,
    SourceRead,
    unreadable,
)
from pytest_devsecops.dependencies.sources.declarations import dependency_of
from pytest_devsecops.dependencies.sources.project_name import project_name
from pytest_devsecops.dependencies.sources.requirement_comments import Reasons, reasons_in
from pytest_devsecops.dependencies.sources.requirement_constraints import Hashed, constrained
from pytest_devsecops.dependencies.sources.requirement_tree import Entry, Tree, read_tree

#: The indexes and the like that, where there is only one index and none of these, leave no other choice.
_OTHER_PLACES = (OptionName.EXTRA_INDEX_URL, OptionName.FIND_LINKS, OptionName.NO_INDEX)


def requirements_graph(path: Path, context: ReadContext, format_name: str) -> Graph:
    """Read a requirements file with all files that it includes.

    Args:
        path: the file.
        context: the project's root and environment variables.
        format_name: the name of the reader, for the evidence.

    Raises:
        SourceError: if pip refuses the file or one that it includes.
    """
    tree = read_tree(path, context)
    problems = list(tree.problems)
    dependencies = _dependencies(tree, context, problems)
    kind = SourceKind.LOCK if _leaves_no_choice(dependencies) else SourceKind.DECLARATION
    hash_checking = _hash_checking(tree)
    sources = tuple(
        SourceRead(
            name=file.name,
            format=format_name,
            kind=kind,
            sha256=file.sha256,
            count=sum(one.source == file.name for one in dependencies),
            included_by=file.included_by,
            hash_checking=hash_checking,
        )
        for file in tree.files
    )
    return Graph(tuple(dependencies), sources, tuple(problems), tuple(tree.options))


def _dependencies(tree: Tree, context: ReadContext, problems: list[Finding]) -> list[Dependency]:
    constraints: dict[str, list[Hashed]] = defaultdict(list)
    for entry in tree.entries:
        if entry.constraint:
            constraints[canonicalize_name(str(entry.form.name))].append(Hashed(entry.form, entry.hashes))
    index = _only_index(tree)
    found: list[Dependency] = []
    for entry in tree.entries:
        if entry.constraint:
            continue
        wanted, contradiction = constrained(
            Hashed(entry.form, entry.hashes),
            constraints.get(canonicalize_name(entry.form.name or ""), ()),
        )
        dependency = dependency_of(wanted.form, hashes=wanted.hashes, location=entry.location, context=context)
        if dependency.origin.kind is OriginKind.INDEX:
            dependency = replace(dependency, origin=replace(dependency.origin, url=index))
        if contradiction:
            fix = "make the requirement and its constraint agree"
            problems.append(unreadable(dependency.subject, contradiction, fix=fix, location=entry.location))
        if entry.form.name is None:
            problems.append(_nameless(dependency, entry.location))
        found.append(dependency)
    return _with_reasons(found, [entry for entry in tree.entries if not entry.constraint], context)


def _with_reasons(found: Sequence[Dependency], entries: Sequence[Entry], context: ReadContext) -> list[Dependency]:
    """Add parents and directness from comments; an uncommented entry among commented ones is direct.

    A file in which no entry has such a comment was written by hand (every entry is direct) or
    compiled without them; exact versions alone cannot tell which, so it stays unknown then.
    """
    reasons = [reasons_in(entry.comments) for entry in entries]
    names = {dependency.name for dependency in found}
    own_name = canonicalize_name(project_name(context.root) or "")
    commented = {entry.location.path for entry, one in zip(entries, reasons, strict=True) if one.given}
    written_by_hand = not _leaves_no_choice(found)
    return list(
        dict.fromkeys(
            replace(
                dependency,
                parents=tuple(name for name in one.names if name in names),
                direct=_direct(one, own_name, commented=dependency.source in commented, by_hand=written_by_hand),
            )
            for dependency, one in zip(found, reasons, strict=True)
        ),
    )


def _direct(reasons: Reasons, own_name: str, *, commented: bool, by_hand: bool) -> bool | None:
    if reasons.given:
        return reasons.direct or own_name in reasons.names or (None if not reasons.names else False)
    return True if commented or by_hand else None


def _leaves_no_choice(dependencies: Iterable[Dependency]) -> bool:
    chosen = [
        one.version if one.origin.kind is OriginKind.INDEX else one.origin.commit
        for one in dependencies
        if one.origin.kind in (OriginKind.INDEX, OriginKind.VCS)
    ]
    return bool(chosen) and all(chosen)


def _hash_checking(tree: Tree) -> bool:
    """Tell whether pip demands a hash of every entry: when told to, or when one entry has some."""
    names = {option.name for option in tree.options}
    if OptionName.REQUIRE_HASHES in names and OptionName.NO_REQUIRE_HASHES in names:
        raise SourceError(
            "--require-hashes and --no-require-hashes exclude each other",
            place=tree.files[0].name,
            remedy="keep one of them",
        )
    by_entry = OptionName.NO_REQUIRE_HASHES not in names and any(entry.has_hash_options for entry in tree.entries)
    return OptionName.REQUIRE_HASHES in names or by_entry


def _only_index(tree: Tree) -> str:
    """Return the index that every entry must come from, or empty if the files leave it open."""
    if any(option.name in _OTHER_PLACES for option in tree.options):
        return ""
    indexes = [option.value for option in tree.options if option.name is OptionName.INDEX_URL]
    return indexes[-1] if indexes else ""


def _nameless(dependency: Dependency, location: Location) -> Finding:
    return unreadable(
        dependency.name,
        f"{without_credentials(dependency.name)} does not say which project it is; only building it would tell",
        fix="write it as `name @ URL`",
        location=location,
    )
