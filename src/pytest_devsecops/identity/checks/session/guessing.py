"""How hard it is to guess a session id, told from a few of them. What is found is a bound from above.

Nobody can prove from samples that an id is random; but one that repeats, that changes in a few places
only, or that is a hash of something known is not (ASVS 5.0 V7.2.3, WSTG-SESS-01).
"""

from __future__ import annotations

import base64
import hashlib
import math
import string
import time
from collections.abc import Iterator, Sequence

_ALPHABETS = (
    string.digits,
    string.digits + "abcdef-",
    string.digits + "ABCDEF-",
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    string.digits + string.ascii_letters,
    string.digits + string.ascii_letters + "-_=",
    string.digits + string.ascii_letters + "+/=",
)
_HASHES = ("md5", "sha1", "sha256", "sha512")
_COUNTED = 2_000
_SECONDS = 120


def strength(values: Sequence[str]) -> float:
    """Return the most bits of entropy that the values can have.

    Places where all values are the same carry none; the others carry as much as the smallest usual
    alphabet that has all of the letters seen. A separator is no letter.

    Args:
        values: ids of different logins.
    """
    if len(values) < 2:  # noqa: PLR2004 - nothing to compare
        return 0.0
    letters = {letter for value in values for letter in value}
    size = next((len(one.strip("-=")) for one in _ALPHABETS if letters <= set(one)), max(64, len(letters)))
    shortest = min(len(value) for value in values)
    bits = 0.0
    for place in range(shortest):
        here = {value[place] for value in values}
        if len(here) > 1:
            bits += math.log2(size)
    return bits


def guessed(values: Sequence[str], names: Sequence[str]) -> str:
    """Return what an id is made of, if it is something that anybody can know; else an empty text.

    Args:
        values: ids, each of the login of the name in the same place.
        names: who logged in.
    """
    known = {value.strip('"').rstrip("=") for value in values}
    for text, what in _guesses(names):
        for form, how in _forms(text):
            if form.rstrip("=") in known:
                return f"{how}{what}"
    return ""


def _guesses(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(names):
        yield name, "the user's name"
    now = int(time.time())
    for second in range(now - _SECONDS, now + 2):
        yield str(second), "the time of the login"
    for number in range(_COUNTED):
        yield str(number), "a number that is counted up"


def _forms(text: str) -> Iterator[tuple[str, str]]:
    data = text.encode()
    yield text, ""
    yield data.hex(), "the hexadecimal form of "
    yield base64.b64encode(data).decode(), "the Base64 form of "
    for name in _HASHES:
        digest = hashlib.new(name, data, usedforsecurity=False)
        yield digest.hexdigest(), f"the {name.upper()} of "
        yield base64.urlsafe_b64encode(digest.digest()).decode(), f"the {name.upper()} of "
