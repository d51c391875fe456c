"""What was known before a login, on Flask and Starlette applications that keep it, take it, or drop it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import flask
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import TokenLogin, asgi_target, call, flask_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

LOGIN = call("POST /login", form={"username": "{username}", "password": "{password}"})


class Sessions:
    """Who is logged in; ``holes`` names what a login forgets."""

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.users: dict[str, str] = {}
        self.sessions: dict[str, str] = {}

    def visit(self, sid: str) -> str:
        """Return the session of a visitor, a new one if there is none."""
        if sid not in self.sessions and "visitors" in self.holes:
            sid = secrets.token_hex(16)
            self.sessions[sid] = ""
        return sid

    def log_in(self, sid: str, name: str, password: str) -> str | None:
        """Return the session after a login."""
        if self.users.get(name) != password:
            return None
        known = sid in self.sessions
        keeps = ("keeps own" in self.holes and known) or ("takes any" in self.holes and sid)
        new = sid if keeps else secrets.token_hex(16)
        if known and "again" not in self.holes and not keeps:
            del self.sessions[sid]
        self.sessions[new] = name
        return new

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])


def on_flask(sessions: Sessions, **changes: Any) -> Target:
    app = flask.Flask("login", static_folder=None)

    @app.post("/login")
    def log_in() -> Any:
        given = flask.request.form
        sid = sessions.log_in(flask.request.cookies.get("sid", ""), given["username"], given["password"])
        answer = flask.make_response("ok" if sid else "no")
        if sid:
            answer.set_cookie("sid", sid, secure=True)
        return answer

    @app.get("/")
    @app.get("/me")
    def me() -> Any:
        sid = sessions.visit(flask.request.cookies.get("sid", ""))
        name = sessions.sessions.get(sid, "")
        answer = flask.make_response(f"hello {name}" if name else "log in", 200 if name else 401)
        if sid:
            answer.set_cookie("sid", sid, secure=True)
        return answer

    return flask_target(app, **{"personas": {"user": sessions.persona}, "login": LOGIN, "whoami": "/me", **changes})


def on_starlette(sessions: Sessions, **changes: Any) -> Target:
    async def log_in(request: Any) -> Response:
        given = dict(one.split("=") for one in (await request.body()).decode().split("&"))
        sid = sessions.log_in(request.cookies.get("sid", ""), given["username"], given["password"])
        answer = Response("ok" if sid else "no")
        if sid:
            answer.set_cookie("sid", sid, secure=True)
        return answer

    async def me(request: Any) -> Response:
        sid = sessions.visit(request.cookies.get("sid", ""))
        name = sessions.sessions.get(sid, "")
        answer = Response(f"hello {name}" if name else "log in", 200 if name else 401)
        if sid:
            answer.set_cookie("sid", sid, secure=True)
        return answer

    app = Starlette(routes=[Route("/login", log_in, methods=["POST"]), Route("/me", me), Route("/", me)])
    return asgi_target(app, **{"personas": {"user": sessions.persona}, "login": LOGIN, "whoami": "/me", **changes})


Build = Callable[..., Target]


@pytest.fixture(params=[on_flask, on_starlette], ids=["flask", "starlette"])
def build(request: pytest.FixtureRequest) -> Build:
    found: Build = request.param
    return found


def starts(target: Target, **options: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.starts_new_session_at_login(**options)
    finally:
        checks.close()


def rules(verdict: Verdict) -> set[str]:
    return {found.rule for found in verdict.findings}


def test_a_new_session_at_login_is_fine(build: Build) -> None:
    verdict = starts(build(Sessions()))
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["session_cookies"] == ["sid"]
    assert any("no cookie for a visitor" in one for one in verdict.evidence["not_applicable"])


def test_visitors_may_have_sessions_that_a_login_drops(build: Build) -> None:
    verdict = starts(build(Sessions("visitors")), reauthentication=True)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["not_applicable"] == []
    assert verdict.evidence["not_exercised"] == []


def test_a_visitors_session_that_a_login_keeps_is_told(build: Build) -> None:
    assert rules(starts(build(Sessions("visitors", "keeps own")))) == {"session-kept-at-login", "session-fixation"}


def test_a_session_that_an_attacker_makes_up_is_told(build: Build) -> None:
    verdict = starts(build(Sessions("takes any")))
    assert rules(verdict) == {"session-fixation"}
    assert {"a value that the attacker made up"} <= {found.subject for found in verdict.findings}
    assert "curl" in verdict.findings[0].detail["request"]


def test_a_session_that_goes_on_beside_the_next_login_is_told_if_it_must_not(build: Build) -> None:
    assert starts(build(Sessions("again")))
    assert rules(starts(build(Sessions("again")), reauthentication=True)) == {"session-kept-at-login"}


def test_a_login_in_a_header_is_told_not_to_apply() -> None:
    sessions = Sessions()
    app = flask.Flask("tokens", static_folder=None)
    app.add_url_rule("/token", "token", lambda: {"access_token": flask.request.form["username"]}, methods=["POST"])
    app.add_url_rule("/me", "me", lambda: flask.request.headers.get("Authorization") or ("no", 401))
    target = flask_target(app, personas={"user": sessions.persona}, login=TokenLogin("/token"), whoami="/me")
    verdict = starts(target)
    assert verdict.status is Status.UNVERIFIED
    assert "not-applicable" in rules(verdict)


@pytest.mark.parametrize("changes", [{"whoami": None}, {"login": None}, {"personas": {}}])
def test_what_a_target_lacks_leaves_it_unverified_and_is_named(build: Build, changes: dict[str, Any]) -> None:
    verdict = starts(build(Sessions(), **changes))
    assert verdict.status is Status.UNVERIFIED
    assert next(iter(changes)).removesuffix("s") in verdict.explain()


def test_a_login_that_does_not_work_leaves_it_unverified(build: Build) -> None:
    sessions = Sessions()
    target = build(sessions, personas={"user": lambda: (f"nobody-{secrets.token_hex(2)}", "x")})
    assert starts(target).status is Status.UNVERIFIED
