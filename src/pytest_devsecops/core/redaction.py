"""Keeping secrets out of everything that is shown or written.

A ``Redactor`` knows secrets by value and by shape. It replaces them in a report before any format
renders it, and it refuses a rendered text in which a known one survives. What it cannot do is
clean a terminal: tests print what they like.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from pytest_devsecops.core.errors import DevSecOpsError

T = TypeVar("T")

MASK = "[redacted]"

#: A shorter value occurs in ordinary words; replacing it would blank out the report.
MIN_LENGTH = 6

#: Keys and fixed values of the report, version 1. Replacing one of them would break the report, and
#: a secret that is one cannot be told from it.
REPORT_WORDS = (
    "pytest-devsecops/report/1 advisories assertions commit complete critical declared_at deselected detail "
    "duration evidence examined extends failed family findings finished limits location measured medium message "
    "narrowed_by nodeid not run outcome passed policy raw_status reason recovery replaced requirements schema "
    "security selection severity sha256 skipped started status subject summary unexamined unverified verdicts "
    "versions violated waived_by waiver xfailed xpassed"
)

#: A line of a secret of several lines (a key file) is looked for by itself from this length on.
_MIN_LINE = 16

#: The authority's user part of every URL in a text (RFC 3986, section 3.2.1): up to the last ``@``
#: before the path, because passwords hold ``@`` more often than hosts do.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s?#\"'<>]*)@")

#: The same without its start: a pattern that begins with fixed characters is searched fast.
_USER_INFO_HINT = re.compile(r"://[^/\s?#\"'<>]*@")

#: Over these transports the name before the ``@`` is an account of the server, such as ``git``.
_ACCOUNT_TRANSPORTS = ("ssh", "sftp")

_ELLIPSIS = re.compile(r"\.\.\.|…")


class SecretLeakError(DevSecOpsError):
    """A known secret is still in a text that was about to be written; nothing was written."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must never be written, and what to call it in messages."""

    value: str = field(repr=False)
    name: str = "a secret"

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True)
class Shape:
    """Secrets that nobody named but that give themselves away by how they look.

    Attributes:
        hints: each secret contains one of them; looked for first, because that is fast.
        pattern: the secret; if it has a group ``kept``, that part stays.
    """

    hints: tuple[str, ...]
    pattern: re.Pattern[str]


SHAPES = (
    # RFC 7468: textual encodings of keys. A block that was cut off is one too.
    Shape(
        ("PRIVATE KEY-----",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)", re.DOTALL),
    ),
    # RFC 7519: a signed token; its header is a JSON object, so it starts with the base64 of '{"'.
    Shape(("eyJ",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+")),
    # RFC 9110, section 11.6.2.
    Shape(
        ("uthorization", "UTHORIZATION"),
        re.compile(r"(?P<kept>authorization[\"']?\s*[:=]\s*[\"']?(?:basic|bearer|token)\s+)[^\s\"',;]+", re.IGNORECASE),
    ),
    Shape(("AKIA",), re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    Shape(("gho_", "ghp_", "ghr_", "ghs_", "ghu_"), re.compile(r"\bgh[oprsu]_[A-Za-z0-9]{36,}")),
    Shape(("github_pat_",), re.compile(r"\bgithub_pat_\w{22,}")),
    Shape(("glpat-",), re.compile(r"\bglpat-[\w-]{20,}")),
    Shape(("pypi-",), re.compile(r"\bpypi-[\w-]{50,}")),
    Shape(("xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"), re.compile(r"\bxox[abprs]-[\w-]{10,}")),
)


def without_credentials(text: str) -> str:
    """Return ``text``, a URL or words around URLs, without the credentials in them.

    ``https://name:secret@host/`` and ``https://token@host/`` become ``https://host/``; of
    ``ssh://git:secret@host/`` the account ``git`` stays, because it is part of the address.
    """
    return _USER_INFO.sub(_address_only, text)


class Redactor:
    """Replaces secrets in JSON values, and refuses texts in which one is left.

    Args:
        secrets: known values. One that is shorter than six characters, or part of a word that
            every report has, is not looked for; ``ignored`` says so.
        shapes: what unknown secrets look like.
    """

    def __init__(
        self,
        secrets: Iterable[Secret | str] = (),
        *,
        shapes: Iterable[Shape] = SHAPES,
    ) -> None:
        self._shapes = tuple(shapes)
        self._secrets: list[Secret] = []
        self._ignored: list[str] = []
        for secret in secrets:
            self._add(secret if isinstance(secret, Secret) else Secret(secret))
        self._forms = {form: secret for secret in self._secrets for form in forms_of(secret.value)}
        # The longest first, or a part would be replaced and the rest would stay.
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    @property
    def ignored(self) -> tuple[str, ...]:
        """One sentence for each secret that is not looked for, without its value."""
        return tuple(self._ignored)

    def redact(self, value: T) -> T:
        """Return the JSON value ``value`` with every secret in its strings and keys replaced."""
        # A report says the same few things many times over: what is distinct is looked at once.
        if not self._suspicious("\n".join(_strings_in(value))):
            return value
        cleaned: T = self._walk(value, {})
        return cleaned

    def text(self, text: str) -> str:
        """Return ``text`` with every secret replaced by ``MASK`` and every URL without credentials."""
        if "://" in text:
            text = without_credentials(text)
        if self._known is not None:
            text = self._known.sub(MASK, text)
            for secret in self._secrets:
                text = _without_truncated(text, secret.value)
        for shape in self._shapes:
            if any(hint in text for hint in shape.hints):
                text = shape.pattern.sub(_masked, text)
        return text

    def refuse(self, text: str, place: str) -> None:
        """Let ``text``, about to be written to ``place``, pass only without any known secret.

        Raises:
            SecretLeakError: if one is in it, named but not shown.
        """
        leaked = sorted({secret.name for form, secret in self._forms.items() if form in text})
        if leaked:
            raise SecretLeakError(
                f"{' and '.join(leaked)} would still be in this text after redaction, so it was not written",
                place=place,
                remedy="keep it out of ids and file names; if it is an ordinary word, do not list it as a secret",
            )

    def _add(self, secret: Secret) -> None:
        value = secret.value.strip()
        if not value:
            return
        if len(value) < MIN_LENGTH:
            self._ignored.append(
                f"{secret.name} has fewer than {MIN_LENGTH} characters and is not looked for: "
                "it would blank out ordinary words"
            )
        elif value in MASK or value in REPORT_WORDS:
            self._ignored.append(f"{secret.name} is a word of every report and is not looked for")
        else:
            lines = value.splitlines()
            whole = [value, *(line.strip() for line in lines if len(lines) > 1 and _is_telling(line))]
            self._secrets.extend(Secret(part, secret.name) for part in whole)

    def _suspicious(self, texts: str) -> bool:
        """Tell, fast, whether anything in ``texts`` may have to be replaced."""
        # A truncated secret keeps its first or its last characters.
        parts = (part for secret in self._secrets for part in (secret.value[:MIN_LENGTH], secret.value[-MIN_LENGTH:]))
        return (
            any(part in texts for part in (*self._forms, *parts))
            or any(hint in texts for shape in self._shapes for hint in shape.hints)
            or _USER_INFO_HINT.search(texts) is not None
        )

    def _walk(self, value: Any, seen: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, str):
            if value not in seen:
                seen[value] = self.text(value)
            return seen[value]
        if isinstance(value, list):
            return [self._walk(item, seen) for item in value]
        if isinstance(value, dict):
            table: dict[str, Any] = {}
            for key, item in value.items():
                table[_free(self._walk(key, seen), table)] = self._walk(item, seen)
            return table
        return value


def forms_of(secret: str) -> tuple[str, ...]:
    """Return every way in which ``secret`` commonly stands in a text.

    Raw, as base64 at each of the three offsets that it can have in a longer text (RFC 4648,
    sections 4 and 5), as hexadecimal digits, and escaped for URLs, JSON, HTML and Python.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = [quote(raw, safe=""), quote(raw), quote_plus(raw)]
    forms = [
        secret,
        *_base64_forms(raw),
        raw.hex(),
        raw.hex().upper(),
        *quoted,
        *(re.sub("%..", lambda match: match[0].lower(), text) for text in quoted),
        json_escaped(secret),
        json.dumps(secret)[1:-1],
        json_escaped(json_escaped(secret)),
        json_escaped(secret).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        html.escape(secret),
        html.escape(secret).replace("&#x27;", "&#39;"),
        html.escape(secret, quote=False),
        repr(secret)[1:-1],
    ]
    return tuple(dict.fromkeys(forms))


def json_escaped(text: str) -> str:
    """Return ``text`` as it stands between the quotes of a JSON document that keeps its letters."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _strings_in(value: object) -> set[str]:
    """Return every string of a JSON value, keys too."""
    found: set[str] = set()
    rest: list[Any] = [[value]]
    while rest:
        container = rest.pop()
        if isinstance(container, dict):
            found.update(container)
            container = container.values()
        for item in container:
            if isinstance(item, str):
                found.add(item)
            elif isinstance(item, dict | list):
                rest.append(item)
    return found


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the characters that ``raw`` alone decides, whatever stands before and after it."""
    for offset in range(3):
        # Six bits a character: the first and the last may share bits with a neighbour.
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        encoded = base64.b64encode(b"\0" * offset + raw).decode("ascii")[first:last]
        yield encoded
        yield encoded.replace("+", "-").replace("/", "_")


def _without_truncated(text: str, secret: str) -> str:
    """Replace a beginning or an end of ``secret`` that stands at an ellipsis, as in ``'abc...xyz'``."""
    if secret[:MIN_LENGTH] not in text and secret[-MIN_LENGTH:] not in text:
        return text
    parts: list[str] = []
    done = 0
    for match in _ELLIPSIS.finditer(text):
        parts.extend((_without_end(text[done : match.start()], secret), match[0]))
        done = match.end()
    parts.append(text[done:])
    return "".join(part if index % 2 else _without_start(part, secret, index) for index, part in enumerate(parts))


def _without_end(text: str, secret: str) -> str:
    for length in range(len(secret) - 1, MIN_LENGTH - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + MASK
    return text


def _without_start(text: str, secret: str, index: int) -> str:
    if index == 0:
        return text
    for length in range(len(secret) - 1, MIN_LENGTH - 1, -1):
        if text.startswith(secret[-length:]):
            return MASK + text[length:]
    return text


def _is_telling(line: str) -> bool:
    """Tell whether a line of a longer secret is secret by itself: ``-----BEGIN KEY-----`` is not."""
    return len(line.strip()) >= _MIN_LINE and not line.startswith("-----")


def _free(key: str, table: dict[str, Any]) -> str:
    """Return ``key``, numbered if another key became the same, so that no entry is lost."""
    number, name = 1, key
    while name in table:
        number += 1
        name = f"{key} ({number})"
    return name


def _masked(match: re.Match[str]) -> str:
    return (match["kept"] if "kept" in match.re.groupindex else "") + MASK


def _address_only(match: re.Match[str]) -> str:
    scheme, user = match["scheme"], match["user"]
    if scheme.lower().rpartition("+")[2] in _ACCOUNT_TRANSPORTS:
        account = user.partition(":")[0]
        return f"{scheme}://{account}@"
    return f"{scheme}://"
