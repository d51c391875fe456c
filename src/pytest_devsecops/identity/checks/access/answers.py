"""What an answer shows, without asking its status code first.

Refusals of real applications are 401, 403, 404, 400, 302 or a login page with 200, and a refused write
may answer 200 and change nothing. So what counts is whether a marker is seen, whether what the owner
reads has changed, and only where neither can be known, whether two answers say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.antiforgery import is_token
from pytest_devsecops.identity.http import Response

_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)
#: Where a function was reached although the request was of no use to it.
_REACHED = (400, 409, 410, 415, 422)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.\d+)?)?")
_AGO = re.compile(r"(?:(?:(?:\d+|an?|a few)\s(?:second|minute)s?(?:,\s\d+\sseconds?)?\sago|just now))+")
_DATED = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?"
#: Moments as they stand in texts: with a date, by the clock alone, or told from now.
_TIMES = re.compile(rf"{_DATED}|\b\d{{1,2}}:\d\d(?::\d\d(?:\.\d+)?)?\b|{_AGO.pattern}")
#: A page may be one line, so a token in one of its tags must not stand for all of it.
_PIECES = re.compile(r"\n|(?=<)|(?<=>)")
#: A field or a meta element, and its name; tokens against cross-site requests stand in such.
_TAG_WITH_TOKEN = re.compile(r"<(?:input|meta)\b[^>]*?\sname\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
#: What itsdangerous signs, with the time in seconds and the signature behind it.
_SIGNED_WITH_TIME = re.compile(r"(?<![\w.-])([\w-]{4,})\.[\w-]{6}\.[\w-]{27,86}(?![\w-])")
_ALIKE = 0.95
_MOST = 0.8
_COMPARED = 20_000
_DIGITS = re.compile(r"\d+")
#: A segment with a digit in it: a number, a UUID, a random text.
_ID = re.compile(r"[^/]*\d[^/]*")
_WORDS = re.compile(r"[\w@.-]+")

#: A flat document: values by key path, or pieces by number.
Flat = Mapping[str, Any]


def holds(response: Response, marker: str) -> bool:
    """Tell whether a marker is anywhere in an answer, its headers included."""
    wanted = marker.casefold()
    texts = (response.text, *(value for name, value in response.headers if name.lower() != "set-cookie"))
    return any(wanted in text.casefold() for text in texts)


def is_success(response: Response) -> bool:
    """Tell whether the status is 2xx."""
    return response.status in _SUCCESS


def is_answer(response: Response, refusal: Response) -> bool:
    """Tell whether a function was reached, as far as an answer shows it.

    Args:
        response: the answer.
        refusal: what the application says to somebody who is not logged in.
    """
    if response.status in _REDIRECT:
        return refusal.status not in _REDIRECT or _address(response) != _address(refusal)
    if response.status in _SUCCESS:
        return refusal.status not in _SUCCESS or not same_answer(response, refusal)
    return response.status in _REACHED


def same_answer(one: Response, other: Response) -> bool:
    """Tell whether two answers say the same: JSON of the same shape, or nearly the same text."""
    if one.status != other.status:
        return False
    shapes = _shapes(one, other)
    if shapes is not None:
        return bool(shapes[0] == shapes[1])
    first, second = _words(one), _words(other)
    return first == second or SequenceMatcher(a=first, b=second, autojunk=False).ratio() >= _ALIKE


def says_what(answer: Response, granted: Response, refusal: Response, markers: Iterable[str] = ()) -> bool:
    """Tell whether an answer says what those get to see who may.

    Pages share their frame, a refusal included, so only what a refusal lacks counts.

    Args:
        answer: what somebody got who may not.
        granted: what somebody got who may.
        refusal: what an anonymous caller got, or another refusal.
        markers: texts that differ from one caller to the next.
    """
    if answer.status != granted.status:
        return False
    if answer.location and granted.location:  # what else a redirect says is its framework's
        return _led_to(answer) == _led_to(granted)
    shapes = _shapes(answer, granted)
    if shapes is not None:
        return bool(shapes[0] == shapes[1])
    passing = {marker.casefold() for marker in markers}
    telling = set(_words(granted)) - set(_words(refusal)) - passing
    return bool(telling) and len(telling & set(_words(answer))) >= _MOST * len(telling)


def _shapes(one: Response, other: Response) -> tuple[Any, Any] | None:
    """Return the shapes of two JSON documents, or None if one of them is none."""
    first, second = one.json(), other.json()
    if isinstance(first, dict | list) and isinstance(second, dict | list):
        return _outline(first), _outline(second)
    return None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the owner of something reads, with what changes by itself left out.

    Attributes:
        seen: whether it could be read at all.
        values: what was read.
        volatile: keys that differed between two readings.
    """

    seen: bool
    values: Flat
    volatile: frozenset[str] = frozenset()

    def changes(self, later: Snapshot) -> list[str]:
        """Return the keys that something changed in between."""
        if self.seen != later.seen:
            return ["(all of it)"]
        keys = (self.values.keys() | later.values.keys()) - self.volatile - later.volatile
        return sorted(
            key
            for key in keys
            if self.values.get(key, _ABSENT) != later.values.get(key, _ABSENT)
            and not _is_passing_time(self.values.get(key), later.values.get(key))
        )


_ABSENT = object()


def flat(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - any value
    """Return a value's leaves by key path."""
    if isinstance(value, Mapping):
        return {key: leaf for name, item in value.items() for key, leaf in flat(item, f"{path}.{name}").items()}
    if isinstance(value, list | tuple):
        return {key: leaf for index, item in enumerate(value) for key, leaf in flat(item, f"{path}[{index}]").items()}
    return {path: value}


def of_response(response: Response) -> dict[str, Any]:
    """Return an answer's content by key path, or piece by piece, as lines and tags part it, where it is no JSON."""
    content = response.json()
    if isinstance(content, dict | list):
        return {key: _timeless(leaf) if isinstance(leaf, str) else leaf for key, leaf in flat(content).items()}
    return {f"piece {number}": _timeless(piece) for number, piece in enumerate(_PIECES.split(response.text), 1)}


def _timeless(text: str) -> str:
    """Return a text without what is made anew for each page, or each second, and says nothing of what is shown."""
    name = _TAG_WITH_TOKEN.match(text)
    if name and is_token(name[1]) and ("hidden" in text.lower() or text[1:5].lower() == "meta"):
        return f"<{name[1]}>"
    return _SIGNED_WITH_TIME.sub(r"\1", text)


def steady(first: Flat, second: Flat) -> frozenset[str]:
    """Return the keys that differ between two readings with nothing in between, and not by the time alone."""
    return frozenset(
        key
        for key in first.keys() | second.keys()
        if first.get(key, _ABSENT) != second.get(key, _ABSENT) and not _is_passing_time(first.get(key), second.get(key))
    )


def _is_passing_time(before: object, after: object) -> bool:
    """Tell whether a value only moved on with the time, such as the date of the last visit in a page."""
    if isinstance(before, str) and isinstance(after, str):
        moments = list(zip(_TIMES.findall(before), _TIMES.findall(after), strict=False))
        same = _TIMES.sub("", before) == _TIMES.sub("", after) and len(_TIMES.findall(before)) == len(moments)
        return same and bool(moments) and all(_is_soon_after(*pair) for pair in moments)
    # Seconds since 1970 of this century, as a float; a whole number may be an amount.
    return isinstance(before, float) and isinstance(after, float) and before > 1e9 and 0 <= after - before < 60  # noqa: PLR2004 - see above


def _is_soon_after(before: str, after: str) -> bool:
    if before == after or _AGO.fullmatch(before + after):
        return True
    try:
        first, second = (datetime.fromisoformat(text.replace(" +", "+")) for text in (before, after))
        return abs((second - first).total_seconds()) < 3600  # noqa: PLR2004 - an hour
    except (ValueError, TypeError):
        pass
    clocks = [_CLOCK.fullmatch(text) for text in (before, after)]
    seconds = [int(one[1]) * 3600 + int(one[2]) * 60 + int(one[3] or 0) for one in clocks if one is not None]
    return len(seconds) == 2 and 0 <= (seconds[1] - seconds[0]) % 43_200 < 3600  # noqa: PLR2004 - both of a pair, half a day, an hour


def _outline(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _outline(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_outline(value[0])] if value else []
    return "x" if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _words(response: Response) -> list[str]:
    return [_DIGITS.sub("0", word) for word in _WORDS.findall(response.text[:_COMPARED].casefold())]


def _led_to(response: Response) -> str:
    """Return where a redirect leads, with what may be an id left out."""
    return _ID.sub("0", urlsplit(response.location).path).rstrip("/")


def _address(response: Response) -> str:
    return response.location.partition("?")[0]
