"""The options of one line of a requirements file, split as pip's own option parser splits them."""

from __future__ import annotations

import functools
import re
import shlex
from collections import defaultdict
from dataclasses import dataclass
from optparse import SUPPRESS_HELP, OptionParser, Values
from typing import NoReturn

from pytest_devsecops.dependencies.model import OptionName

#: The algorithms that pip takes for ``--hash``.
_STRONG = ("sha256", "sha384", "sha512")
#: What resolvers write after a requirement; reading it needs no shell rules.
_ONLY_HASHES = re.compile(r"(?:--hash=[a-z0-9]+:[A-Za-z0-9]+(?: +|$))+")

REQUIREMENT, CONSTRAINT, EDITABLE = "requirement", "constraint", "editable"
_HASH, _CONFIG = "hash", "config-settings"

_WITH_VALUE = {
    OptionName.INDEX_URL: ("-i", "--index-url", "--pypi-url"),
    OptionName.EXTRA_INDEX_URL: ("--extra-index-url",),
    OptionName.FIND_LINKS: ("-f", "--find-links"),
    OptionName.TRUSTED_HOST: ("--trusted-host",),
    OptionName.NO_BINARY: ("--no-binary",),
    OptionName.ONLY_BINARY: ("--only-binary",),
    OptionName.ALL_RELEASES: ("--all-releases",),
    OptionName.ONLY_FINAL: ("--only-final",),
    OptionName.USE_FEATURE: ("--use-feature",),
    REQUIREMENT: ("-r", "--requirement"),
    CONSTRAINT: ("-c", "--constraint"),
    EDITABLE: ("-e", "--editable"),
    _HASH: ("--hash",),
    _CONFIG: ("-C", "--config-settings"),
}
_FLAGS = {
    OptionName.NO_INDEX: ("--no-index",),
    OptionName.PREFER_BINARY: ("--prefer-binary",),
    OptionName.REQUIRE_HASHES: ("--require-hashes",),
    OptionName.NO_REQUIRE_HASHES: ("--no-require-hashes",),
    OptionName.PRE: ("--pre",),
}
#: Whose value must not look like another option.
_NAME_LISTS = (OptionName.NO_BINARY, OptionName.ONLY_BINARY, OptionName.ALL_RELEASES, OptionName.ONLY_FINAL)
_REMOVED = ("--global-option", "--install-option", "--build-option", "--process-dependency-links")
_LINE_OWN = (REQUIREMENT, CONSTRAINT, EDITABLE, _HASH, _CONFIG)


class BadLineError(ValueError):
    """A line that pip refuses; the text says why.

    Args:
        message: what is wrong with it.
        remedy: what to write instead.
    """

    def __init__(self, message: str, remedy: str = "correct the line") -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class LineParts:
    """One logical line, split.

    Attributes:
        requirement: the text before the first option.
        options: the options that are not listed below, in order, with their values.
        requirements, constraints, editables: the values of ``-r``, ``-c`` and ``-e``, in order.
        hashes: ``algorithm:digest`` each, as written.
        stray: what stands between or after options and belongs to none; pip ignores it.
    """

    requirement: str
    options: tuple[tuple[OptionName, str], ...] = ()
    requirements: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    editables: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()


def split_line(text: str) -> LineParts:
    """Split a logical line into the requirement and its options.

    Raises:
        BadLineError: if pip refuses the options.
    """
    requirement, options = _before_options(text)
    if not options:
        return LineParts(requirement)
    if _ONLY_HASHES.fullmatch(options):
        written = [word.removeprefix("--hash=") for word in options.split()]
        return LineParts(requirement, hashes=tuple(_checked_hash(value) for value in written))
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise BadLineError(f"the options {options!r} cannot be split: {error}") from error
    seen: list[tuple[str, str]] = []
    _, stray = _parser().parse_args(words, Values({"seen": seen}))
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in seen:
        values[name].append(value)
    return LineParts(
        requirement,
        options=tuple((OptionName(name), value) for name, value in seen if name not in _LINE_OWN),
        requirements=tuple(values[REQUIREMENT]),
        constraints=tuple(values[CONSTRAINT]),
        editables=tuple(values[EDITABLE]),
        hashes=tuple(_checked_hash(value) for value in values[_HASH]),
        stray=tuple(stray),
    )


def _before_options(text: str) -> tuple[str, str]:
    """Cut before the first word, counted by single spaces, that starts with a dash."""
    words = text.split(" ")
    cut = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:cut]), " ".join(words[cut:])


class _LineOptionParser(OptionParser):
    """pip reads lines with ``optparse``, so shortened options (``--req``) and ``-rFILE`` work in them."""

    def error(self, msg: str) -> NoReturn:
        option = msg.rpartition(" ")[2]
        if option in _REMOVED:
            raise BadLineError(f"{option} is an option that pip no longer has", "use --config-settings, or remove it")
        raise BadLineError(msg)


@functools.cache
def _parser() -> OptionParser:
    parser = _LineOptionParser(usage=SUPPRESS_HELP, add_help_option=False)
    for name, spellings in _WITH_VALUE.items():
        parser.add_option(*spellings, action="callback", type="string", callback=_note, callback_args=(str(name),))
    for name, spellings in _FLAGS.items():
        parser.add_option(*spellings, action="callback", callback=_note, callback_args=(str(name),))
    return parser


def _note(_option: object, spelling: str, value: str | None, parser: OptionParser, name: str) -> None:
    if name in _NAME_LISTS and value is not None and value.startswith("-"):
        raise BadLineError(f"{spelling} needs package names, not {value!r}")
    if name == _CONFIG and value is not None and "=" not in value:
        raise BadLineError(f"{spelling} needs KEY=VALUE, not {value!r}")
    if parser.values is not None:
        parser.values.seen.append((name, value or ""))


def _checked_hash(value: str) -> str:
    algorithm, colon, _ = value.partition(":")
    if not colon:
        raise BadLineError(f"--hash needs ALGORITHM:DIGEST, not {value!r}")
    if algorithm not in _STRONG:
        raise BadLineError(f"--hash takes {', '.join(_STRONG)}, not {algorithm!r}", "hash the file with sha256")
    return value
