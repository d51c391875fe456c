"""Cookies that say in clear who is logged in, rewritten to say somebody else."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote, unquote


def rewritten(value: str, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the value with one text replaced by another, in every form in which it holds the first.

    Args:
        value: a cookie's value.
        pairs: what to look for, and what to put there; a number as short as one digit counts too.
    """
    for decode, encode in _FORMS:
        text = decode(value)
        if text is None:
            continue
        for old, new in dict.fromkeys(pairs):
            if old and old != new and _holds(text, old):
                yield encode(text.replace(old, new))


def _holds(text: str, part: str) -> bool:
    """Tell whether a text has a part; a short one only as a whole word."""
    if len(part) > 3:  # noqa: PLR2004 - shorter ones are everywhere
        return part in text
    words = "".join(letter if letter.isalnum() else " " for letter in text).split()
    return part in words


def _from_base64(value: str) -> str | None:
    plain = value.strip('"').replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _from_hex(value: str) -> str | None:
    try:
        return bytes.fromhex(value).decode()
    except ValueError:
        return None


_FORMS: tuple[tuple[Callable[[str], str | None], Callable[[str], str]], ...] = (
    (str, str),
    (unquote, lambda text: quote(text, safe="")),
    (_from_base64, lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")),
    (_from_base64, lambda text: base64.b64encode(text.encode()).decode()),
    (_from_hex, lambda text: text.encode().hex()),
)
