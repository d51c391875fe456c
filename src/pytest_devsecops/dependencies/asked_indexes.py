"""Which indexes an installer asks, as far as the sources tell."""

from __future__ import annotations

import re

from pytest_devsecops.dependencies.model import Dependency, Graph, OptionName, SourceOption


def is_url(text: str) -> bool:
    """Tell whether ``text`` is a URL of a remote place, not a path or a ``file:`` URL."""
    return re.match(r"(?!file:)[A-Za-z][A-Za-z0-9+.-]+://", text, re.IGNORECASE) is not None


class AskedIndexes:
    """The indexes that are asked for the dependencies of a graph.

    Options of a file that others include bear on all of them (pip, "Requirements File Format").

    Args:
        graph: the graph with its options.
        default: the index that is asked where a source names none; empty if nobody knows.
    """

    def __init__(self, graph: Graph, default: str) -> None:
        self._default = default
        self._included_by = {source.name: source.included_by for source in graph.sources}
        self._options: dict[str, list[SourceOption]] = {}
        for option in graph.options:
            self._options.setdefault(self._root(option.source), []).append(option)

    def asked_for(self, dependency: Dependency) -> list[str]:
        """Return the indexes and find-links places from which ``dependency`` may be taken.

        An empty text stands for the installer's own default index, if nobody knows it.
        """
        if dependency.origin.url:
            return [dependency.origin.url]
        options = self._options.get(self._root(dependency.source), [])
        named = {name: [one.value for one in options if one.name is name] for name in OptionName}
        first = [] if named[OptionName.NO_INDEX] else (named[OptionName.INDEX_URL][-1:] or [self._default])
        extra = [] if named[OptionName.NO_INDEX] else named[OptionName.EXTRA_INDEX_URL]
        return list(dict.fromkeys([*first, *extra, *named[OptionName.FIND_LINKS]]))

    def _root(self, name: str) -> str:
        seen = {name}
        while (parent := self._included_by.get(name, "")) and parent not in seen:
            seen.add(parent)
            name = parent
        return name
