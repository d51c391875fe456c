"""Cookies of a session: their flags, their names, and whether anybody guesses what is in them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import TokenLogin, call, flask_target
from pytest_devsecops.identity.checks.session.guessing import guessed, strength
from pytest_devsecops.identity.checks.session.replay import read_contents
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

GOOD: dict[str, Any] = {"secure": True, "httponly": True, "samesite": "Lax", "path": "/"}
NAME = "__Host-session"


class App:
    """A login whose cookie is called ``name``, has ``flags``, and the value that ``make`` gives for a user."""

    def __init__(self, name: str = NAME, *, make: Callable[[str], str] | None = None, **flags: Any) -> None:
        self.name = name
        self.flags = {**GOOD, **flags}
        self.make = make or (lambda _name: secrets.token_hex(16))
        self.read: Callable[[str], str] | None = None
        self.from_address = False
        self.others: list[str] = []
        self.in_address = False
        self.users: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.flask = flask.Flask("cookies", static_folder=None)
        self.flask.secret_key = secrets.token_hex(16)
        self.flask.add_url_rule("/login", "login", self.login, methods=["POST"])
        self.flask.add_url_rule("/me", "me", self.me)

    def login(self) -> Any:
        given = flask.request.form
        if self.users.get(given["username"]) != given["password"]:
            return "no", 401
        value = self.make(given["username"])
        self.sessions[value] = given["username"]
        answer = flask.redirect(f"/me?session={value}" if self.in_address else "/me")
        answer.set_cookie(self.name, value, **self.flags)
        answer.set_cookie("theme", "dark", secure=True)
        for other in self.others:
            answer.set_cookie(other, secrets.token_hex(16), secure=True, samesite="Strict", path="/refresh")
        return answer

    def me(self) -> Any:
        value = flask.request.cookies.get(self.name, "")
        if self.from_address:
            value = flask.request.args.get(self.name, value)
        name = self.read(value) if self.read else self.sessions.get(value, "")
        return f"hello {name}" if name in self.users else ("log in", 401)

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def target(self, **changes: Any) -> Target:
        login = call("POST /login", form={"username": "{username}", "password": "{password}"})
        given = {"personas": {"user": self.persona}, "whoami": "/me", "login": login, **changes}
        return flask_target(self.flask, **given)


def log_in_by_signed_cookie() -> str:
    flask.session["user"] = flask.request.form["username"]
    return "ok"


def safe(target: Target, **options: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.cookies_are_safe(**options)
    finally:
        checks.close()


def rules(verdict: Verdict) -> set[str]:
    return {found.rule for found in verdict.findings}


def test_a_cookie_that_keeps_every_promise_is_fine() -> None:
    verdict = safe(App().target())
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined == {"logins": 8, "cookies": 2}
    assert verdict.evidence["entropy_bits"] == {NAME: 128}


@pytest.mark.parametrize(
    ("name", "flags", "expected"),
    [
        (NAME, {"secure": False}, {"not-secure", "broken-prefix"}),
        (NAME, {"httponly": False}, {"script-readable"}),
        (NAME, {"samesite": None}, {"cross-site"}),
        (NAME, {"samesite": "None"}, {"cross-site"}),
        (NAME, {"path": "/me"}, {"broken-prefix"}),
        (NAME, {"domain": "example"}, {"broken-prefix", "shared-with-hosts"}),
        ("__Secure-session", {"secure": False}, {"not-secure", "broken-prefix"}),
        ("__Secure-session", {"domain": "example"}, {"shared-with-hosts"}),
        ("session", {}, {"no-prefix"}),
        ("__secure-session", {"samesite": "Strict"}, set()),
    ],
)
def test_each_broken_promise_is_told(name: str, flags: dict[str, Any], expected: set[str]) -> None:
    verdict = safe(App(name, **flags).target())
    assert rules(verdict) == expected, verdict.explain()


def test_a_refresh_token_that_scripts_can_read_is_told_and_a_csrf_token_is_not() -> None:
    app = App()
    app.others = ["__Secure-refresh", "csrf_access_token", "XSRF-TOKEN", "basket"]
    verdict = safe(app.target())
    assert {(found.rule, found.subject) for found in verdict.findings} == {("script-readable", "__Secure-refresh")}


def test_prefixes_and_cross_site_use_can_be_agreed_on() -> None:
    assert safe(App("session").target(), prefixes=False)
    assert safe(App(samesite="None").target(), cross_site=True)


def counter() -> Callable[[str], str]:
    numbers = itertools.count(1_000_000)
    return lambda _name: f"session{next(numbers):024d}"


def md5_of_a_counter() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda _name: hashlib.md5(str(next(numbers)).encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (counter(), "little-entropy"),
        (lambda _name: secrets.token_hex(8), "little-entropy"),
        (lambda _name: str(uuid.uuid1()), "little-entropy"),
        (md5_of_a_counter(), "guessable-session-id"),
        (lambda name: hashlib.sha256(name.encode()).hexdigest(), "repeated-session-id"),
    ],
)  # fmt: skip
def test_ids_that_can_be_guessed_are_told(make: Callable[[str], str], rule: str) -> None:
    assert rules(safe(App(make=make).target())) == {rule}


@pytest.mark.parametrize(
    "make",
    [
        lambda _name: secrets.token_urlsafe(16),
        lambda _name: secrets.token_urlsafe(32),
        lambda _name: "s" * 8 + secrets.token_hex(20),
    ],
)
def test_ids_from_a_secure_source_are_fine(make: Callable[[str], str]) -> None:
    assert safe(App(make=make).target())


def as_base64_json(name: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"user": name}).encode()).decode().rstrip("=")


def from_base64_json(value: str) -> str:
    try:
        return str(json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))["user"])
    except ValueError:
        return ""


@pytest.mark.parametrize(("make", "read"), [(str, str), (as_base64_json, from_base64_json)])
def test_a_cookie_that_anybody_can_rewrite_is_told(make: Callable[[str], str], read: Callable[[str], str]) -> None:
    app = App(make=make)
    app.read = read
    assert "forgeable-session" in rules(safe(app.target()))


def test_a_session_in_an_address_is_told() -> None:
    app = App()
    app.in_address = True
    assert rules(safe(app.target())) == {"session-in-address"}


def test_a_session_that_is_taken_from_an_address_is_told() -> None:
    app = App()
    app.from_address = True
    assert rules(safe(app.target())) == {"session-in-address"}


@pytest.mark.filterwarnings("ignore:The '__Host-session' cookie is too large")
def test_a_cookie_that_browsers_drop_for_its_size_is_told() -> None:
    assert rules(safe(App(make=lambda _name: secrets.token_hex(3000)).target())) == {"too-large"}


def test_frameworks_signed_cookies_are_judged_by_their_flags_only() -> None:
    app = App("unused")
    app.flask.config.update(
        SESSION_COOKIE_NAME=NAME, SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/"
    )
    app.flask.view_functions["login"] = log_in_by_signed_cookie
    app.flask.view_functions["me"] = lambda: (
        f"hello {flask.session['user']}" if "user" in flask.session else ("log in", 401)
    )
    verdict = safe(app.target())
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["self_contained"] == [NAME]


def test_a_setting_of_the_tests_that_takes_the_flag_away_leaves_it_unverified_and_is_named() -> None:
    app = App("unused")
    app.flask.config.update(SESSION_COOKIE_NAME="__Secure-x", SESSION_COOKIE_SAMESITE="Lax")
    app.flask.view_functions["login"] = log_in_by_signed_cookie
    app.flask.view_functions["me"] = lambda: (
        f"hello {flask.session['user']}" if "user" in flask.session else ("log in", 401)
    )
    verdict = safe(app.target())
    assert "SESSION_COOKIE_SECURE = False" in verdict.explain()
    unverified = {found.rule for found in verdict.findings if found.status is Status.UNVERIFIED}
    assert "not-secure" in unverified


def test_a_login_without_a_cookie_is_not_applicable() -> None:
    app = App()
    app.flask.add_url_rule("/token", "token", lambda: {"access_token": app.make("")}, methods=["POST"])
    app.flask.view_functions["token"] = lambda: {"access_token": flask.request.form["username"]}
    app.flask.view_functions["me"] = lambda: (
        flask.request.headers.get("Authorization", "").removeprefix("Bearer ") or ("no", 401)
    )
    verdict = safe(app.target(login=TokenLogin("/token")))
    assert verdict.status is Status.UNVERIFIED
    assert "not-applicable" in rules(verdict)


def test_a_whoami_that_shows_everybody_leaves_it_unverified() -> None:
    app = App()
    app.flask.view_functions["me"] = lambda: f"hello {next(reversed(app.users), '')}"
    assert safe(app.target()).status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (f"alice|{'0a' * 64}", "signed"),
        (f"2|1:0|10:1700000000|4:user|8:YWxpY2U=|{'0a' * 32}", "signed"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln", "JWT"),
        ("eyJ1c2VyIjoiYWxpY2UifQ.aaaaaa.c2lnbmF0dXJl", "signed"),
        ("eyJ1c2VyIjoiYWxpY2UifQ", "unsigned"),
        ("9ccb69dd27931339edfcf59c5fb85d9e", None),
        ("9ccb69dd27931339edfcf59c5fb85d9e.1cwCz7vmJCVRxfhnZ__N92cs-lo", None),
        ("a|b", None),
    ],
)
def test_what_a_credential_carries_is_told_from_its_form(value: str, kind: str | None) -> None:
    contents = read_contents(value)
    assert (contents.kind if contents else None) == kind


def test_the_strength_of_ids_is_a_bound_from_above() -> None:
    assert strength(["aaaa0001", "aaaa0002", "aaaa0003"]) == pytest.approx(4)
    assert strength([secrets.token_hex(16) for _ in range(8)]) == pytest.approx(128)
    assert strength(["one"]) == 0


def test_what_an_id_is_made_of_is_told() -> None:
    known = hashlib.md5(b"alice", usedforsecurity=False).hexdigest()
    assert guessed([known], ["alice"]) == "the MD5 of the user's name"
    now = hashlib.sha1(str(int(time.time())).encode(), usedforsecurity=False).hexdigest()
    assert guessed([now], ["alice"]) == "the SHA1 of the time of the login"
    assert guessed([secrets.token_hex(16)], ["alice"]) == ""
