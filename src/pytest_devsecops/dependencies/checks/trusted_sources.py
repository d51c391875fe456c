"""``from_trusted_sources()``: dependencies come from where the organisation says, and from nowhere else.

Policy::

    [tool.devsecops.dependencies.origins]
    indexes = ["https://index.example/simple"]     # any dependency may come from these
    default_index = "https://index.example/simple" # what the installer asks where a source names no index
    private = [{ names = ["acme-*"], index = "https://pypi.acme.example/simple" }]
    vcs = ["code.example/acme"]                    # hosts or prefixes; always at a full commit
    urls = ["https://files.example/wheels/"]       # prefixes of archives and of find-links pages
    files = ["https://files.example/packages/"]    # if given: where an index may keep its files
    allow_editable = false
    allow_paths = false

A private name may come only from its index, and no other index may even be asked for it: who can
register the name there would be installed (dependency confusion).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.core.verdict import NOTHING_EXAMINED, Verdict
from pytest_devsecops.dependencies.addresses import Address, parse_address, repository_address
from pytest_devsecops.dependencies.asked_indexes import AskedIndexes, is_url
from pytest_devsecops.dependencies.judging import Paths, judge_each
from pytest_devsecops.dependencies.model import Dependency, Graph, OptionName, OriginKind, SourceOption
from pytest_devsecops.dependencies.names import NameTable
from pytest_devsecops.dependencies.origin_policy import OriginPolicy
from pytest_devsecops.dependencies.origins import is_at_full_commit

NAME = "dependencies.from_trusted_sources"

_TABLE = "[tool.devsecops.dependencies.origins]"


def from_trusted_sources(graph: Graph, policy: OriginPolicy) -> Verdict:
    """Judge where every dependency comes from, and what the sources tell an installer to ask.

    Returns:
        Violated for a place that the policy does not name, a moving VCS reference, an unencrypted
        transport, an unchecked certificate, and a reserved name for which another index is asked;
        unverified where a source does not say where a dependency comes from, and without a policy.
    """
    judge = _Judge(graph, policy)
    options = [found for option in graph.options for found in judge.option(option)]
    return judge_each(
        NAME,
        graph,
        judge.dependency,
        met="come from trusted sources",
        findings=[*_no_policy(policy), *options],
        evidence={"places": judge.places(), "file_hosts": judge.file_hosts(), "files_judged": bool(policy.files)},
    )


def _no_policy(policy: OriginPolicy) -> list[Finding]:
    if policy.exists:
        return []
    return [
        Finding(
            NOTHING_EXAMINED,
            NAME,
            "the policy trusts no source: it has no table `origins`",
            fix=f'write {_TABLE} with `indexes = ["https://…"]`',
            status=Status.UNVERIFIED,
        )
    ]


class _Judge:
    """The policy, ready to be asked about one dependency or option after the other."""

    def __init__(self, graph: Graph, policy: OriginPolicy) -> None:
        self._graph = graph
        self._policy = policy
        self._paths = Paths(graph)
        self._asked = AskedIndexes(graph, str(policy.default_index or ""))
        self._reserved = NameTable((name, one.index) for one in policy.private for name in one.names)

    def places(self) -> dict[str, int]:
        """Return how many dependencies come from each place, for the evidence."""
        found: dict[str, int] = {}
        for one in self._graph.dependencies:
            place = f"{one.origin.kind}: {one.origin.url or 'not named'}"
            found[place] = found.get(place, 0) + 1
        return found

    def file_hosts(self) -> list[str]:
        """Return the hosts of the files that the sources list, for the evidence."""
        urls = (artifact.url for one in self._graph.dependencies for artifact in one.artifacts)
        # Many files have one host, and reading a URL costs more than cutting it.
        fronts = {"/".join(url.split("/", 3)[:3]) for url in urls if is_url(url)}
        return sorted({address.host for address in map(_read, fronts) if address is not None})

    def dependency(self, one: Dependency) -> Iterator[Finding]:
        """Judge one dependency."""
        kind = one.origin.kind
        if (one.origin.editable or kind is OriginKind.EDITABLE) and not self._policy.allow_editable:
            yield self._finding("editable", one, "is editable", f"install a release, or {_set('allow_editable')}")
        if kind is OriginKind.INDEX:
            yield from self._from_index(one)
        elif kind is OriginKind.VCS:
            yield from self._from_repository(one)
        elif kind is OriginKind.URL:
            yield from self._from_url(one)
        elif kind is OriginKind.PATH and not self._policy.allow_paths:
            message = f"comes from the path {one.origin.url or '(unknown)'}"
            yield self._finding("local-path", one, message, f"install a release, or {_set('allow_paths')}")
        elif kind is OriginKind.UNKNOWN:
            message = f"may come from anywhere: {one.source or self._graph.place} does not say"
            fix = "name the lock file that it is installed from in `sources`"
            yield self._finding("origin-unknown", one, message, fix, Status.UNVERIFIED)
        yield from self._files(one)

    def option(self, option: SourceOption) -> Iterator[Finding]:
        """Judge one option of a source."""
        value = option.value
        if option.name is OptionName.TRUSTED_HOST:
            message = f"{option.source} does not check the certificate of {value} (--trusted-host)"
            yield _option_finding("unchecked-certificate", option, message, "remove --trusted-host; install the CA")
        elif option.name in (OptionName.INDEX_URL, OptionName.EXTRA_INDEX_URL, OptionName.EXPLICIT_INDEX_URL):
            known = [*self._policy.indexes, *(one.index for one in self._policy.private)]
            if _read(value) not in known:
                message = f"{option.source} asks the index {value}, which is not trusted"
                yield _option_finding("untrusted-index", option, message, _add("indexes"))
            yield from _insecure_option(option)
        elif option.name is OptionName.FIND_LINKS:
            if not self._trusts_links(value):
                message = f"{option.source} takes files from {value} (--find-links), which is not trusted"
                key = "urls" if is_url(value) else "allow_paths"
                yield _option_finding("untrusted-find-links", option, message, _add(key))
            yield from _insecure_option(option)

    def _trusts_links(self, value: str) -> bool:
        if not is_url(value):
            return self._policy.allow_paths
        return _is_below(value, (*self._policy.urls, *self._policy.indexes))

    def _from_index(self, one: Dependency) -> Iterator[Finding]:
        asked = self._asked.asked_for(one)
        reserved = self._reserved.find(one.name)
        if reserved:
            yield from self._from_private_index(one, asked, reserved[0])
            return
        if "" in asked or not asked:
            yield self._index_unknown(one)
        # What an option names is told once, at the option.
        options = set() if one.origin.url else {option.value for option in self._graph.options}
        for url in filter(None, asked):
            if url in options:
                continue
            if not is_url(url) and not self._policy.allow_paths:
                yield self._finding("local-path", one, f"comes from the path {url}", _set("allow_paths"))
            elif is_url(url) and _read(url) not in self._policy.indexes:
                message = f"comes from the index {url}, which is not trusted"
                yield self._finding("untrusted-index", one, message, _add("indexes"))
            yield from self._insecure(one, [url])

    def _index_unknown(self, one: Dependency) -> Finding:
        """Return the same finding for every dependency of a source: naming the index settles all of them."""
        source = one.source or self._graph.place
        return Finding(
            "index-unknown",
            source,
            f"{source} does not name the index that its dependencies come from; nobody knows the installer's default",
            fix=f'name it in the source, or write `default_index = "https://…"` in {_TABLE}',
            status=Status.UNVERIFIED,
        )

    def _from_private_index(self, one: Dependency, asked: list[str], index: Address) -> Iterator[Finding]:
        others = [url for url in asked if _read(url) != index]
        if not others:
            yield from self._insecure(one, [str(index)])
        elif asked == [""]:
            message = f"is reserved for {index}, and its source does not say which index is asked"
            yield self._finding("index-unknown", one, message, f"name {index} in the source", Status.UNVERIFIED)
        else:
            shown = ", ".join(url or "the installer's default index" for url in others)
            verb = "comes from" if one.origin.url else "may come from"
            message = f"is reserved for {index}, but {verb} {shown}"
            fix = f"let {one.name} come from {index} alone: of several indexes, anybody's copy can win"
            yield self._finding("dependency-confusion", one, message, fix)

    def _from_repository(self, one: Dependency) -> Iterator[Finding]:
        where = one.origin.url
        if not is_at_full_commit(one):
            asked = one.origin.reference or "the default branch"
            fix = "name the commit in full, behind an @"
            yield self._finding("moving-reference", one, f"comes from {where} at {asked}, which can move", fix)
        if where.lower().startswith("file:"):
            if not self._policy.allow_paths:
                yield self._finding("local-path", one, f"comes from the path {where}", _set("allow_paths"))
            return
        if not _is_below(where, self._policy.vcs, repository_address):
            message = f"comes from the repository {where}, which is not trusted"
            yield self._finding("untrusted-repository", one, message, _add("vcs"))
        yield from self._insecure(one, [where])

    def _from_url(self, one: Dependency) -> Iterator[Finding]:
        if not _is_below(one.origin.url, self._policy.urls):
            message = f"comes from {one.origin.url}, which is not trusted"
            yield self._finding("untrusted-url", one, message, _add("urls"))
        yield from self._insecure(one, [one.origin.url])

    def _files(self, one: Dependency) -> Iterator[Finding]:
        """Judge the files that an index links to: a lock file that was tampered with names others."""
        urls = [artifact.url for artifact in one.artifacts if is_url(artifact.url)]
        trusted = (*self._policy.files, *self._policy.urls)
        others = [url for url in urls if self._policy.files and not _is_below(url, trusted)]
        if others:
            files = f"{len(others)} of {counted(len(urls), 'file')}"
            message = f"has {files} outside of the places where its index keeps them, such as {others[0]}"
            yield self._finding("untrusted-file", one, message, _add("files"))
        yield from self._insecure(one, urls)

    def _insecure(self, one: Dependency, urls: Sequence[str]) -> Iterator[Finding]:
        insecure = next(filter(_is_insecure, urls), None)
        if insecure is not None:
            message = f"is fetched from {insecure}, which anybody on the way can change"
            yield self._finding("insecure-transport", one, message, "use https")

    def _finding(self, rule: str, one: Dependency, message: str, fix: str, status: Status = Status.VIOLATED) -> Finding:
        return Finding(
            rule,
            one.subject,
            f"{one.subject} {message}{self._paths.why(one.name)}",
            fix=fix,
            location=one.location,
            status=status,
            detail={"path": list(self._paths.to(one.name)), "origin": str(one.origin.kind), "url": one.origin.url},
        )


def _read(url: str) -> Address | None:
    try:
        return parse_address(url)
    except ValueError:
        return None  # what cannot be read is equal to nothing, so it is not trusted


def _is_below(url: str, trusted: tuple[Address, ...], parse: Callable[[str], Address] = parse_address) -> bool:
    try:
        address = parse(url)
    except ValueError:
        return False
    return any(one.covers(address) for one in trusted)


def _is_insecure(url: str) -> bool:
    if url.startswith("https://") or not is_url(url):
        return False
    address = _read(url)
    return address is not None and not address.is_secure


def _insecure_option(option: SourceOption) -> Iterator[Finding]:
    if _is_insecure(option.value):
        message = f"{option.source} asks {option.value}, which anybody on the way can change"
        yield _option_finding("insecure-transport", option, message, "use https")


def _option_finding(rule: str, option: SourceOption, message: str, fix: str) -> Finding:
    return Finding(rule, option.value, message, fix=fix, location=option.location, detail={"option": str(option.name)})


def _add(key: str) -> str:
    return f"take it from a trusted place, or add the place to `{key}` in {_TABLE}"


def _set(key: str) -> str:
    return f"set {key} = true in {_TABLE}"
