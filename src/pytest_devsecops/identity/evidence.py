"""The exact request that shows a finding, in a form that a developer can repeat, without secrets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.http import Request

#: A longer body or header value says no more to a reader.
_SHOWN = 4000

#: Headers that prove who is asking; what they hold is a secret unless the check made it up.
_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization")
#: Fields that hold a secret, in forms and in JSON.
_SECRET_FIELD = re.compile(
    r"pass(word|wd|phrase|code)|^pass\d?$|^pwd|secret$|(^|_)(access|refresh|id|auth|api)_?(token|key)$|^token$|^otp$|^pin$",
    re.IGNORECASE,
)
#: What is one in a request, and may be the name of an error, or anything, in an answer.
_SENT_FIELD = re.compile(r"^(code|old|new|current|repeat|again)$", re.IGNORECASE)
_JSON_MEMBER = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)"((?:[^"\\]|\\.)+)"')
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")


def as_detail(
    exchange: Exchange, *, hostile: str | None = None, secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a finding's ``detail`` for an exchange.

    Args:
        exchange: the request and what came back.
        hostile: a credential that the check made up itself; it stays, because it is the evidence.
        secrets: further values to hide, with what to call them.

    Returns:
        ``request`` as a curl command, ``status`` and the beginning of the ``response``.
    """
    return {
        **as_request(exchange.request, hostile=hostile, secrets=secrets),
        "status": exchange.response.status,
        "response": _answer(exchange.response.text[:_SHOWN], hostile or "", dict(secrets or {})),
    }


def as_request(
    request: Request, *, hostile: str | None = None, secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a finding's ``detail`` for a request that got no answer; arguments as ``as_detail``."""
    return {"request": _curl(request, hostile, dict(secrets or {}))}


def _curl(request: Request, hostile: str | None, hidden: Mapping[str, str]) -> str:
    words = ["curl", "-i", "-X", request.method]
    for name, value in request.headers:
        words += ["-H", f"{name}: {_header(name, value, hostile, hidden)}"]
    if request.body:
        words += ["--data-raw", _body(request, hidden)]
    words.append(_hide(request.url, hidden))
    return shlex.join(words)


def _header(name: str, value: str, hostile: str | None, hidden: Mapping[str, str]) -> str:
    if name.lower() in _SECRET_HEADERS and (hostile is None or hostile.strip() not in value):
        return f"<{name.lower()} of the session>"
    return _hide(value[:_SHOWN], hidden)


def _body(request: Request, hidden: Mapping[str, str]) -> str:
    text = request.body.decode("utf-8", errors="replace")
    if text.lstrip().startswith(("{", "[")):
        text = _JSON_MEMBER.sub(lambda one: _member(one, is_secret=_is_secret(one[1])), text)
    elif "=" in text:
        pairs = [part.partition("=") for part in text.split("&")]
        text = "&".join(f"{key}={'<secret>' if _is_secret(key) else value}" for key, _, value in pairs)
    return _hide(text[:_SHOWN], hidden)


def _answer(text: str, hostile: str, hidden: Mapping[str, str]) -> str:
    """Return an answer without what it hands out; a token that the check made up itself may be repeated."""
    text = _JSON_MEMBER.sub(lambda one: _member(one, is_secret=bool(_SECRET_FIELD.search(one[1]))), text)
    return _hide(_JWT.sub(lambda one: one[0] if one[0] in hostile else "<token>", text), hidden)


def _is_secret(field: str) -> bool:
    return bool(_SECRET_FIELD.search(field) or _SENT_FIELD.search(field))


def _member(found: re.Match[str], *, is_secret: bool) -> str:
    return f'"{found[1]}"{found[2]}"<secret>"' if is_secret else found[0]


def _hide(text: str, hidden: Mapping[str, str]) -> str:
    for secret, label in hidden.items():
        if secret:
            text = text.replace(secret, f"<{label}>")
    return text
