"""The same tests in process (WSGI, ASGI), in a process of its own and at a URL: only the fixture differs."""

from __future__ import annotations

import secrets
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Clock, asgi_target, form, process_target, url_target, wsgi_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target
from pytest_devsecops.identity.transports.process import Command, ProcessKeeper, free_port, split
from pytest_devsecops.pytest_plugin.sequences import explore

#: One store, served by Flask (WSGI) and by Starlette (ASGI); ``HOLE`` in the environment opens a hole.
_STORE = """
import os, secrets
from urllib.parse import parse_qsl

HOLE = os.environ.get("HOLE", "")
users, sessions, clock = {}, {}, [0]
FORM = '<form method=post><input name=username><input type=password name=password>' \\
       '<input type=hidden name=csrf_token value={}></form>'

def answer(method, path, cookie, origin, own, body):
    '''Return status, type, text and the cookie to set.'''
    given = dict(parse_qsl(body))
    name, begun = sessions.get(cookie, ("", 0))
    if clock[0] - begun > 3600 and HOLE != "expiry":
        name = ""
    if method == "POST" and path not in ("/test/register", "/test/clock"):
        if origin != own and HOLE != "cross-site":
            return 403, "text/plain", "of another site", None
    if path == "/test/register":
        users[given["username"]] = {"password": given["password"], "note": ""}
        return 200, "text/plain", "ok", None
    if path == "/test/clock":
        clock[0] += float(given.get("by", 0))
        return 200, "text/plain", str(clock[0]), None
    if path == "/login" and method == "GET":
        return 200, "text/html", FORM.format(secrets.token_hex(4)), None
    if path == "/login":
        if users.get(given.get("username"), {}).get("password") != given.get("password"):
            return 401, "text/plain", "no", None
        sid = cookie if cookie and HOLE == "fixation" else secrets.token_hex(16)
        sessions[sid] = (given["username"], clock[0])
        return 303, "text/plain", "/me", f"__Host-sid={sid}; Secure; HttpOnly; SameSite=None; Path=/"
    if not name:
        return 401, "text/plain", "log in", None
    if path == "/logout":
        if HOLE != "logout":
            del sessions[cookie]
        return 200, "text/plain", "bye", "__Host-sid=; Max-Age=0; Secure; Path=/"
    if path == "/note":
        users[name]["note"] = given["note"]
    return 200, "text/plain", f"{name}: {users[name]['note']}", None
"""
_FLASK = """
import flask
from store import answer

app = flask.Flask("shop", static_folder=None)

def serve(path):
    request = flask.request
    status, kind, text, cookie = answer(request.method, "/" + path, request.cookies.get("__Host-sid", ""),
        request.headers.get("Origin"), request.host_url.rstrip("/"), request.get_data(as_text=True))
    response = flask.Response(text, status, content_type=kind)
    if cookie:
        response.headers["Set-Cookie"] = cookie
    if status == 303:
        response.headers["Location"] = text
    return response

app.add_url_rule("/<path:path>", "all", serve, methods=["GET", "POST"])
"""
_STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from store import answer

async def serve(request):
    body = (await request.body()).decode()
    status, kind, text, cookie = answer(request.method, request.url.path, request.cookies.get("__Host-sid", ""),
        request.headers.get("origin"), str(request.base_url).rstrip("/"), body)
    response = Response(text, status, media_type=kind)
    if cookie:
        response.headers["Set-Cookie"] = cookie
    if status == 303:
        response.headers["Location"] = text
    return response

app = Starlette(routes=[Route("/{path:path}", serve, methods=["GET", "POST"])])
"""
_COMMANDS = {
    "flask": f"{sys.executable} -m flask --app flask_shop run -p {{port}}",
    "starlette": f"{sys.executable} -m uvicorn --port {{port}} --log-level warning starlette_shop:app",
}

Post = Callable[[str, Mapping[str, str]], str]


def flows(post: Post) -> dict[str, Any]:
    """Return what the tests say of the application, however it is reached."""

    def user() -> dict[str, str]:
        made = {"username": f"user-{secrets.token_hex(4)}", "password": secrets.token_hex(8)}
        post("/test/register", made)
        return made

    def now() -> datetime:
        return datetime.fromtimestamp(float(post("/test/clock", {"by": "0"})), UTC)

    return {
        "personas": {"user": user},
        "login": form("/login"),
        "whoami": "/me",
        "logout": "POST /logout",
        "clock": Clock(lambda by: post("/test/clock", {"by": str(by.total_seconds())}), now),
    }


def over_http(address: Callable[[], str]) -> Post:
    def post(path: str, fields: Mapping[str, str]) -> str:
        data = urllib.parse.urlencode(fields).encode()
        with urllib.request.urlopen(address() + path, data, timeout=10) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())

    return post


@pytest.fixture(params=["wsgi", "asgi", "process flask", "process starlette", "url"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def target(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Target]]:
    """Return a function that makes the target with a hole open; this is all that differs."""
    for name, text in (("store", _STORE), ("flask_shop", _FLASK), ("starlette_shop", _STARLETTE)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    keepers: list[ProcessKeeper] = []

    def in_process(path: str, fields: Mapping[str, str]) -> str:
        import store  # type: ignore[import-not-found]

        return str(store.answer("POST", path, "", None, "", urllib.parse.urlencode(fields))[2])

    def make(hole: str) -> Target:
        monkeypatch.setenv("HOLE", hole)
        inventory = ["GET /me", "POST /login", "POST /logout"]
        if kind == "wsgi":
            return wsgi_target("flask_shop:app", inventory=inventory, **flows(in_process))
        if kind == "asgi":
            return asgi_target("starlette_shop:app", inventory=inventory, **flows(in_process))
        if kind.startswith("process"):
            found = process_target(
                _COMMANDS[kind.partition(" ")[2]], cwd=tmp_path, inventory=inventory,
                **flows(over_http(lambda: found.base_url)),
            )  # fmt: skip
            return found
        port = free_port()
        keepers.append(
            ProcessKeeper(Command(split(_COMMANDS["starlette"]), port, f"http://127.0.0.1:{port}", cwd=str(tmp_path)))
        )
        keepers[-1].open().close()
        address = f"http://127.0.0.1:{port}"
        return url_target(address, inventory=inventory, **flows(over_http(lambda: address)))

    yield make
    for keeper in keepers:
        keeper.stop()
    for name in ("store", "flask_shop", "starlette_shop"):
        sys.modules.pop(name, None)


@pytest.fixture
def checks(target: Callable[[str], Target]) -> Iterator[Callable[[str], Identity]]:
    opened: list[Identity] = []

    def make(hole: str = "") -> Identity:
        opened.append(Identity(target(hole), IdentityPolicy(), record=lambda verdict: verdict, explore=explore))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.mark.slow
def test_good_flows_are_met_however_the_application_is_reached(checks: Callable[[str], Identity]) -> None:
    identity = checks("")
    verdicts = [
        identity.starts_new_session_at_login(),
        identity.ends_sessions(on="logout"),
        identity.cookies_are_safe(cross_site=True),
        identity.sessions_follow_model(examples=3, steps=3),
        identity.expires_sessions(absolute=timedelta(hours=1)),
    ]
    assert [verdict.explain() for verdict in verdicts if verdict.status is not Status.MET] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hole", "check", "rule"),
    [
        ("fixation", lambda identity: identity.starts_new_session_at_login(), "session-fixation"),
        ("logout", lambda identity: identity.ends_sessions(on="logout"), "session-survives"),
        ("expiry", lambda identity: identity.expires_sessions(idle=3600), "outlives-idle-limit"),
        ("cross-site", lambda identity: identity.refuses_cross_site_writes(), "cross-site-login"),
    ],
)
def test_the_same_hole_is_told_however_the_application_is_reached(
    checks: Callable[[str], Identity], hole: str, check: Callable[[Identity], Any], rule: str
) -> None:
    verdict = check(checks(hole))
    assert rule in {found.rule for found in verdict.findings}, verdict.explain()
