"""Resets by a code and the name of the account, as in an app on a phone."""

from __future__ import annotations

import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Persona, TokenLogin, call, flask_target
from pytest_devsecops.identity.checks.credentials.links import guessable
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

CONFIRM = {"username": "{username}", "code": "{token}", "password": "{new_password}"}


class Phones:
    """Accounts, their codes and sessions; ``holes`` names rules that are not kept."""

    def __init__(self, *holes: str, digits: int = 6) -> None:
        self.holes = holes
        self.digits = digits
        self.passwords: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.sent: list[str] = []

    def newcomer(self) -> tuple[str, str]:
        name = f"p-{secrets.token_hex(4)}"
        self.passwords[name] = secrets.token_hex(8)
        return name, self.passwords[name]

    def app(self) -> flask.Flask:
        app = flask.Flask("phones", static_folder=None)

        @app.post("/login")
        def login() -> Any:
            given = flask.request.get_json()
            if self.passwords.get(given["username"], "") != given["password"]:
                return {}, 401
            session = secrets.token_hex(16)
            self.sessions[session] = given["username"]
            return {"access_token": session}

        @app.get("/me")
        def me() -> Any:
            name = self.sessions.get(flask.request.headers.get("Authorization", "").removeprefix("Bearer "))
            return {"name": name} if name else ({}, 401)

        @app.post("/forgotten")
        def forgotten() -> Any:
            name = flask.request.get_json()["username"]
            self.codes[name] = "".join(secrets.choice("0123456789") for _ in range(self.digits))
            self.sent.append(f"Your code is {self.codes[name]}.")
            return {}

        @app.post("/reset")
        def reset() -> Any:
            given = flask.request.get_json()
            fits = self.codes.get(given["username"]) == given["code"]
            if not fits and not ("any code" in self.holes and given["code"] in self.codes.values()):
                return {}, 400
            if "stays" not in self.holes:
                self.codes = {name: code for name, code in self.codes.items() if code != given["code"]}
            self.passwords[given["username"]] = given["password"]
            self.sessions = {key: name for key, name in self.sessions.items() if name != given["username"]}
            return {}

        return app


def _as_function(browser: Any, code: str, new: str, persona: Any) -> Any:
    return browser.post_json("/reset", {"username": persona.username, "code": code, "password": new})


def _checked(phones: Phones, confirm: Any = None) -> Verdict:
    target = flask_target(
        phones.app(),
        personas={"caller": phones.newcomer},
        login=TokenLogin("/login", as_json=True),
        whoami="/me",
        request_reset=call("POST /forgotten", json={"username": "{username}"}),
        confirm_reset=confirm or call("POST /reset", json=CONFIRM),
        mailbox=lambda: phones.sent,
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.reset_is_safe()
    finally:
        checks.close()


@pytest.mark.parametrize("confirm", [None, _as_function])
def test_six_digits_that_are_bound_to_an_account_and_used_up_are_met(confirm: Any) -> None:
    verdict = _checked(Phones(), confirm)
    assert verdict, verdict.explain()


@pytest.mark.parametrize("confirm", [None, _as_function])
def test_a_code_that_sets_the_password_of_another_account_is_found(confirm: Any) -> None:
    assert "reset-not-bound" in {one.rule for one in _checked(Phones("any code"), confirm).findings}


def test_a_code_that_works_twice_and_one_of_four_digits_are_found() -> None:
    assert {one.rule for one in _checked(Phones("stays")).findings} == {"reset-link-works-twice"}
    assert {one.rule for one in _checked(Phones(digits=4)).findings} == {"reset-link-guessable"}


@pytest.mark.parametrize(
    ("secrets", "why"),
    [
        (("483920", "484300", "484100"), ""),
        (("483920", "484300", "995001"), ""),
        (("483920", "483920", "484300"), ""),
        (("483920", "483920", "483921"), "it counts up"),
        (("483920", "483922", "484100"), "it counts up"),
        (("00c0ffee00", "00c0ffedff", "00c0ffed07"), "it counts up"),
        (("00c0ffee00", "a1c0ffedff", "00c0ffed07"), ""),
    ],
)
def test_secrets_that_are_near_each_other_by_chance_do_not_count(secrets: tuple[str, ...], why: str) -> None:
    assert guessable(secrets[1], Persona("caller", "p-1", "x"), secrets) == why
