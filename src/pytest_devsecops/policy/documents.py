"""Policy files: where they are, what they extend, and how their tables merge.

Tables merge key by key, lists are joined (what is extended first), and any other value of the
extending file replaces the extended one; each replacement is kept for the report. An extended
policy can forbid changes with ``final = ["dependencies.deny", …]``.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import util as import_util
from pathlib import Path
from typing import Any

from pytest_devsecops.core.errors import PolicyError

OWN_FILE = "devsecops.toml"
PROJECT_FILE = "pyproject.toml"
_PACKAGE = "package:"


@dataclass(frozen=True, slots=True)
class Document:
    """One policy file as read: its own table without ``extends`` and ``final``."""

    place: str
    path: Path
    sha256: str
    table: Mapping[str, Any]
    final: tuple[str, ...]
    prefix: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The policy's table after merging, with where it came from.

    Attributes:
        table: the merged table.
        documents: every file that took part, the most general first.
        replaced: one line per value of an extended file that an extending file replaced.
        prefix: the key path of the table in the file that the user edits.
    """

    table: Mapping[str, Any]
    documents: tuple[Document, ...]
    replaced: tuple[str, ...]
    prefix: str


def find_policy(root: Path) -> Path | None:
    """Return the policy file of the project at ``root``, or None if it has none.

    Raises:
        PolicyError: if both ``devsecops.toml`` and ``[tool.devsecops]`` exist, or if
            ``pyproject.toml`` cannot be read.
    """
    own, project = root / OWN_FILE, root / PROJECT_FILE
    in_project = project.is_file() and b"devsecops" in project.read_bytes() and _has_section(project)
    if own.is_file() and in_project:
        message = f"{OWN_FILE} and [tool.devsecops] in {PROJECT_FILE} both exist; keep one of them"
        raise PolicyError(str(root), [message])
    if own.is_file():
        return own
    return project if in_project else None


def read_merged(path: Path | None, bases: Sequence[Path] = ()) -> Merged:
    """Read the policy file at ``path`` with everything that it extends.

    Args:
        path: the project's own file, or None if it has none.
        bases: files that lie below it without its saying so, such as an installed organisation's.

    Raises:
        PolicyError: if a file is missing or not TOML, if files extend each other in a circle, or
            if a value that an extended policy calls final is changed.
    """
    entries = [*bases, path] if path is not None else [*bases]
    # A file that two others extend counts once, where it comes first.
    documents = list({_real(one.path): one for entry in entries for one in _with_bases(entry, ())}.values())
    table: dict[str, Any] = {}
    replaced: list[str] = []
    problems: list[str] = []
    finals: dict[tuple[str, ...], tuple[str, str]] = {}
    for document in documents:
        where = "" if document is documents[-1] else f"{document.place}: "
        problems.extend(
            f"{where}{document.prefix}{key}: is final in {owner} and cannot be changed here"
            for parts, (key, owner) in finals.items()
            if _lookup(document.table, parts)
        )
        _merge(table, document.table, f"{document.place}: {document.prefix}", replaced)
        for key in document.final:
            parts = _key_parts(key)
            if not _lookup(table, parts):
                # A mistyped key would keep nothing, and nobody would know.
                problems.append(f"{where}{document.prefix}final: {key!r} names nothing that this policy sets")
            finals[parts] = (key, document.place)
    if problems:
        raise PolicyError(str(entries[-1]), problems)
    prefix = documents[-1].prefix if documents else ""
    return Merged(table, tuple(documents), tuple(replaced), prefix)


def _with_bases(path: Path, extending: tuple[Path, ...]) -> Iterator[Document]:
    resolved = _real(path)
    if resolved in extending:
        chain = " -> ".join(item.name for item in (*extending, resolved))
        raise PolicyError(str(path), [f"extends: the policies extend each other in a circle: {chain}"])
    document, bases = _read(path)
    for base in bases:
        yield from _with_bases(_base_path(base, document), (*extending, resolved))
    yield document


def _read(path: Path) -> tuple[Document, list[str]]:
    data = _load(path)
    in_project = path.name == PROJECT_FILE
    table = _tool_table(data).get("devsecops", {}) if in_project else data
    prefix = "tool.devsecops." if in_project else ""
    if not isinstance(table, dict):
        raise PolicyError(str(path), ["tool.devsecops: must be a table"])
    own = dict(table)
    extends, final = own.pop("extends", []), own.pop("final", [])
    problems = [
        f"{prefix}{key}: must be a list of strings"
        for key, value in (("extends", extends), ("final", final))
        if not (isinstance(value, list) and all(isinstance(item, str) and "\0" not in item for item in value))
    ]
    if problems:
        raise PolicyError(str(path), problems)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Document(str(path), path, digest, own, tuple(final), prefix), extends


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PolicyError(str(path), ["there is no such file; check the path that names it"]) from None
    except OSError as error:
        raise PolicyError(str(path), [f"cannot be read: {error.strerror or error}"]) from None
    except UnicodeDecodeError as error:
        raise PolicyError(str(path), [f"is not UTF-8 (byte {error.start}); save it as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(str(path), [f"is not valid TOML: {error}"]) from None
    except RecursionError:
        raise PolicyError(str(path), ["is nested too deeply to be read"]) from None


def _has_section(project: Path) -> bool:
    return "devsecops" in _tool_table(_load(project))


def _tool_table(data: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = data.get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _real(path: Path) -> Path:
    """Return the path without symbolic links; unlike ``Path.resolve`` it takes a circle of links as it is."""
    return Path(os.path.realpath(path))


def _base_path(base: str, document: Document) -> Path:
    if not base.startswith(_PACKAGE):
        return document.path.parent / base
    package, _, name = base.removeprefix(_PACKAGE).partition("/")
    # find_spec imports parent packages only, so a policy package needs no importable code.
    try:
        spec = import_util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    except Exception as error:  # the code of a parent package runs, and can fail in any way
        message = f"{document.prefix}extends: the package {package!r} of {base!r} cannot be found: {error}"
        raise PolicyError(str(document.path), [message]) from error
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        message = f"{document.prefix}extends: the package {package!r} of {base!r} is not installed; pip install it"
        raise PolicyError(str(document.path), [message])
    return Path(places[0], name or OWN_FILE)


def _key_parts(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key as TOML reads it; of what is no key, the text itself."""
    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return (key,)
    parts: list[str] = []
    while isinstance(value, dict) and len(value) == 1:
        part, value = next(iter(value.items()))
        parts.append(part)
    return tuple(parts) if value == 0 else (key,)


def _lookup(table: Mapping[str, Any], parts: tuple[str, ...]) -> bool:
    value: Any = table
    for part in parts:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _merge(into: dict[str, Any], table: Mapping[str, Any], place: str, replaced: list[str]) -> None:
    for key, value in table.items():
        old = into.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            _merge(old, value, f"{place}{key}.", replaced)
        elif isinstance(old, list) and isinstance(value, list):
            into[key] = [*old, *value]
        else:
            if key in into and old != value:
                replaced.append(f"{place}{key}: {old!r} became {value!r}")
            into[key] = _copied(value)


def _copied(value: Any) -> Any:  # noqa: ANN401 - any TOML value
    """Return tables copied, so that merging never writes into a document."""
    return {key: _copied(item) for key, item in value.items()} if isinstance(value, dict) else value
