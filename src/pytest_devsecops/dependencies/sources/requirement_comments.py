"""Why an entry is in a compiled requirements file, as resolvers write it: ``# via django``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

_START = re.compile(r"\s*via\b(?P<rest>.*)")
#: Below ``# via`` the reasons stand indented, one per line.
_REASON_LINE = re.compile(r"\s{2,}(?P<reason>\S.*)")
_PROJECT_FILE = re.compile(r"\S+ \((?:pyproject\.toml|setup\.(?:py|cfg))(?::[^)]*)?\)|-r\s*\S.*|--group\s*\S.*")
_NAME = re.compile(r"([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?:\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why an entry is there.

    Attributes:
        given: whether the comments say anything at all.
        direct: whether a file of the project's own asks for it.
        names: normalised names of what needs it: dependencies, or the project itself.
    """

    given: bool = False
    direct: bool = False
    names: tuple[str, ...] = ()


def reasons_in(comments: Sequence[str]) -> Reasons:
    """Read the comments at and below one entry.

    Both spellings of pip-tools and uv are known: ``via a, b`` on one line, or ``via`` and then one
    reason per line. A reason is a requirements file (``-r requirements.in``), a project file
    (``name (pyproject.toml)``) or a name.
    """
    reasons = list(_reasons(comments))
    names = [found[1] for found in map(_NAME.fullmatch, reasons) if found]
    return Reasons(
        given=bool(reasons),
        direct=any(_PROJECT_FILE.fullmatch(reason) for reason in reasons),
        names=tuple(dict.fromkeys(canonicalize_name(name) for name in names)),
    )


def _reasons(comments: Sequence[str]) -> Iterable[str]:
    for index, comment in enumerate(comments):
        start = _START.fullmatch(comment)
        if start is None:
            continue
        yield from filter(None, (part.strip() for part in start["rest"].split(",")))
        for below in comments[index + 1 :]:
            line = _REASON_LINE.fullmatch(below)
            if line is None:
                return
            yield line["reason"].strip()
        return
