"""Sessions as an attacker has them: the raw headers of somebody's login, replayed.

A replay never goes through a jar: a jar drops a cookie that it believes expired or removed, but what
counts is whether the server still accepts it (ASVS 5.0 V7.4.1).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pytest_devsecops.identity.browser import Browser, Credential, Exchange
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.target import Operation

_HOPS = 5
_PARTS = re.compile(r"[.:]")
_BARRED = re.compile(r"(.+)\|[0-9a-f]{40,128}")


@dataclass(frozen=True, slots=True)
class Session:
    """One login of a persona.

    Attributes:
        persona: who is logged in.
        browser: where.
        credential: what proved it at the time.
    """

    persona: Persona
    browser: Browser
    credential: Credential


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay.

    Attributes:
        accepted: whether the persona is still shown.
        exchange: the request and the answer.
    """

    accepted: bool
    exchange: Exchange


def whoami(live: Live) -> Operation:
    """Return the operation that shows who is logged in.

    Raises:
        FlowError: if the target has none.
    """
    if live.target.whoami is None:
        raise FlowError("the target has no whoami", remedy="pass whoami='/me': a page that shows who is logged in")
    return live.target.whoami


def open_session(live: Live, persona: Persona, browser: Browser | None = None) -> Session:
    """Log somebody in and keep what proves it."""
    logged_in = live.log_in(persona, browser)
    return Session(persona, logged_in, credential_of(live, logged_in))


def credential_of(live: Live, browser: Browser) -> Credential:
    """Return what a browser proves itself with at ``whoami``."""
    return browser.credential(whoami(live).path)


def replay(live: Live, persona: Persona, credential: Credential) -> Replay:
    """Send a credential to ``whoami`` as it was, and tell whether it still shows the persona."""
    at = whoami(live)
    browser = live.browser()
    response = browser.replay(at.method, at.path, credential)
    for _ in range(_HOPS):
        if not response.location.startswith(live.target.base_url.rstrip("/")):
            break
        response = browser.replay("GET", response.location, credential)
    return Replay(live.shows(response, persona), browser.history[0])


def twin(browser: Browser) -> Browser:
    """Return a copy of a browser, as whoever stole its cookies and tokens has it."""
    return Browser(
        browser.transport,
        browser.base_url,
        headers=dict(browser.headers),
        cookies=deepcopy(browser.cookies),
        history=list(browser.history),
        page=browser.page,
    )


def cookies_of(credential: Credential) -> dict[str, str]:
    """Return the cookies of a credential by name."""
    sent = next((value for name, value in credential.headers if name.lower() == "cookie"), "")
    pairs = (part.partition("=") for part in sent.split("; ") if part)
    return {name: value for name, _, value in pairs}


def with_cookies(credential: Credential, cookies: dict[str, str]) -> Credential:
    """Return a credential with other cookies; its other headers stay."""
    rest = tuple((name, value) for name, value in credential.headers if name.lower() != "cookie")
    sent = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Credential(((("Cookie", sent),) if sent else ()) + rest)


def session_cookies(live: Live, session: Session) -> list[str]:
    """Return the names of the cookies that make the login, found by leaving others out.

    A cookie belongs to it if the login is gone without it, or if it is enough by itself (a
    remember-me cookie beside a session cookie).
    """
    every = cookies_of(session.credential)
    if not every or replay(live, session.persona, with_cookies(session.credential, {})).accepted:
        return []
    needed = dict(every)
    for name in every:
        rest = {key: value for key, value in needed.items() if key != name}
        if replay(live, session.persona, with_cookies(session.credential, rest)).accepted:
            needed = rest
    enough = [
        name
        for name, value in every.items()
        if name not in needed
        and replay(live, session.persona, with_cookies(session.credential, {name: value})).accepted
    ]
    return [*needed, *enough]


@dataclass(frozen=True, slots=True)
class Contents:
    """What can be read in a credential without a key.

    Attributes:
        kind: ``JWT``, ``signed`` or ``unsigned``.
        payload: the decoded content.
        header: a JWT's header.
    """

    kind: str
    payload: Any
    header: Any = None


def read_contents(value: str) -> Contents | None:
    """Return what a self-contained credential says; None for a reference that only the server understands.

    Known are JWT (RFC 7519), itsdangerous (Flask, Starlette), Django's signing, text with a hexadecimal
    signature behind a bar (Flask-Login, Tornado), and bare base64 or JSON.
    """
    signed = _BARRED.fullmatch(value.strip('"'))
    if signed:
        return Contents("signed", signed[1])
    parts = _PARTS.split(value.strip('"'))
    if len(parts) == 3 and (header := _decoded(parts[0])) and isinstance(header, dict) and "alg" in header:  # noqa: PLR2004 - RFC 7515, section 7.1
        return Contents("JWT", _decoded(parts[1]), header)
    start = 1 if not parts[0] and len(parts) > 1 else 0  # both mark compressed content with a dot in front
    payload = _decoded(parts[start], compressed=start == 1)
    if not isinstance(payload, dict | list):
        return None
    return Contents("signed" if len(parts) - start > 1 else "unsigned", payload)


def self_contained(credential: Credential) -> str:
    """Return what a credential is that carries its own content, or an empty text for a reference."""
    for name, value in credential.headers:
        texts = [part.partition("=")[2] for part in value.split("; ")] if name.lower() == "cookie" else value.split(" ")
        for text in texts:
            contents = read_contents(text)
            if contents is not None and contents.kind in ("JWT", "signed"):
                return "a JWT" if contents.kind == "JWT" else "a signed cookie"
    return ""


def _decoded(text: str, *, compressed: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    try:
        if text.startswith(("{", "%7B")):
            return json.loads(text.replace("%7B", "{").replace("%22", '"').replace("%7D", "}"))
        raw = base64.urlsafe_b64decode(
            text.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        )
        return json.loads(zlib.decompress(raw) if compressed else raw)
    except (ValueError, binascii.Error, zlib.error):
        return None
