"""Garbage at every endpoint: no crash, no reflection, no insides (RFC 6749, sections 4.1.2.1 and 5.2; ASVS V16.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import FORM, Fault, answer_of, issued
from pytest_devsecops.identity.checks.authorization_server.flow import asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.tokens.model import NotApplicableError, b64, compact

_SERVER_ERROR = 500
_OK = 200
_MARK = "<script>devsecops()</script>\"'>"
_INSIDES = re.compile(
    r"Traceback \(most recent call last\)|\bat [\w.<>$]+ \((?:/|file:|node:)|\.java:\d+\)|\.php on line \d+|"
    r"SQLSTATE\[|sqlite3\.\w+Error|ORA-\d{5}|django\.core\.exceptions|Werkzeug Debugger"
)
_TEXTS = (
    "",
    "\x00",
    "%00",
    "\ud7ff\ufffd",
    "a" * 5000,
    "../../../etc/passwd",
    "{}",
    "[]",
    "-1",
    "1e999",
    "'\"--",
    "${7*7}",
)
#: A token whose claims are no JSON.
_BROKEN_TOKEN = f"{b64(compact({'alg': 'RS256', 'kid': 'x'}))}.{b64(b'{} {')}.{b64(bytes(64))}"
_PARAMETERS = (
    "client_id", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt",
    "max_age", "response_mode", "id_token_hint", "login_hint", "claims", "ui_locales", "request", "display",
    "resource", "acr_values",
)  # fmt: skip


def authorization_crashes(server: Server) -> Fault | None:
    """Send garbage in every parameter of an authorization request."""
    return _crash(_authorization_garbage(server), "the authorization endpoint")


def _authorization_garbage(server: Server) -> Iterator[Exchange]:
    address = server.endpoint("authorization")
    for index, name in enumerate(_PARAMETERS):
        for text in (_TEXTS[index % len(_TEXTS)], _TEXTS[(index * 5 + 3) % len(_TEXTS)]):
            asked = asking(server.client, {name: text})
            yield server.send("GET", f"{address}?{urlencode(asked.parameters)}")
    honest = urlencode(asking(server.client).parameters)
    for raw in (
        "",
        "%ff%fe=%ff",
        "client_id[]=x&client_id[a]=y",
        f"{honest}&state=%ff%fe",
        f"{honest}&&&=&=x",
        "?" * 50,
    ):
        yield server.send("GET", f"{address}?{raw}")
    redirects = (
        "",
        "http://[",
        "https://a b/",
        "https://\u202e.example",
        "//",
        "urn:x",
        "a" * 5000,
        "http://host:99999/",
        "\x00",
    )
    for uri in redirects:
        asked = asking(server.client, redirect_uri=uri)
        yield server.send("GET", f"{address}?{urlencode(asked.parameters)}")


def token_crashes(server: Server) -> Fault | None:
    """Send garbage to the token endpoint."""
    return _crash(_token_garbage(server), "the token endpoint")


def _token_garbage(server: Server) -> Iterator[Exchange]:
    for text in _TEXTS:
        yield server.post(
            "token", {"grant_type": "authorization_code", "code": text, "code_verifier": text}, server.client
        )
        yield server.post("token", {"grant_type": "refresh_token", "refresh_token": text}, server.client)
        yield server.post("token", {"grant_type": text})
        yield server.post("token", {"grant_type": "authorization_code", "client_id": text, "client_secret": text})
    yield from _bodies(server, "token")
    for credential in (
        "Basic",
        "Basic !",
        "Basic Og==",
        "Basic /////w==",
        "Basic YQ==",
        "Bearer x",
        "Negotiate",
    ):
        headers = (("Authorization", credential),)
        yield server.post("token", {"grant_type": "authorization_code", "code": "x"}, headers=headers)


def _bodies(server: Server, name: str) -> Iterator[Exchange]:
    address = server.endpoint(name)
    json = ("Content-Type", "application/json")
    yield server.send("POST", address)
    yield server.send("POST", address, headers=(FORM,), body=b"\xff\xfe=%ff&&=;%")
    yield server.send("POST", address, headers=(json,), body=b'{"grant_type": ["authorization_code"]}')
    yield server.send("POST", address, headers=(json,), body=b"{" * 500)
    yield server.send("POST", address, headers=(("Content-Type", "multipart/form-data"),), body=b"--x")
    yield server.send("POST", address, headers=(FORM,), body=b"token[]=x&token[a]=y&grant_type[]=z&token=x&token=y")


def others_crash(server: Server) -> Fault | None:
    """Send garbage to revocation, introspection, userinfo and logout."""
    return _crash(_other_garbage(server), "an endpoint")


def _other_garbage(server: Server) -> Iterator[Exchange]:
    for name in ("revocation", "introspection"):
        if server.has(name):
            yield from _bodies(server, name)
            for text in _TEXTS:
                yield server.post(name, {"token": text, "token_type_hint": text}, server.client)
    if server.has("userinfo"):
        for text in (
            "",
            "Bearer",
            "Bearer x y",
            "Basic Og==",
            f"Bearer {'a' * 5000}",
            "Bearer ..",
            "DPoP x",
        ):
            yield server.send("GET", server.endpoint("userinfo"), headers=(("Authorization", text),))
    if server.has("end_session"):
        for text in (*_TEXTS, _BROKEN_TOKEN):
            query = urlencode({"id_token_hint": text, "post_logout_redirect_uri": text, "state": text})
            yield server.send("GET", f"{server.endpoint('end_session')}?{query}")


def _crash(answers: Iterator[Exchange], where: str) -> Fault | None:
    """Return a fault if an answer shows the server's insides; 5xx has a rule of its own, whichever check met it."""
    count = 0
    for exchange in answers:
        count += 1
        if found := _INSIDES.search(exchange.response.text):
            return Fault(f"{where} shows its insides: {found[0]!r}", exchange)
    if not count:
        raise NotApplicableError("the server has none of these endpoints")
    return None


def reflects(server: Server) -> Fault | None:
    """Send markup in every parameter, and look for it in pages (a script in the server's own origin)."""
    address = server.endpoint("authorization")
    good = server.client.redirect_uri
    for name in (
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
        "prompt",
        "login_hint",
        "response_mode",
        "claims",
        "request",
    ):
        value = f"{good}?{_MARK}" if name == "redirect_uri" else _MARK
        for more in ({}, {"redirect_uri": f"{good}/x"}, {"client_id": "nobody"}):
            asked = asking(server.client, {**more, name: value})
            exchange = server.send(
                "GET", f"{address}?{urlencode(asked.parameters)}", headers=(("Accept", "text/html"),)
            )
            if fault := _reflected(exchange, name):
                return fault
    if server.has("end_session"):
        query = urlencode(
            {"post_logout_redirect_uri": f"https://x.example/{_MARK}", "state": _MARK, "id_token_hint": _MARK}
        )
        return _reflected(server.send("GET", f"{server.endpoint('end_session')}?{query}"), "post_logout_redirect_uri")
    return None


def _reflected(exchange: Exchange, name: str) -> Fault | None:
    kind = exchange.response.header("content-type").lower()
    if _MARK[:28] in exchange.response.text and ("html" in kind or "xml" in kind or not kind):
        return Fault(f"a page repeats the parameter {name} as markup", exchange)
    return None


def refuses_wrongly(server: Server) -> Fault | None:
    """See that a refusal at the token endpoint is one: 4xx, JSON, with an error (RFC 6749, section 5.2)."""
    answer = server.post("token", {"grant_type": "authorization_code", "code": quote("no such code")}, server.client)
    told = answer.response.json()
    if issued(answer) is not None:
        return Fault("it redeems a code that does not exist", answer)
    if not isinstance(told, dict) or not told.get("error") or not _OK < answer.response.status < _SERVER_ERROR:
        return Fault(f"a refusal at the token endpoint is not one of the protocol: {answer_of(answer)}", answer)
    return None
