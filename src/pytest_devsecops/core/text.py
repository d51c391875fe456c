"""Small text helpers that every message shares."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
#: Seconds below which a duration is shown in seconds alone.
_MIXED_FROM = 120


def shown_path(path: Path) -> str:
    """Return a path as text that can be written anywhere: bytes that are no UTF-8 become escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` most likely meant, or None if nothing is close."""
    candidates = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the tail of an error message for an unknown word, naming the nearest or all known."""
    names = sorted(known)
    close = nearest(word, names)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return ``number`` with its noun: ``1 finding``, ``1,204 findings``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def singular(noun: str) -> str:
    """Return one of what a regular English plural names: ``rule`` of ``rules``, ``dependency`` of ``dependencies``."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def parse_duration(text: str) -> float:
    """Return the seconds that a duration such as ``30m``, ``25h``, ``7d`` or ``1h 30m`` stands for.

    Raises:
        ValueError: if the text is not a sum of numbers with a unit of ms, s, m, h, d or w.
    """
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        msg = f"{text!r} is not a duration; write for example '30m', '25h' or '7d'"
        raise ValueError(msg)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Return ``seconds`` in the units that keep it short: ``0.4s``, ``90s``, ``30m``, ``7d``, ``1d 3m 7s``.

    What is long and no whole number of one unit is rounded up to a second: what exceeds a limit never looks like it.
    """
    if not math.isfinite(seconds):
        return str(seconds)
    for unit in ("w", "d", "h", "m"):
        size = _SECONDS[unit]
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    if seconds < _MIXED_FROM:
        return f"{seconds:g}s" if seconds < 1 else f"{seconds:.1f}".rstrip("0").rstrip(".") + "s"
    parts, rest = [], math.ceil(seconds)
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)
