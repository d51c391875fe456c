"""How sessions begin and end, on a Flask application with sessions on the server or in the cookie."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import flask
import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Hooks, Login, Operation, Target
from pytest_devsecops.identity.transports.wsgi import WsgiTransport


class App:
    """Users and sessions; ``holes`` names the rules that it does not keep."""

    def __init__(self, *holes: str, signed: bool = False) -> None:
        self.holes = holes
        self.signed = signed
        self.users: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.flask = flask.Flask("sessions", static_folder=None)
        self.flask.secret_key = secrets.token_hex(16)
        for path, view, methods in (
            ("/login", self.login, ["POST"]),
            ("/me", self.me, ["GET"]),
            ("/logout", self.logout, ["POST"]),
            ("/password", self.password, ["POST"]),
            ("/others", self.others, ["POST"]),
        ):
            self.flask.add_url_rule(path, path, view, methods=methods)

    def user(self) -> str:
        if self.signed:
            return str(flask.session.get("user", ""))
        return self.sessions.get(flask.request.cookies.get("sid", ""), "")

    def login(self) -> Any:
        given: Mapping[str, str] = flask.request.form
        if self.users.get(given["username"]) != given["password"]:
            return "no", 401
        if self.signed:
            flask.session["user"] = given["username"]
            return "ok"
        kept = flask.request.cookies.get("sid") if "fixation" in self.holes else None
        sid = kept or secrets.token_hex(16)
        self.sessions[sid] = given["username"]
        answer = flask.make_response("ok")
        answer.set_cookie("sid", sid, secure=True, httponly=True)
        return answer

    def me(self) -> Any:
        name = self.user()
        return (f"hello {name}", 200) if name in self.users else ("log in", 401)

    def logout(self) -> Any:
        flask.session.clear()
        answer = flask.make_response("bye")
        if "logout" not in self.holes:
            self.sessions.pop(flask.request.cookies.get("sid", ""), None)
        answer.delete_cookie("sid")
        return answer

    def password(self) -> Any:
        name, own = self.user(), flask.request.cookies.get("sid", "")
        self.users[name] = flask.request.form["new"]
        if "password" not in self.holes:
            self.sessions = {sid: user for sid, user in self.sessions.items() if user != name or sid == own}
        return "ok"

    def others(self) -> Any:
        name, own = self.user(), flask.request.cookies.get("sid", "")
        if "others" not in self.holes:
            self.sessions = {sid: user for sid, user in self.sessions.items() if user != name or sid == own}
        return "ok"

    def terminate(self, persona: Persona) -> None:
        if "terminate" not in self.holes:
            self.sessions = {sid: user for sid, user in self.sessions.items() if user != persona.username}

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def target(self, **hooks: Any) -> Target:
        return Target(
            "wsgi",
            lambda: WsgiTransport(self.flask),
            "https://app.example",
            personas={"user": self.persona},
            login=log_in,
            whoami=Operation.parse("/me"),
            hooks=Hooks(
                **{
                    "logout": "POST /logout",
                    "change_password": change,
                    "delete": self.delete,
                    "end_other_sessions": "POST /others",
                    "terminate": self.terminate,
                    **hooks,
                }
            ),
        )

    def delete(self, persona: Persona) -> None:
        del self.users[persona.username]


def log_in(browser: Browser, persona: Persona) -> Response:
    return browser.post_form("/login", {"username": persona.username, "password": persona.password})


def change(browser: Browser, _persona: Persona, new: str) -> Response:
    return browser.post_form("/password", {"new": new})


def ends(target: Target, on: str) -> Verdict:
    return Identity(target, IdentityPolicy(), record=lambda verdict: verdict).ends_sessions(on=on)


def starts(target: Target) -> Verdict:
    return Identity(target, IdentityPolicy(), record=lambda verdict: verdict).starts_new_session_at_login()


def rules(verdict: Verdict) -> set[str]:
    return {found.rule for found in verdict.findings}


@pytest.mark.parametrize("on", ["logout", "password change", "delete", "end other sessions", "terminate"])
def test_sessions_that_end_on_the_server_are_fine(on: str) -> None:
    verdict = ends(App().target(), on)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["sessions"] == 3


@pytest.mark.parametrize(
    ("hole", "on"),
    [
        ("logout", "logout"),
        ("password", "password change"),
        ("others", "end other sessions"),
        ("terminate", "terminate"),
    ],
)
def test_a_session_that_goes_on_is_told(hole: str, on: str) -> None:
    assert rules(ends(App(hole).target(), on)) == {"session-survives"}


def test_a_signed_cookie_that_nobody_can_revoke_is_told_as_such() -> None:
    verdict = ends(App(signed=True).target(), "logout")
    assert verdict.status is Status.VIOLATED
    assert rules(verdict) == {"stateless-session"}


def test_a_missing_hook_is_named() -> None:
    verdict = ends(App().target(logout=None), "logout")
    assert verdict.status is Status.UNVERIFIED
    assert any("logout" in found.message for found in verdict.findings)


def test_a_password_change_that_changes_nothing_leaves_it_unverified() -> None:
    verdict = ends(App().target(change_password=lambda browser, _persona, _new: browser.get("/me")), "password change")
    assert verdict.status is Status.UNVERIFIED
    assert "control-failed" in rules(verdict)


def test_an_event_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="names no event"):
        ends(App().target(), "lunch")


def test_a_new_session_at_login_is_fine() -> None:
    verdict = starts(App().target())
    assert verdict.status is Status.MET, verdict.explain()


def test_a_session_that_an_attacker_plants_is_told() -> None:
    assert "session-fixation" in rules(starts(App("fixation").target()))


def test_a_termination_that_locks_the_account_as_well_leaves_it_unverified() -> None:
    app = App()
    assert ends(app.target(terminate=app.delete), "terminate").status is Status.UNVERIFIED


def limits(target: Target, at_most: int) -> Verdict:
    return Identity(target, IdentityPolicy(), record=lambda verdict: verdict).limits_sessions(at_most=at_most)


def log_in_and_end_older(app: App, most: int) -> Login:
    """Log in as usual, and end what is beyond a number of sessions of the user, as such an application does."""

    def login(browser: Browser, persona: Persona) -> Response:
        response = log_in(browser, persona)
        mine = [sid for sid, name in app.sessions.items() if name == persona.username]
        for sid in mine[:-most]:
            del app.sessions[sid]
        return response

    return login


def test_a_user_with_so_many_sessions_and_no_more_is_fine() -> None:
    app = App()
    verdict = limits(replace(app.target(), login=log_in_and_end_older(app, 2)), 2)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["sessions"] == 3


def test_a_login_beyond_the_limit_may_be_refused_instead() -> None:
    app = App()

    def login(browser: Browser, persona: Persona) -> Response:
        mine = [sid for sid, name in app.sessions.items() if name == persona.username]
        return log_in(browser, persona) if len(mine) < 2 else browser.get("/me")

    assert limits(replace(app.target(), login=login), 2)


def test_sessions_without_number_are_told() -> None:
    assert rules(limits(App().target(), 2)) == {"too-many-sessions"}
    verdict = limits(App(signed=True).target(), 1)
    assert "a signed cookie" in verdict.explain()


def test_fewer_sessions_than_are_allowed_leave_it_unverified() -> None:
    app = App()
    assert limits(replace(app.target(), login=log_in_and_end_older(app, 1)), 2).status is Status.UNVERIFIED


def test_a_limit_that_lets_nobody_in_is_refused() -> None:
    with pytest.raises(UsageError, match="at_most"):
        limits(App().target(), 0)
