"""What "the same" means: two snapshots become a list of differences. Pure.

Every thing, every property and every container of rows is compared, whatever the store; a store
only says which changes of a property are known to be harmless.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Difference, Snapshot

#: Tells whether a change of (kind, property, before, after) is harmless.
Tolerance = Callable[[str, str, str | None, str | None], bool]

_SHOWN = 160
#: Kinds of things whose parts are not worth a sentence each when the whole is missing.
_WHOLES = frozenset({"database", "table", "view", "materialized view", "foreign table", "composite type"})


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two snapshots differ.

    Attributes:
        differences: everything that counts.
        ignored: what the user asked to ignore, each with the reason.
    """

    differences: tuple[Difference, ...]
    ignored: tuple[tuple[Difference, str], ...]


def compare(before: Snapshot, after: Snapshot, tolerates: Tolerance, ignore: Mapping[str, str]) -> Comparison:
    """Compare what was there with what came back.

    Args:
        before: the source at the moment of loss.
        after: the restored target.
        tolerates: the store's known harmless changes.
        ignore: patterns ``kind:name`` (shell style) with the reason.
    """
    kept: list[Difference] = []
    ignored: list[tuple[Difference, str]] = []
    for difference in [*_rows(before, after), *_things(before, after, tolerates)]:
        reason = reason_to_ignore(difference.subject, ignore)
        if reason is None:
            kept.append(difference)
        else:
            ignored.append((difference, reason))
    return Comparison(tuple(kept), tuple(ignored))


def reason_to_ignore(subject: str, ignore: Mapping[str, str]) -> str | None:
    """Return the reason of the first pattern that ``subject`` matches, or None."""
    return next((reason for pattern, reason in ignore.items() if fnmatch.fnmatchcase(subject, pattern)), None)


def without_ignored(snapshot: Snapshot, ignore: Mapping[str, str]) -> Snapshot:
    """Return what of a snapshot a comparison examines: whatever is ignored could be lost without a word."""
    if not ignore:
        return snapshot
    things = {
        kind: {name: held for name, held in names.items() if reason_to_ignore(f"{kind}:{name}", ignore) is None}
        for kind, names in snapshot.things.items()
    }
    rows = {name: held for name, held in snapshot.rows.items() if reason_to_ignore(f"rows:{name}", ignore) is None}
    return replace(snapshot, things=things, rows=rows)


def _things(before: Snapshot, after: Snapshot, tolerates: Tolerance) -> Iterator[Difference]:
    gone, came = _wholes(before, after), _wholes(after, before)
    for kind in dict.fromkeys([*before.things, *after.things]):
        old, new = before.things.get(kind, {}), after.things.get(kind, {})
        for name in dict.fromkeys([*old, *new]):
            if name not in new:
                if not tolerates(kind, "", "present", None) and not _within(kind, name, gone):
                    yield Difference("lost", kind, name, f"{kind} {name} is lost", detail=_detail(old[name]))
            elif name not in old:
                if not tolerates(kind, "", None, "present") and not _within(kind, name, came):
                    yield Difference("added", kind, name, f"{kind} {name} came back although it was not in the source")
            else:
                yield from _properties(kind, name, old[name], new[name], tolerates)


def _wholes(here: Snapshot, there: Snapshot) -> frozenset[str]:
    """Return the names of what is here and not there and has parts of its own."""
    return frozenset(
        name
        for kind, names in here.things.items()
        if kind in _WHOLES
        for name in names
        if name not in there.things.get(kind, {})
    )


def _within(kind: str, name: str, wholes: frozenset[str]) -> bool:
    """Tell whether a thing is part of a whole that is missing as well, so that naming the whole is enough."""
    if not wholes:
        return False
    parents = [name.rpartition(" on ")[2]] if " on " in name else []
    if kind == "column":
        parents.append(name.rpartition(".")[0])
    if ":" in name:
        # What lies in another database is called database:name.
        parents.append(name.partition(":")[0])
    return any(parent in wholes for parent in parents)


def _properties(
    kind: str,
    name: str,
    old: Mapping[str, str | None],
    new: Mapping[str, str | None],
    tolerates: Tolerance,
) -> Iterator[Difference]:
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key), new.get(key)
        if was != now and not tolerates(kind, key, was, now):
            old_text, new_text = shown_apart(was, now)
            message = f"{kind} {name}: {key} was {old_text} and came back as {new_text}"
            yield Difference("altered", kind, name, message, detail={"property": key, "was": old_text, "is": new_text})


def _rows(before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    for name in dict.fromkeys([*before.rows, *after.rows]):
        old, new = before.rows.get(name), after.rows.get(name)
        if old == new:
            continue
        if new is None and old is not None:
            yield Difference("lost", "rows", name, f"{name} is lost with {counted(old.count, 'row')}")
        elif old is None and new is not None:
            yield Difference("added", "rows", name, f"{name} came back although it was not in the source")
        elif old is not None and new is not None:
            counts = {"was": str(old.count), "is": str(new.count)}
            yield Difference("altered", "rows", name, rows_message(name, old.count, new.count), detail=counts)


def rows_message(name: str, was: int, now: int) -> str:
    """Return the sentence for a container whose rows differ."""
    if now < was:
        return f"{name} lost {counted(was - now, 'row')}: it had {was:,}, {now:,} came back"
    if now > was:
        return f"{name} came back with {counted(now - was, 'row')} too many: it had {was:,}, now {now:,}"
    return f"{name} has its {counted(was, 'row')}, but their contents differ"


def shown(value: str | None) -> str:
    """Return a value as a message shows it, shortened in the middle."""
    if value is None:
        return "absent"
    return shortened(repr(value))


def shown_apart(was: str | None, now: str | None) -> tuple[str, str]:
    """Return two values that differ as a message shows them, so that the difference is not what is left out."""
    if was is None or now is None or max(len(was), len(now)) <= _SHOWN:
        return shown(was), shown(now)
    same = next(
        (at for at, (old, new) in enumerate(zip(was, now, strict=False)) if old != new), min(len(was), len(now))
    )
    start = max(0, same - _SHOWN // 4)
    return shown(_cut(was, start)), shown(_cut(now, start))


def _cut(text: str, start: int) -> str:
    return text if start == 0 else f"…{text[start:]}"


def shortened(text: str) -> str:
    """Return a text with its middle left out if it is long, and without line breaks."""
    line = " ".join(text.splitlines())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN // 2]}…{line[-_SHOWN // 2 :]}"


def _detail(properties: Mapping[str, str | None]) -> dict[str, str]:
    return {key: shown(value) for key, value in properties.items()}


def only_removed_or_altered(differences: Iterable[Difference]) -> list[Difference]:
    """Return the differences that took something away; a backup may add, but never take."""
    return [one for one in differences if one.change != "added" and not _only_grew(one)]


def _only_grew(difference: Difference) -> bool:
    return difference.kind == "rows" and int(difference.detail.get("is", 0)) > int(difference.detail.get("was", 0))
