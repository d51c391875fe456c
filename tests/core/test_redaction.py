from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from pytest_devsecops.core.redaction import (
    MASK,
    Redactor,
    Secret,
    SecretLeakError,
    forms_of,
    without_credentials,
)

KNOWN = 'p@ss"w<o>r&d/1 + é\\'
JOSE_HEADER = "eyJhbGciOiJub25lIn0"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://index.example/simple", "https://index.example/simple"),
        ("https://name:secret@index.example/simple", "https://index.example/simple"),
        ("https://token@index.example/simple", "https://index.example/simple"),
        ("https://name:p@ss@index.example/simple", "https://index.example/simple"),
        ("git+https://token@code.example/a/b.git@v1#egg=b", "git+https://code.example/a/b.git@v1#egg=b"),
        ("git+ssh://git@code.example/a/b.git@v1", "git+ssh://git@code.example/a/b.git@v1"),
        ("ssh://git:secret@code.example/a", "ssh://git@code.example/a"),
        ("https://code.example/@scope/package", "https://code.example/@scope/package"),
        ("-i https://a:b@x.example -f https://c@y.example", "-i https://x.example -f https://y.example"),
        ("mail me@host.example", "mail me@host.example"),
    ],
)
def test_credentials_leave_every_url_and_nothing_else_changes(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    "form",
    [
        KNOWN,
        quote(KNOWN),
        quote(KNOWN, safe=""),
        quote_plus(KNOWN),
        quote(KNOWN, safe="").lower(),
        json.dumps(KNOWN)[1:-1],
        json.dumps(KNOWN, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(KNOWN, ensure_ascii=False), ensure_ascii=False),
        html.escape(KNOWN),
        html.escape(KNOWN, quote=False),
        repr(KNOWN),
        KNOWN.encode().hex(),
        KNOWN.encode().hex().upper(),
    ],
)
def test_a_secret_is_found_in_every_escape(form: str) -> None:
    redactor = Redactor([KNOWN])
    cleaned = redactor.redact({"message": f"before {form} after"})
    assert MASK in cleaned["message"]
    assert cleaned["message"].startswith("before ")
    assert cleaned["message"].endswith(" after")
    redactor.refuse(cleaned["message"], "report.json")


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc", b"user:"])
@pytest.mark.parametrize("after", [b"", b"x", b"xy"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_found_in_base64_wherever_it_stands(before: bytes, after: bytes, encode: object) -> None:
    assert callable(encode)
    encoded = encode(before + KNOWN.encode() + after).decode()
    cleaned = Redactor([KNOWN]).text(encoded)
    assert MASK in cleaned
    # What is left at the two ends holds less than one byte of the secret each.
    assert len(cleaned) - len(MASK) <= len(encode(before)) + len(encode(after)) + 4


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("assert 'correct-horse-b...' == ''", "assert '[redacted]...' == ''"),
        ("assert 'correct-h…", "assert '[redacted]…"),
        ("'correct-hor...ery-staple'", "'[redacted]...[redacted]'"),
        ("a ... correct- b ...", "a ... correct- b ..."),
        ("corre... staple", "corre... staple"),
    ],
)
def test_a_truncated_secret_is_found_at_its_ellipsis(text: str, cleaned: str) -> None:
    assert Redactor(["correct-horse-battery-staple"]).redact([text]) == [cleaned]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"token {JOSE_HEADER}.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "token [redacted]!"),
        ('{"Authorization": "Bearer abc.def"}', '{"Authorization": "Bearer [redacted]"}'),
        ("authorization: basic dXNlcjpwYXNz\nx", "authorization: basic [redacted]\nx"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n", "[redacted]\n"),
        ("-----BEGIN PRIVATE KEY-----\nMHc cut off", "[redacted]"),
        ("ghp_" + "a1" * 20, "[redacted]"),
        ("AKIA" + "A1B2" * 4, "[redacted]"),
        ("https://name:word@index.example/simple", "https://index.example/simple"),
        ("authorization is needed, and so is a Bearer", "authorization is needed, and so is a Bearer"),
        ("a high gh_ number", "a high gh_ number"),
    ],
)
def test_secrets_that_nobody_named_are_known_by_their_shape(text: str, cleaned: str) -> None:
    assert Redactor().redact([text]) == [cleaned]


def test_the_whole_of_a_report_is_cleaned_and_nothing_else_changes() -> None:
    report = {
        "id": "DEP-1",
        "numbers": [1, 2.5, None, True],
        "evidence": {"correct-horse": "x", "nested": [{"deep": "say correct-horse!"}]},
    }
    assert Redactor(["correct-horse"]).redact(report) == {
        "id": "DEP-1",
        "numbers": [1, 2.5, None, True],
        "evidence": {MASK: "x", "nested": [{"deep": f"say {MASK}!"}]},
    }


def test_keys_that_become_the_same_keep_their_entries() -> None:
    cleaned = Redactor(["secret-one", "secret-two"]).redact({"secret-one": 1, "secret-two": 2})
    assert cleaned == {MASK: 1, f"{MASK} (2)": 2}


def test_a_report_without_secrets_is_not_even_copied() -> None:
    report = {"message": "all is well at https://index.example/simple"}
    assert Redactor(["correct-horse"]).redact(report) is report


def test_a_key_of_several_lines_is_found_line_by_line() -> None:
    key = "-----BEGIN THING-----\nMIIEvQIBADANBgkqhkiG9w0\nAQEFAASCBKcwggSjAgEAAoI\n-----END THING-----\n"
    redactor = Redactor([Secret(key, "the key")])
    assert redactor.text("line: MIIEvQIBADANBgkqhkiG9w0") == f"line: {MASK}"
    assert redactor.text("-----BEGIN THING-----") == "-----BEGIN THING-----"


def test_the_longest_secret_goes_first() -> None:
    assert Redactor(["correct", "correct-horse"]).text("correct-horse") == MASK


@pytest.mark.parametrize("value", ["", "   ", "\n"])
def test_an_empty_secret_is_none(value: str) -> None:
    redactor = Redactor([value])
    assert redactor.text("a b") == "a b"
    assert redactor.ignored == ()


def test_a_short_secret_is_not_looked_for_and_told() -> None:
    redactor = Redactor([Secret("12345", "the value of PIN")])
    assert redactor.text("12345") == "12345"
    assert redactor.ignored == (
        "the value of PIN has fewer than 6 characters and is not looked for: it would blank out ordinary words",
    )


@pytest.mark.parametrize("value", ["violated", "require", "redacted", "security"])
def test_a_word_that_every_report_has_cannot_be_a_secret(value: str) -> None:
    redactor = Redactor([Secret(value, "the value of WORD")])
    assert redactor.redact({"status": value}) == {"status": value}
    assert redactor.ignored == ("the value of WORD is a word of every report and is not looked for",)


def test_a_text_in_which_a_secret_survives_is_refused_without_showing_it() -> None:
    redactor = Redactor([Secret(KNOWN, "the value of DB_PASSWORD")])
    with pytest.raises(SecretLeakError) as caught:
        redactor.refuse(f"<p>{html.escape(KNOWN)}</p>", "report.html")
    assert str(caught.value).startswith("report.html: the value of DB_PASSWORD would still be in this text")
    assert not any(form in str(caught.value) for form in forms_of(KNOWN))
    redactor.refuse("<p>nothing</p>", "report.html")


def test_a_secret_does_not_show_itself() -> None:
    secret = Secret("correct-horse", "the value of PASSWORD")
    assert "correct-horse" not in f"{secret} {secret!r}"
