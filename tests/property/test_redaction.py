from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from pytest_devsecops.core.redaction import MASK, MIN_LENGTH, Redactor

#: Printable, without white space at the ends, which is stripped from a secret as configured.
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs")), min_size=MIN_LENGTH, max_size=40)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
ENCODERS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    html.escape,
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: repr(text)[1:-1],
    lambda text: text.encode().hex(),
)


@given(SECRETS, TEXTS, TEXTS, st.sampled_from(ENCODERS))
def test_no_encoding_of_a_secret_survives(secret: str, before: str, after: str, encode: Callable[[str], str]) -> None:
    redactor = Redactor([secret])
    if redactor.ignored:  # part of the mask itself
        return
    document = {"evidence": [f"{before} {encode(secret)} {after}"]}
    cleaned = redactor.redact(document)
    assert MASK in cleaned["evidence"][0]
    redactor.refuse(json.dumps(cleaned, ensure_ascii=False), "report.json")


@given(SECRETS, st.binary(max_size=9), st.binary(max_size=9))
def test_base64_around_a_secret_decodes_to_none_of_it(secret: str, before: bytes, after: bytes) -> None:
    redactor = Redactor([secret])
    if redactor.ignored:  # part of a word that every report has
        return
    encoded = base64.b64encode(before + secret.encode() + after).decode()
    assert redactor.text(encoded) != encoded


@given(SECRETS, TEXTS)
def test_cleaning_twice_changes_nothing_more(secret: str, text: str) -> None:
    redactor = Redactor([secret])
    once = redactor.text(f"{text}{secret}{text}")
    assert redactor.text(once) == once


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda part: st.lists(part, max_size=4)))
def test_without_secrets_a_value_stays_as_it_is(value: object) -> None:
    assert Redactor(shapes=()).redact([value]) == [value] or "://" in json.dumps(value)
