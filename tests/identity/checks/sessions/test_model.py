"""Sequences of what users do, on an application whose sessions come back in ways that no single check tries."""

from __future__ import annotations

import builtins
import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import call, flask_target
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target
from pytest_devsecops.pytest_plugin.sequences import explore


class App:
    """Sessions and refresh tokens in two cookies; ``holes`` names how what has ended comes back."""

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.users: dict[str, list[str]] = {}
        self.sessions: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.refreshes: dict[str, str] = {}
        self.flask = flask.Flask("model", static_folder=None)
        for path, view in (
            ("/login", self.login), ("/logout", self.logout), ("/password", self.password), ("/refresh", self.refresh)
        ):  # fmt: skip
            self.flask.add_url_rule(path, path, view, methods=["POST"])
        self.flask.add_url_rule("/me", "me", self.me)

    def user(self) -> str:
        return self.sessions.get(flask.request.cookies.get("sid", ""), "")

    def begin(self, name: str) -> Any:
        sid, token = secrets.token_hex(16), secrets.token_hex(16)
        self.sessions[sid] = self.refreshes[token] = name
        answer = flask.make_response("ok")
        answer.set_cookie("sid", sid, secure=True)
        answer.set_cookie("refresh", token, secure=True, path="/refresh")
        return answer

    def end(self, sid: str) -> None:
        name = self.sessions.pop(sid, "")
        self.ended[sid] = name

    def login(self) -> Any:
        name, password = flask.request.form["username"], flask.request.form["password"]
        passwords = self.users[name] if "old password" in self.holes else self.users[name][-1:]
        if password not in passwords:
            return "no", 401
        if "login revives" in self.holes:
            # Sessions are marked as ended by user; a new login takes the mark away.
            self.sessions.update({sid: one for sid, one in self.ended.items() if one == name})
        return self.begin(name)

    def me(self) -> Any:
        name = self.user()
        return f"hello {name}" if name else ("log in", 401)

    def logout(self) -> Any:
        self.end(flask.request.cookies.get("sid", ""))
        if "refresh survives" not in self.holes:
            self.refreshes.clear()
        return "bye"

    def password(self) -> Any:
        name, own = self.user(), flask.request.cookies.get("sid", "")
        self.users[name].append(flask.request.form["new"])
        for sid in [sid for sid, one in self.sessions.items() if one == name and sid != own]:
            # A change counts the first time only.
            if "second change" not in self.holes or len(self.users[name]) == 2:
                self.end(sid)
        self.refreshes.clear()
        return "ok"

    def refresh(self) -> Any:
        name = self.refreshes.pop(flask.request.cookies.get("refresh", ""), "")
        return self.begin(name) if name else ("no", 401)

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = [secrets.token_hex(8)]
        return Persona("user", name, self.users[name][0])

    def target(self, **changes: Any) -> Target:
        given = {
            "personas": {"user": self.persona},
            "whoami": "/me",
            "login": call("POST /login", form={"username": "{username}", "password": "{password}"}),
            "logout": "POST /logout",
            "change_password": change,
            "refresh": refresh,
            **changes,
        }
        return flask_target(self.flask, **{name: one for name, one in given.items() if one is not None})


def change(browser: Browser, _persona: Persona, new: str) -> Response:
    return browser.post_form("/password", {"new": new})


def refresh(browser: Browser) -> None:
    browser.post_form("/refresh", {})


def follows(target: Target, *, draw: Any = explore, **options: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict, explore=draw)
    try:
        return checks.sessions_follow_model(**options)
    finally:
        checks.close()


def test_an_application_that_keeps_to_the_model_is_fine() -> None:
    verdict = follows(App().target(), examples=10)
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["actions"] == ["log in", "log out", "change the password", "refresh"]


@pytest.mark.parametrize(
    ("hole", "rule", "length", "last"),
    [
        ("login revives", "ended-session-accepted", 3, {"log in", "change the password"}),
        ("refresh survives", "ended-session-refreshed", 2, {"log out"}),
        ("old password", "old-password-accepted", 2, {"change the password"}),
        ("second change", "ended-session-accepted", 4, {"change the password"}),
    ],
)
def test_the_shortest_sequence_that_breaks_the_model_is_told(hole: str, rule: str, length: int, last: set[str]) -> None:
    verdict = follows(App(hole).target(), examples=60)
    assert verdict.status is Status.VIOLATED
    (found,) = verdict.findings
    assert found.rule == rule
    assert len(found.detail["sequence"]) == length
    assert found.detail["sequence"][-1].partition(" in the")[0] in last
    assert "curl" in found.detail["request"]


def test_hooks_that_a_target_lacks_are_left_out_of_the_sequences() -> None:
    verdict = follows(App().target(refresh=None, change_password=None), examples=5)
    assert verdict.status is Status.MET
    assert verdict.evidence["actions"] == ["log in", "log out"]


def test_without_anything_that_ends_a_session_it_is_unverified() -> None:
    verdict = follows(App().target(logout=None, change_password=None))
    assert verdict.status is Status.UNVERIFIED
    assert "logout" in verdict.explain()


def test_a_password_that_does_not_change_leaves_it_unverified() -> None:
    target = App().target(change_password=lambda browser, _persona, _new: browser.get("/me"))
    assert follows(target).status is Status.UNVERIFIED


def test_without_hypothesis_it_is_unverified_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "hypothesis":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    verdict = follows(App().target())
    assert verdict.status is Status.UNVERIFIED
    assert "pytest-devsecops[hypothesis]" in verdict.explain()


def test_outside_a_test_run_it_is_unverified() -> None:
    assert follows(App().target(), draw=None).status is Status.UNVERIFIED


def test_an_application_that_breaks_the_model_once_only_leaves_it_unverified() -> None:
    app = App()
    answers = iter([True])
    original = app.end
    app.end = lambda sid: None if next(answers, False) else original(sid)  # type: ignore[method-assign]
    assert follows(app.target()).status is Status.UNVERIFIED


@pytest.mark.parametrize("options", [{"examples": 0}, {"steps": 0}])
def test_drawing_nothing_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        follows(App().target(), **options)
