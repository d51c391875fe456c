"""No check is met, and none breaks down, where the application or the suite leaves nothing to examine."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import flask
import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import ClientRegistration, Clock, Resource, TokenLogin, call, flask_target
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.checks.credentials import links
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Flows, Target

_HOME = "https://shop.example/callback"

CHECKS: dict[str, Callable[[Identity], Verdict]] = {
    "access_matches": lambda one: one.access_matches({"GET /{path}": {"user": "own"}}, ignore={"*/": "the home page"}),
    "refuses_forged_tokens": lambda one: one.refuses_forged_tokens(at="/me", issuer_key="secret"),
    "starts_new_session_at_login": lambda one: one.starts_new_session_at_login(),
    "ends_sessions on logout": lambda one: one.ends_sessions(on="logout", others=False),
    "ends_sessions on delete": lambda one: one.ends_sessions(on=("delete", "disable", "password change", "terminate")),
    "expires_sessions": lambda one: one.expires_sessions(idle=60, absolute=3600),
    "limits_sessions": lambda one: one.limits_sessions(at_most=1),
    "cookies_are_safe": lambda one: one.cookies_are_safe(prefixes=False, bits=1),
    "refuses_cross_site_writes": lambda one: one.refuses_cross_site_writes(siblings=True),
    "throttles_login": lambda one: one.throttles_login(after=2),
    "reveals_no_accounts": lambda one: one.reveals_no_accounts(timing=()),
    "reset_is_safe": lambda one: one.reset_is_safe(),
    "passwords_follow_policy": lambda one: one.passwords_follow_policy(),
    "authorization_server_is_safe": lambda one: one.authorization_server_is_safe(
        client=ClientRegistration("shop", "secret", redirect_uris=(_HOME,))
    ),
}


def _app(status: int, *, names: list[str], token: bool) -> flask.Flask:
    """Return an application that gives one answer to everything: the names of all its users."""
    app = flask.Flask("one-answer", static_folder=None)

    @app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    @app.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def answer(path: str) -> Any:
        if token and path == "token":
            return {"access_token": "e30.e30.e30", "token_type": "bearer"}
        return " ".join(names), status

    return app


def _target(kind: str) -> Target:
    names: list[str] = []

    def make() -> tuple[str, str]:
        name = "the same" if kind == "one user" else f"user-{secrets.token_hex(4)}"
        if kind == "shows everybody":
            names.append(name)
        return name, secrets.token_hex(8)

    fields = call("POST /any", form={"name": "{username}", "password": "{password}"})
    day = datetime(2026, 1, 1, tzinfo=UTC)
    flows: Flows = {
        "personas": {}
        if kind == "no personas"
        else {"user": (lambda: ("same", "same")) if kind == "one user" else make},
        "login": TokenLogin("/token") if kind == "unchecked token" else fields,
        "whoami": "/me",
        "resources": {"path": Resource(create=lambda _who, _canary: None, read="GET /{path}")},
        "logout": "POST /logout",
        "register": fields,
        "request_reset": "POST /reset",
        "confirm_reset": lambda browser, link, _new: browser.get(link),
        "change_password": lambda browser, who, _new: fields(browser, who),
        "disable": lambda _who: None,
        "delete": lambda _who: None,
        "terminate": lambda _who: None,
        "mailbox": list,
        "clock": Clock(lambda _by: None, lambda: day),
    }
    if kind == "login returns nothing":
        flows["login"] = lambda browser, _who: browser.get("/") and None  # type: ignore[typeddict-item]
    status = int(kind) if kind.isdigit() else 200
    return flask_target(_app(status, names=names, token=kind == "unchecked token"), **flows)


#: A matrix that speaks of a persona whom the target lacks is a mistake of the suite, and raised as one.
KINDS = ("200", "401", "404", "500", "shows everybody", "unchecked token", "one user", "login returns nothing")
PAIRS = [
    *((kind, check) for kind in KINDS for check in CHECKS),
    *(("no personas", check) for check in CHECKS if check != "access_matches"),
]


@pytest.mark.parametrize(("kind", "check"), PAIRS)
def test_no_check_is_met(kind: str, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "PATIENCE", 0.05)
    identity = Identity(_target(kind), IdentityPolicy(), record=lambda verdict: verdict)
    try:
        verdict = CHECKS[check](identity)
    finally:
        identity.close()

    assert not verdict
    assert all(one.message for one in verdict.findings)


def test_a_login_that_returns_nothing_is_taken_to_return_what_its_browser_saw() -> None:
    app = flask.Flask("site", static_folder=None)
    app.secret_key = secrets.token_hex()

    @app.post("/login")
    def login() -> str:
        flask.session["user"] = flask.request.form["username"]
        return "hello"

    @app.get("/me")
    def me() -> str:
        return str(flask.session.get("user") or flask.abort(401))

    def log_in(browser: Browser, who: Persona) -> None:
        browser.post_form("/login", {"username": who.username})

    people = {"user": lambda: (f"user-{secrets.token_hex(4)}", "")}
    flows: Any = {"personas": people, "login": log_in, "whoami": "/me"}
    verdict = Identity(
        flask_target(app, **flows), IdentityPolicy(), record=lambda verdict: verdict
    ).starts_new_session_at_login()

    assert verdict, verdict.explain()
