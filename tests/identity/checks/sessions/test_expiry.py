"""Sessions that are too old, on applications whose clock a test moves."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import fastapi
import flask
import pytest
from fastapi.security import OAuth2PasswordBearer

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Clock, call, fastapi_target, flask_target
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=8)


class Watch:
    """What time it is for the application."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def advance(self, by: timedelta) -> None:
        self.now += by

    @property
    def clock(self) -> Clock:
        return Clock(self.advance, lambda: self.now)


class CookieApp:
    """Sessions on the server with the times of login and last use; ``holes`` names the limits it forgets."""

    def __init__(self, *holes: str, idle: timedelta = IDLE, absolute: timedelta = ABSOLUTE) -> None:
        self.holes = holes
        self.limits = (idle, absolute)
        self.watch = Watch()
        self.users: dict[str, str] = {}
        self.sessions: dict[str, tuple[str, datetime, datetime]] = {}
        self.flask = flask.Flask("expiry", static_folder=None)
        self.flask.add_url_rule("/login", "login", self.login, methods=["POST"])
        self.flask.add_url_rule("/me", "me", self.me)

    def login(self) -> Any:
        given = flask.request.form
        if self.users.get(given["username"]) != given["password"]:
            return "no", 401
        sid = secrets.token_hex(16)
        self.sessions[sid] = (given["username"], self.watch.now, self.watch.now)
        answer = flask.make_response("ok")
        # The cookie itself ends in time; only the server forgets.
        answer.set_cookie("sid", sid, secure=True, max_age=int(self.limits[0].total_seconds()))
        return answer

    def me(self) -> Any:
        sid, now = flask.request.cookies.get("sid", ""), self.watch.now
        name, started, used = self.sessions.get(sid, ("", now, now))
        idle = now - used > self.limits[0] and "idle" not in self.holes
        old = now - started > self.limits[1] and "absolute" not in self.holes
        if not name or idle or old:
            return "log in", 401
        self.sessions[sid] = (name, started, now)
        return f"hello {name}"

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def target(self, **changes: Any) -> Target:
        given = {"personas": {"user": self.persona}, "whoami": "/me", "clock": self.watch.clock, **changes}
        given["login"] = call("POST /login", form={"username": "{username}", "password": "{password}"})
        return flask_target(self.flask, **{name: one for name, one in given.items() if one is not None})


class TokenApp:
    """Access tokens of a quarter of an hour, refresh tokens, and a limit on their whole family."""

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.watch = Watch()
        self.users: dict[str, str] = {}
        self.access: dict[str, tuple[str, datetime]] = {}
        self.refreshes: dict[str, tuple[str, datetime, datetime]] = {}

    def app(self) -> Any:
        app = fastapi.FastAPI()
        scheme = OAuth2PasswordBearer(tokenUrl="token")

        async def token(request: fastapi.Request) -> Any:
            given = dict(parse_qsl((await request.body()).decode()))
            if given.get("grant_type") == "refresh_token":
                name, started, used = self.refreshes.pop(
                    str(given["refresh_token"]), ("", self.watch.now, self.watch.now)
                )
                idle = self.watch.now - used > IDLE and "idle" not in self.holes
                old = self.watch.now - started > ABSOLUTE and "absolute" not in self.holes
                if not name or idle or old:
                    raise fastapi.HTTPException(400)
                return self.issue(name, started)
            if self.users.get(str(given["username"])) != given["password"]:
                raise fastapi.HTTPException(400)
            return self.issue(str(given["username"]), self.watch.now)

        async def me(token: str = fastapi.Depends(scheme)) -> dict[str, str]:
            name, until = self.access.get(token, ("", self.watch.now))
            if self.watch.now >= until:
                raise fastapi.HTTPException(401)
            return {"name": name}

        app.add_api_route("/token", token, methods=["POST"])
        app.add_api_route("/me", me)
        return app

    def issue(self, name: str, started: datetime) -> dict[str, str]:
        access, refresh = secrets.token_urlsafe(), secrets.token_urlsafe()
        self.access[access] = (name, self.watch.now + timedelta(minutes=15))
        self.refreshes[refresh] = (name, started, self.watch.now)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer"}

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def target(self) -> Target:
        return fastapi_target(
            self.app(), personas={"user": self.persona}, whoami="/me", clock=self.watch.clock, refresh=refresh
        )


def refresh(browser: Browser) -> None:
    token = next(
        found["refresh_token"]
        for one in reversed(browser.history)
        if isinstance(found := one.response.json(), dict) and "refresh_token" in found
    )
    answer = browser.post_form("/token", {"grant_type": "refresh_token", "refresh_token": token})
    browser.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def expires(target: Target, **limits: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.expires_sessions(**limits)
    finally:
        checks.close()


def rules(verdict: Verdict) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in verdict.findings}


def test_sessions_that_end_on_the_server_are_fine() -> None:
    verdict = expires(CookieApp().target(), idle=IDLE, absolute=ABSOLUTE)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["sessions"] == 2


@pytest.mark.parametrize("hole", ["idle", "absolute"])
def test_a_limit_that_only_the_cookie_keeps_is_told(hole: str) -> None:
    verdict = expires(CookieApp(hole).target(), idle=IDLE, absolute=ABSOLUTE)
    assert verdict.status is Status.VIOLATED
    assert rules(verdict) == {(f"outlives-{hole}-limit", hole)}


def test_a_limit_that_is_longer_than_it_may_be_is_told() -> None:
    verdict = expires(CookieApp(idle=timedelta(hours=2)).target(), idle=IDLE)
    assert rules(verdict) == {("outlives-idle-limit", "idle")}


def test_an_absolute_limit_is_found_although_idle_sessions_end_sooner_than_anybody_said() -> None:
    app = CookieApp("absolute", idle=timedelta(minutes=5))
    verdict = expires(app.target(), absolute=ABSOLUTE)
    assert rules(verdict) == {("outlives-absolute-limit", "absolute")}
    assert expires(CookieApp(idle=timedelta(minutes=5)).target(), absolute=ABSOLUTE)


def test_sessions_that_are_shorter_than_they_may_be_are_fine() -> None:
    assert expires(CookieApp(absolute=timedelta(hours=2)).target(), idle=IDLE, absolute=ABSOLUTE)


def test_refresh_tokens_of_a_family_that_ends_are_fine() -> None:
    verdict = expires(TokenApp().target(), idle=IDLE, absolute=ABSOLUTE)
    assert verdict.status is Status.MET, verdict.explain()


def test_a_refresh_token_that_outlives_an_idle_session_is_told() -> None:
    verdict = expires(TokenApp("idle").target(), idle=IDLE, absolute=ABSOLUTE)
    assert rules(verdict) == {("refresh-token-outlives", "idle")}


def test_a_session_that_is_refreshed_for_ever_is_told() -> None:
    verdict = expires(TokenApp("absolute").target(), idle=IDLE, absolute=ABSOLUTE)
    assert rules(verdict) == {("outlives-absolute-limit", "absolute")}


def test_a_clock_that_stands_still_leaves_it_unverified() -> None:
    app = CookieApp()
    stopped = Clock(lambda _by: None, lambda: app.watch.now)
    verdict = expires(app.target(clock=stopped), idle=IDLE)
    assert verdict.status is Status.UNVERIFIED
    assert {found.rule for found in verdict.findings} >= {"clock-does-not-move"}


def test_without_a_clock_it_is_unverified_and_names_it() -> None:
    verdict = expires(CookieApp().target(clock=None), idle=IDLE)
    assert verdict.status is Status.UNVERIFIED
    assert any("clock" in found.message for found in verdict.findings)


def test_a_whoami_that_shows_everybody_leaves_it_unverified() -> None:
    app = CookieApp()
    app.flask.add_url_rule("/open", "open", lambda: f"hello {next(reversed(app.users), '')}")
    verdict = expires(app.target(whoami="/open"), idle=IDLE)
    assert verdict.status is Status.UNVERIFIED
    assert "anonymous" in verdict.explain()


@pytest.mark.parametrize("limits", [{}, {"idle": timedelta(0)}, {"absolute": -1}])
def test_limits_that_mean_nothing_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        expires(CookieApp().target(), **limits)
