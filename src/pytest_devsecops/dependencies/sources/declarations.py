"""What one TOML document declares, collected by group and turned into a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from pytest_devsecops.core.findings import Location
from pytest_devsecops.core.redaction import without_credentials
from pytest_devsecops.dependencies.model import (
    MAIN,
    Dependency,
    Graph,
    OptionName,
    OriginKind,
    ReadContext,
    SourceKind,
    SourceOption,
    SourceRead,
    unreadable,
    walk_reachable,
)
from pytest_devsecops.dependencies.sources.documents import Document
from pytest_devsecops.dependencies.sources.requirement_forms import Form, read_pep508
from pytest_devsecops.dependencies.sources.requirement_options import BadLineError
from pytest_devsecops.dependencies.sources.specifiers import exact_version
from pytest_devsecops.dependencies.sources.toml_lines import line_of_string


def dependency_of(form: Form, *, hashes: tuple[str, ...], location: Location, context: ReadContext) -> Dependency:
    """Return the dependency that a requirement declares; an unnamed one is called by its address."""
    origin = form.origin
    if origin.kind in (OriginKind.PATH, OriginKind.EDITABLE):
        origin = replace(origin, url=context.shown(Path(origin.url)))
    return Dependency(
        name=canonicalize_name(form.name) if form.name else origin.url,
        version=exact_version(form.specifier) or form.version,
        specifier=str(form.specifier),
        origin=origin,
        hashes=hashes,
        extras=frozenset(canonicalize_name(extra) for extra in form.extras),
        marker=str(form.marker or ""),
        direct=True,
        location=location,
        source=location.path,
    )


@dataclass(slots=True)
class Declarations:
    """Collects the declarations of one document.

    A group asks for what is written in it and for what the groups that it includes ask for.

    Attributes:
        document: the document.
        context: the project's root and environment variables.
        own_name: the project's normalised name; asking for it with extras includes those extras.
        adapt: what else the document says of a dependency of a group, such as where it comes from.
    """

    document: Document
    context: ReadContext
    own_name: str = ""
    adapt: list[Callable[[str, Dependency], Iterable[Dependency]]] = field(default_factory=list)
    _besides: Graph = field(default_factory=Graph)
    _written: dict[str, list[Dependency]] = field(default_factory=lambda: defaultdict(list))
    _includes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def problem(self, subject: str, message: str, fix: str, location: Location | None = None) -> None:
        """Note that something could not be read."""
        subject, message, place = (
            without_credentials(subject),
            without_credentials(message),
            location or self.document.at(),
        )
        self._besides += Graph(problems=(unreadable(subject, message, fix=fix, location=place),))

    def place_of(self, table: str, key: str, text: str) -> Location:
        """Return the place of a string in the array at ``key`` of ``table``."""
        return self.document.at(line_of_string(self.document.text, table, key, text))

    def option(self, name: OptionName, value: str = "") -> None:
        """Note an option that bears on every dependency."""
        option = SourceOption(name, value, self.document.name, self.document.at())
        self._besides += Graph(options=(option,))

    def read_from(self, graph: Graph, group: str) -> None:
        """Add what a file that the document names declares, all of it for ``group``."""
        sources = tuple(
            replace(one, kind=SourceKind.DECLARATION, included_by=one.included_by or self.document.name)
            for one in graph.sources
        )
        self._besides += Graph((), sources, graph.problems, graph.options)
        self.add(group, [replace(one, direct=True) for one in graph.dependencies])

    def add(self, group: str, dependencies: Iterable[Dependency]) -> None:
        """Add dependencies that are written in ``group``; an empty group is one that nothing asks for."""
        self._written[group].extend(dependencies)

    def include(self, group: str, other: str) -> None:
        """Let ``group`` include ``other``."""
        self._includes[group].add(other)

    def requirement(self, group: str, text: str, table: str, key: str) -> None:
        """Add a requirement (PEP 508) of ``group``; one that is not valid is a problem.

        Args:
            group: the group.
            text: the requirement.
            table: the key path of the table that has it.
            key: the key of the array that has it.
        """
        location = self.place_of(table, key, text)
        folder = self.document.path.parent.absolute()
        try:
            form = read_pep508(_with_root(text, folder), folder)
        except BadLineError as error:
            self.problem(text, f"{table}.{key}: {error}".lstrip("."), error.remedy, location)
            return
        if canonicalize_name(str(form.name)) == self.own_name and form.origin.kind is OriginKind.INDEX:
            if not group.startswith("extra:"):
                self.include(group, MAIN)
            for extra in form.extras:
                self.include(group, extra_group(extra))
            return
        self.add(group, [dependency_of(form, hashes=form.hashes, location=location, context=self.context)])

    def finished(self, format_name: str) -> Graph:
        """Return everything as one graph, in the order in which it was added."""
        reached_from = self._reached_from()
        dependencies = tuple(
            dict.fromkeys(
                replace(adapted, groups=frozenset(reached_from[group]))
                for group, written in self._written.items()
                for dependency in written
                for adapted in self._adapted(group, dependency)
            ),
        )
        own = SourceRead(
            name=self.document.name,
            format=format_name,
            kind=SourceKind.DECLARATION,
            sha256=self.document.sha256,
            count=sum(one.source == self.document.name for one in dependencies),
        )
        return Graph(dependencies, (own, *self._besides.sources), self._besides.problems, self._besides.options)

    def _reached_from(self) -> dict[str, set[str]]:
        """Return for each group the groups that ask for what is written in it."""
        found: dict[str, set[str]] = defaultdict(set)
        for group in [*self._written, *self._includes]:
            for reached in walk_reachable(self._includes, [group]):
                found[reached].update({group} if group else ())
        return found

    def _adapted(self, group: str, dependency: Dependency) -> list[Dependency]:
        found = [dependency]
        for adapt in self.adapt:
            found = [adapted for one in found for adapted in adapt(group, one)]
        return found


def extra_group(name: str) -> str:
    """Return the group of an extra."""
    return f"extra:{canonicalize_name(name)}"


def _with_root(text: str, folder: Path) -> str:
    """Replace what Hatch and PDM write for the project's folder, which no PEP has."""
    return text.replace("{root:uri}", folder.as_uri()).replace("${PROJECT_ROOT}", folder.as_posix())
