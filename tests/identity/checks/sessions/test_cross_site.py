"""Requests that pages of other sites start, on a Flask application whose defences have holes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Resource, TokenLogin, flask_target, form
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.payload import Payload
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

ORIGIN = "https://testserver"
PAGE = '<form method="post"><input name="username"><input name="password" type="password">{}</form>'
FIELD = '<input type="hidden" name="csrf_token" value="{}">'


class App:
    """Orders with a token of the session on every form; ``holes`` names what the defence forgets."""

    def __init__(self, *holes: str, samesite: str | None = None) -> None:
        self.holes = holes
        self.samesite = samesite
        self.users: dict[str, str] = {}
        self.sessions: dict[str, dict[str, str]] = {}
        self.orders: dict[int, dict[str, str]] = {}
        self.flask = flask.Flask("cross", static_folder=None)
        self.flask.before_request(self.defend)
        self.flask.after_request(self.allow)
        for path, view, methods in (
            ("/login", self.login, ["GET", "POST"]),
            ("/me", self.me, ["GET"]),
            ("/orders", self.create, ["GET", "POST"]),
            ("/orders/<int:order>", self.change, ["GET", "POST"]),
            ("/orders/<int:order>/note", self.note, ["PUT", *(["POST"] if "override" in holes else [])]),
        ):
            self.flask.add_url_rule(path, path, view, methods=methods)
        if "get" in holes:
            self.flask.add_url_rule("/orders/<int:order>/clear", "clear", self.clear)

    @property
    def session(self) -> dict[str, str]:
        return self.sessions.get(flask.request.cookies.get("sid", ""), {})

    def defend(self) -> Any:
        """Refuse what changes something without the session's token, unless a hole lets it through."""
        if flask.request.method in ("GET", "HEAD", "OPTIONS") or self.is_let_through():
            return None
        return "no", 403

    def is_let_through(self) -> bool:
        request, holes = flask.request, self.holes
        origin = request.headers.get("Origin", "")
        given = request.form.get("csrf_token") or request.headers.get("X-CSRFToken", "")
        known = [one["token"] for one in self.sessions.values()] if "anybodys" in holes else [self.session.get("token")]
        if "origin-only" in holes:
            lookalike = "prefix" in holes and origin.startswith(ORIGIN)
            return origin == ORIGIN or lookalike or ("null" in holes and origin == "null")
        return any(
            (
                given in known,
                "everything" in holes,
                "any" in holes and given,
                "cors" in holes and origin and request.is_json,
                "json" in holes and request.get_json(silent=True, force=True) is not None,
                "login" in holes and request.path == "/login",
            )
        )

    def allow(self, answer: Any) -> Any:
        if "cors" in self.holes and "Origin" in flask.request.headers:
            answer.headers["Access-Control-Allow-Origin"] = flask.request.headers["Origin"]
            answer.headers["Access-Control-Allow-Credentials"] = "true"
            answer.headers["Access-Control-Allow-Headers"] = "Content-Type"
            answer.headers["Access-Control-Allow-Methods"] = "GET, POST, PUT"
        return answer

    def login(self) -> Any:
        given: Mapping[str, str] = flask.request.form
        sid = secrets.token_hex(16)
        if flask.request.method == "GET":
            self.sessions[sid] = {"token": secrets.token_hex(8)}
            answer = flask.make_response(PAGE.format(FIELD.format(self.sessions[sid]["token"])))
        elif self.users.get(given["username"]) != given["password"]:
            return "no", 401
        else:
            self.sessions[sid] = {"name": given["username"], "token": secrets.token_hex(8)}
            answer = flask.make_response("ok")
        answer.set_cookie("sid", sid, secure=True, httponly=True, samesite=self.samesite)
        return answer

    def me(self) -> Any:
        name = self.session.get("name")
        page = FIELD.format(self.session.get("token"))
        return f"<form>hello {name} {page}</form>" if name else ("log in", 401)

    def given(self) -> Mapping[str, str]:
        body = flask.request.get_json(silent=True, force=True)
        return body if isinstance(body, dict) else {**flask.request.args, **flask.request.form}

    def create(self) -> Any:
        name = self.session.get("name")
        if not name:
            return "log in", 401
        if flask.request.method == "POST":
            self.orders[len(self.orders) + 1] = {"owner": name, "note": self.given()["note"]}
            # It says the same whether or not it is refused: only reading tells.
        return {"orders": [one for one in self.orders.values() if one["owner"] == name]}

    def change(self, order: int) -> Any:
        if self.orders.get(order, {}).get("owner") != self.session.get("name", "?"):
            return "no", 404
        changes = flask.request.method != "GET" or ("link" in self.holes and "note" in self.given())
        if changes:
            self.orders[order]["note"] = self.given()["note"]
        return self.orders[order]

    def note(self, order: int) -> Any:
        return self.change(order)

    def clear(self, order: int) -> Any:
        if self.orders.get(order, {}).get("owner") != self.session.get("name", "?"):
            return "no", 404
        self.orders[order]["note"] = ""
        return "done"

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def new_order(self, persona: Persona, canary: str) -> int:
        self.orders[len(self.orders) + 1] = {"owner": persona.username, "note": canary}
        return len(self.orders)

    def target(self, *, json: bool = False, **changes: Any) -> Target:
        payload = Payload(json={"note": "{canary}"}) if json else Payload(form={"note": "{canary}"})
        given = {
            "personas": {"user": self.persona},
            "login": form("/login"),
            "whoami": "/me",
            "resources": {"order": Resource(self.new_order, "GET /orders/{order}")},
            "payloads": {
                "POST /orders": payload,
                "POST /orders/{order}": payload,
                "PUT /orders/{order}/note": payload,
            },
            **changes,
        }
        return flask_target(self.flask, **given)


def refuses(target: Target, **options: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.refuses_cross_site_writes(**options)
    finally:
        checks.close()


def rules(verdict: Verdict) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in verdict.findings}


WRITES = {("cross-site-write", "POST /orders"), ("cross-site-write", "POST /orders/{order}")}
LOGIN = ("cross-site-login", "login")


@pytest.mark.parametrize("json", [False, True])
def test_a_token_of_the_session_is_enough(json: bool) -> None:  # noqa: FBT001 - a parameter of the test
    verdict = refuses(App().target(json=json))
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["operations"] == 3
    assert any("JSON" in way for way in verdict.evidence["not_applicable"]) is not json
    assert verdict.evidence["judged_by"] == {
        "POST /orders": "witness",
        "POST /orders/{order}": "read-back",
        "PUT /orders/{order}/note": "read-back",
    }


@pytest.mark.parametrize(
    ("holes", "expected"),
    [
        (("everything",), {*WRITES, LOGIN}),
        (("any",), {*WRITES, LOGIN}),
        (("anybodys",), {*WRITES, LOGIN}),
        (("login",), {LOGIN}),
        (("get",), {("get-writes", "GET /orders/{order}/clear")}),
        (("link",), {("get-writes", "POST /orders/{order}")}),
        (("origin-only",), set()),
        (("origin-only", "null"), {*WRITES, LOGIN}),
        (("origin-only", "prefix"), {*WRITES, LOGIN}),
    ],
)
def test_each_hole_of_the_defence_is_told(holes: tuple[str, ...], expected: set[tuple[str, str]]) -> None:
    verdict = refuses(App(*holes).target())
    assert rules(verdict) == expected, verdict.explain()


def test_a_method_that_a_field_says_is_told() -> None:
    app = App("everything", "override")
    target = app.target()
    # The framework turns the method only after the inventory was made, as a middleware does.
    inventory = [one for one in target.inventory() or () if str(one) != "POST /orders/{order}/note"]  # type: ignore[misc]
    assert ("cross-site-write", "PUT /orders/{order}/note") in rules(
        refuses(replace(target, inventory=lambda: inventory))
    )


def test_json_that_is_called_something_else_is_tried() -> None:
    verdict = refuses(App("json").target(json=True))
    assert rules(verdict) == WRITES
    assert all("JSON" in found.message for found in verdict.findings)


def test_scripts_that_cors_lets_in_are_told() -> None:
    verdict = refuses(App("cors").target(json=True))
    assert rules(verdict) == {
        ("cors-reads", "GET /me"),
        ("cors-writes", "POST /orders"),
        ("cors-writes", "POST /orders/{order}"),
        ("cors-writes", "PUT /orders/{order}/note"),
    }


def test_same_site_cookies_stay_at_home_but_a_link_and_a_login_need_none() -> None:
    assert rules(refuses(App("everything", samesite="Lax").target())) == {LOGIN}
    assert rules(refuses(App("everything", "link", samesite="Lax").target())) == {
        LOGIN,
        ("get-writes", "POST /orders/{order}"),
    }


def test_same_site_is_no_obstacle_to_a_sibling_host() -> None:
    assert rules(refuses(App("everything", samesite="Strict").target(), siblings=True)) == {*WRITES, LOGIN}


def test_an_operation_that_works_for_nobody_leaves_it_unverified() -> None:
    verdict = refuses(App().target(payloads={"POST /orders": Payload(form={"note": "{canary}"})}))
    assert verdict.status is Status.UNVERIFIED
    assert {subject for _, subject in rules(verdict)} == {"POST /orders/{order}", "PUT /orders/{order}/note"}


def test_an_operation_that_shows_nothing_leaves_it_unverified() -> None:
    app = App("everything", samesite="None")
    app.flask.add_url_rule(
        "/ping", "ping", lambda: "pong" if app.session.get("name") else ("no", 401), methods=["POST"]
    )
    verdict = refuses(app.target())
    assert ("not-examined", "POST /ping") in rules(verdict)


def test_an_operation_that_needs_no_login_is_done_in_nobodys_name() -> None:
    app = App("everything", samesite="None")
    guests: list[str] = []

    def sign() -> str:
        guests.append(flask.request.form.get("note", ""))
        return "thank you"

    app.flask.add_url_rule("/guests", "guests", sign, methods=["POST"])
    payloads = {**app.target().payloads, "POST /guests": Payload(observe=lambda: len(guests))}
    verdict = refuses(app.target(payloads=payloads))
    assert verdict.evidence["operations_that_need_no_login"] == ["POST /guests"]
    assert rules(verdict) == {*WRITES, LOGIN}


def test_an_operation_can_be_left_out_with_the_reason() -> None:
    app = App()
    app.flask.add_url_rule("/ping", "ping", lambda: ("no", 400), methods=["POST"])
    assert ("not-examined", "POST /ping") in rules(refuses(app.target()))
    verdict = refuses(app.target(), ignore={"POST /ping": "changes nothing"})
    assert verdict
    assert verdict.evidence["ignored_operations"]["POST /ping"] == "changes nothing"


def test_what_the_application_keeps_elsewhere_can_be_observed() -> None:
    app = App("everything")
    pings: list[str] = []

    def ping() -> Any:
        if not app.session.get("name"):
            return "no", 401
        pings.append(app.session["name"])
        return "pong"

    app.flask.add_url_rule("/ping", "ping", ping, methods=["POST"])
    payloads = {**app.target().payloads, "POST /ping": Payload(observe=lambda: len(pings))}
    assert ("cross-site-write", "POST /ping") in rules(refuses(app.target(payloads=payloads)))


def test_an_api_with_bearer_tokens_is_told_that_it_does_not_apply() -> None:
    app = App()
    app.flask.before_request_funcs.clear()
    app.flask.add_url_rule(
        "/token", "token", lambda: {"access_token": flask.request.form["username"]}, methods=["POST"]
    )
    app.flask.view_functions["/me"] = lambda: flask.request.headers.get("Authorization") or ("no", 401)
    verdict = refuses(app.target(login=TokenLogin("/token")))
    assert verdict.status is Status.UNVERIFIED
    assert "not-applicable" in {rule for rule, _ in rules(verdict)}


def test_without_an_inventory_it_is_unverified() -> None:
    verdict = refuses(replace(App().target(), inventory=None))
    assert verdict.status is Status.UNVERIFIED


def test_protection_that_the_tests_switch_off_leaves_it_unverified_and_is_named() -> None:
    app = App()
    app.flask.config["WTF_CSRF_ENABLED"] = False
    verdict = refuses(app.target())
    assert verdict.status is Status.UNVERIFIED
    assert "WTF_CSRF_ENABLED = False" in verdict.explain()


def leave(app: App) -> str:
    app.sessions.pop(flask.request.cookies.get("sid", ""), None)
    return "goodbye"


@pytest.mark.parametrize("logout", ["GET /leave", "POST /leave"])
def test_a_logout_that_is_a_link_and_a_form_is_the_logout_in_both(logout: str) -> None:
    app = App()
    app.flask.add_url_rule("/leave", "leave", lambda: leave(app), methods=["GET", "POST"])
    verdict = refuses(app.target(logout=logout))
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["operations"] == 3


def test_another_method_at_the_address_of_the_logout_is_examined() -> None:
    app = App("everything")
    pings: list[int] = []
    app.flask.add_url_rule("/leave", "leave", lambda: leave(app), methods=["DELETE"])

    def later() -> Any:
        if "name" not in app.session:
            return "no", 401
        pings.append(1)
        return "later"

    app.flask.add_url_rule("/leave", "later", later, methods=["POST"])
    payloads = {**app.target().payloads, "POST /leave": Payload(observe=lambda: len(pings))}
    verdict = refuses(app.target(logout="DELETE /leave", payloads=payloads))
    assert ("cross-site-write", "POST /leave") in rules(verdict), verdict.explain()
