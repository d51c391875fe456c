"""Where those go who are not logged in: a page that may well name somebody, and is no session all the same."""

from __future__ import annotations

import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import flask_target, form
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

LOGIN = "<p>{greeting}</p><form method=post action=/login><input name=user><input type=password name=word></form>"


class Club:
    """Members with sessions on the server; who was here last is kept in a cookie that is signed and outlives them.

    Attributes:
        holes: names of rules that are not kept.
        door: ``redirect`` to a login page, the login page itself ``in place``, or a ``link`` to it.
    """

    def __init__(self, *holes: str, door: str = "redirect") -> None:
        self.holes = holes
        self.door = door
        self.members: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.logins = 0

    def newcomer(self) -> tuple[str, str]:
        name, password = f"member-{secrets.token_hex(4)}", secrets.token_hex(8)
        self.members[name] = password
        return name, password

    def app(self) -> flask.Flask:
        app = flask.Flask("club", static_folder=None)
        app.secret_key = secrets.token_hex(16)
        app.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        app.add_url_rule("/desk", "desk", self._desk)
        app.add_url_rule("/logout", "logout", self._logout, methods=["POST"])
        app.add_url_rule("/password", "password", self._password, methods=["GET", "POST"])
        return app

    def _here(self) -> str:
        name = self.sessions.get(flask.request.cookies.get("sid", ""), "")
        return name if name in self.members else ""

    def _greeting(self) -> str:
        return LOGIN.format(greeting=f"Welcome back, {flask.session.get('last', 'stranger')}")

    def _login(self) -> Any:
        name = flask.request.form.get("user", "")
        self.logins += flask.request.method == "POST"
        if "throttles" in self.holes and self.logins > 3:
            return "slow down", 429
        if self.members.get(name, secrets.token_hex()) != flask.request.form.get("word"):
            return self._greeting()
        flask.session["last"] = name
        answer = flask.redirect("/desk")
        sid = secrets.token_hex(16)
        self.sessions[sid] = name
        answer.set_cookie("sid", sid, secure=True, httponly=True, samesite="Lax")
        return answer

    def _desk(self) -> Any:
        if self._here():
            return f"<p>Desk of {self._here()}</p>"
        if self.door == "redirect":
            return flask.redirect("/login?next=/desk")
        return self._greeting() if self.door == "in place" else ("<a href=/login>Log in</a>", 401)

    def _logout(self) -> Any:
        if "no logout" in self.holes:
            return "not you", 403
        if "logout" not in self.holes:
            self.sessions.pop(flask.request.cookies.get("sid", ""), None)
        return flask.redirect("/gone")  # a page of another application, on the same host

    def _password(self) -> Any:
        if flask.request.method == "GET":
            words = ("password", "new_password", "new_password_confirm")
            return f"<form method=post>{''.join(f'<input type=password name={one}>' for one in words)}</form>"
        given, name, own = flask.request.form, self._here(), flask.request.cookies.get("sid", "")
        fits = self.members.get(name) == given["password"] and given["new_password"] == given["new_password_confirm"]
        if fits:
            self.members[name] = given["new_password"]
            self.sessions = {sid: who for sid, who in self.sessions.items() if who != name or sid == own}
        return "changed" if fits else "wrong"

    def remove(self, name: str) -> None:
        if "remove" in self.holes:
            self.members[name] = secrets.token_hex()
        else:
            del self.members[name]


def _checks(club: Club, **more: Any) -> Identity:
    target = flask_target(
        club.app(),
        personas={"member": club.newcomer},
        login=form("/login", username="user", password="word"),  # noqa: S106 - names of fields
        whoami="/desk",
        logout="POST /logout",
        change_password=form("/password"),
        delete=lambda persona: club.remove(persona.username),
        **more,
    )
    return Identity(target, IdentityPolicy(), record=lambda verdict: verdict)


def _ends(club: Club, on: str | tuple[str, ...] = ("logout", "password change", "delete")) -> Verdict:
    checks = _checks(club)
    try:
        return checks.ends_sessions(on=on)
    finally:
        checks.close()


@pytest.mark.parametrize("door", ["redirect", "in place", "link"])
def test_a_login_page_that_names_who_was_there_last_is_no_session(door: str) -> None:
    verdict = _ends(Club(door=door))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize("door", ["redirect", "in place", "link"])
@pytest.mark.parametrize(("hole", "event"), [("logout", "logout"), ("remove", "delete")])
def test_a_session_that_goes_on_is_found_and_not_taken_for_what_a_signed_cookie_beside_it_says(
    hole: str, event: str, door: str
) -> None:
    verdict = _ends(Club(hole, door=door), event)
    assert {one.rule for one in verdict.findings} == {"session-survives"}, verdict.explain()


def test_a_logout_that_is_refused_is_unverified_and_says_what_to_check() -> None:
    verdict = _ends(Club("no logout"), "logout")
    assert [(one.rule, one.status) for one in verdict.findings] == [("control-failed", Status.UNVERIFIED)]
    assert "logout answers 403" in verdict.summary
    assert "check logout=" in verdict.findings[0].fix


def test_throttles_are_cleared_on_the_way_where_the_suite_says_how() -> None:
    club = Club("throttles")

    def reset() -> None:
        club.logins = 0

    checks = _checks(club, reset=reset)
    verdict = checks.ends_sessions(on=("logout", "password change"))
    assert verdict.status is Status.MET, verdict.explain()
    checks.close()
    checks = _checks(Club("throttles"))
    verdict = checks.ends_sessions(on=("logout", "password change"))
    assert verdict.status is Status.UNVERIFIED
    assert "pass reset=" in verdict.findings[0].fix
    checks.close()
