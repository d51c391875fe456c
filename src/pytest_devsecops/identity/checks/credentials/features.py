"""What an answer looks like to somebody who wonders whether an account exists.

Answers differ for many reasons: tokens, times, the name that was typed. So an answer becomes a set of
features, without the names, and a feature tells something only if it is in every answer of one kind and in
none of the other.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.cookies import parse_set_cookie
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.personas import Persona

Feature = tuple[str, ...]

#: Headers whose value, or presence, has nothing to do with the account.
_IGNORED = (
    *("age", "connection", "content-length", "content-security-policy", "date", "etag", "expires", "keep-alive"),
    *("last-modified", "location", "server-timing", "set-cookie", "traceparent", "via"),
    *("x-process-time", "x-request-id", "x-runtime"),
)
_TOKEN = re.compile(r"(?=[\w+/=.~-]*\d)(?=[\w+/=.~-]*[A-Za-z])[\w+/=.~-]{20,}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]?[\d:.Z+]*|\b\d\d:\d\d(:\d\d)?\b|\b\d{9,}(\.\d+)?\b")
_READS = ("GET", "HEAD", "OPTIONS")


def features_of(history: Sequence[Exchange], persona: Persona) -> frozenset[Feature]:
    """Return the features of what was answered, from the first request that was meant to change something.

    Args:
        history: the exchanges of one browser.
        persona: whose names are taken out of the answers, in every spelling.
    """
    start = next((number for number, one in enumerate(history) if one.request.method not in _READS), 0)
    names = _names(persona)
    found: set[Feature] = {("answers", str(len(history) - start))}
    for number, exchange in enumerate(history[start:]):
        found.update((str(number), *feature) for feature in _features(exchange.response, names))
    return frozenset(found)


def telling(these: Iterable[frozenset[Feature]], those: Iterable[frozenset[Feature]]) -> list[Feature]:
    """Return the features that every one of ``these`` answers has and none of ``those``."""
    mine, theirs = list(these), list(those)
    if not mine or not theirs:
        return []
    return sorted(frozenset.intersection(*mine) - frozenset.union(*theirs))


def in_words(feature: Feature) -> str:
    """Return a feature as a phrase."""
    *_, kind, text = ("", *feature)
    return f"{kind} {text!r}"


def _features(response: Response, names: Sequence[str]) -> Iterator[Feature]:
    yield "status", str(response.status)
    if response.header("location"):
        yield "redirect to", _plain(response.header("location"), names)
    for name, value in response.headers:
        if name.lower() not in _IGNORED:
            yield "header", f"{name.lower()}: {_plain(value, names)}"
    for header in response.every("set-cookie"):
        cookie = parse_set_cookie(header)
        if cookie is not None:
            yield "cookie", f"{_plain(cookie.name, names)}{' removed' if cookie.removes else ''}"
    yield from (("text", text) for text in _texts(response, names))


def _texts(response: Response, names: Sequence[str]) -> Iterator[str]:
    document = response.json()
    if isinstance(document, dict | list):
        yield from (_plain(leaf, names) for leaf in _leaves(document, ""))
        return
    for part in re.split(r"[<>\n]", response.text):
        text = _plain(html.unescape(part).strip(), names)
        if text:
            yield text


def _leaves(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{path}[]")
    else:
        yield f"{path}={json.dumps(value)}"


def _names(persona: Persona) -> list[str]:
    known = {persona.username, persona.password, *(text for text in persona.data.values() if isinstance(text, str))}
    known |= {name.partition("@")[0] for name in known if "@" in name}
    spelled = {spelling for name in known if len(name) > 1 for spelling in _spellings(name)}
    return sorted(spelled, key=len, reverse=True)


def _spellings(name: str) -> set[str]:
    written = {name, html.escape(name), quote(name), quote(name, safe=""), quote_plus(name), json.dumps(name)[1:-1]}
    return {text.lower() for text in written}


def _plain(text: str, names: Sequence[str]) -> str:
    lowered = text.lower()
    for name in names:
        lowered = lowered.replace(name, "<name>")
    return _TIME.sub("<time>", _TOKEN.sub("<token>", lowered))
