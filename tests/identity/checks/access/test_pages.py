"""Pages of a site: every page has the same frame, refusals lead to the login page, and visits are dated."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, flask_target, form
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

FRAME = """<!doctype html><html lang="en"><head><title>Neighbours</title><link rel="stylesheet" href="/all.css"></head>
<body class="page wide"><nav class="bar"><a href="/">Home</a> <a href="/explore">Explore</a> <a href="/help">Help</a>
<form action="/search"><input name="q" placeholder="Search"></form></nav><main>{content}</main>
<footer>Neighbours, a place for the street. Imprint, privacy, terms of use.</footer></body></html>"""
FORM = '<form method="post"><input name="username"><input type="password" name="password"><button>Go</button></form>'
MATRIX = {
    "GET /": {"neighbour": "own"},
    "GET /people/{person}": {"neighbour": "all"},
    "POST /people/{person}": {"neighbour": "own"},
    "GET /letters/{person}": {"neighbour": "all"},
    "GET /attic": {"neighbour": "none", "warden": "all"},
}


class Street:
    """Neighbours, each with a page that says when they were last here.

    Attributes:
        holes: names of rules that are not kept.
        dated: how the page writes that.
    """

    def __init__(self, *holes: str, dated: str = "%Y-%m-%dT%H:%M:%SZ") -> None:
        self.holes = holes
        self.dated = dated
        self.people: dict[str, dict[str, Any]] = {}
        self._visits = itertools.count()

    def newcomer(self, role: str = "neighbour") -> tuple[str, str]:
        name, password = f"{role}-{secrets.token_hex(4)}", secrets.token_hex(8)
        self.people[name] = {"password": password, "role": role, "about": "", "seen": "never"}
        return name, password

    def describe(self, name: str, text: str) -> str:
        self.people[name]["about"] = text
        return name

    def app(self) -> flask.Flask:
        app = flask.Flask("street", static_folder=None)
        app.secret_key = secrets.token_hex(16)

        @app.before_request
        def visit() -> None:
            here = self._here()
            if here:
                # Every visit is a quarter of a minute after the one before.
                now = datetime(2026, 5, 4, 9, 30) + timedelta(seconds=15 * next(self._visits))  # noqa: DTZ001 - as shown
                here["seen"] = now.strftime(self.dated)

        @app.route("/login", methods=["GET", "POST"])
        def login() -> Any:
            name = flask.request.form.get("username", "")
            known = self.people.get(name, {})
            if known and known["password"] == flask.request.form.get("password"):
                flask.session["name"] = name
                return flask.redirect("/")
            return FRAME.format(content=FORM)

        app.add_url_rule("/", "home", lambda: self._page("/", lambda name, _: f"Hello {name}"))
        app.add_url_rule("/people/<person>", "show", lambda person: self._page("/people", self._profile, person))
        app.add_url_rule("/letters/<person>", "letter", lambda person: self._page("/letters", _letter, person))
        app.add_url_rule("/attic", "attic", lambda: self._page("/attic", _attic))
        app.add_url_rule("/people/<person>", "write", self._write, methods=["POST"])
        return app

    def _here(self) -> dict[str, Any]:
        return self.people.get(flask.session.get("name", ""), {})

    def _page(self, path: str, content: Any, person: str = "") -> Any:
        if not self._here() and f"anonymous {path}" not in self.holes:
            return flask.redirect(f"/login?next={path}")
        if path == "/attic" and self._here().get("role") != "warden" and "attic" not in self.holes:
            return flask.redirect("/")
        return FRAME.format(content=content(flask.session.get("name", ""), person))

    def _profile(self, _name: str, person: str) -> str:
        known = self.people[person]
        return f"<p>{person}: {known['about']}. Last seen {known['seen']}</p>"

    def _write(self, person: str) -> Any:
        if not self._here():
            return flask.redirect("/login")
        if person == flask.session["name"] or "writes foreign" in self.holes:
            self.people[person]["about"] = flask.request.form["about"]
        return flask.redirect(f"/people/{person}")


def _letter(_name: str, person: str) -> str:
    return f"<h2>Write to {person}</h2><form method=post><textarea name=text></textarea><button>Send</button></form>"


def _attic(_name: str, _person: str) -> str:
    return "<h2>Attic</h2><p>What the warden keeps: keys, ladders, a lantern and the old account books.</p>"


def _checked(street: Street, matrix: Mapping[str, Any] = MATRIX) -> Verdict:
    target = flask_target(
        street.app(),
        personas={"neighbour": street.newcomer, "warden": lambda: street.newcomer("warden")},
        login=form("/login"),
        whoami="/",
        resources={
            "person": Resource(lambda who, text: street.describe(who.username, text), read="GET /people/{person}")
        },
        payloads={"POST /people/{person}": Payload(form={"about": "{canary}"})},
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    rows = {text: {"warden": cells["neighbour"], **cells} for text, cells in matrix.items()}
    try:
        return checks.access_matches(rows, ignore={"* /login": "everybody may sign in"})
    finally:
        checks.close()


@pytest.mark.parametrize("dated", ["%Y-%m-%dT%H:%M:%SZ", "at %H:%M:%S", "%Y-%m-%d %H:%M", "%H:%M"])
def test_neither_the_frame_of_a_login_page_nor_a_dated_visit_is_a_leak(dated: str) -> None:
    verdict = _checked(Street(dated=dated))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize(
    ("hole", "rule", "subject"),
    [
        ("anonymous /letters", "function-reached", "GET /letters/{person} for anonymous"),
        ("writes foreign", "foreign-object", "POST /people/{person} for neighbour"),
        ("attic", "function-reached", "GET /attic for neighbour"),
    ],
)
def test_in_the_same_frame_a_hole_is_found(hole: str, rule: str, subject: str) -> None:
    found = {(one.rule, one.subject) for one in _checked(Street(hole)).findings}
    assert (rule, subject) in found
    assert {name for name, _ in found} == {rule}


def test_a_login_page_does_not_pass_for_the_known_good_answer() -> None:
    matrix = {**MATRIX, "GET /letters/{person}": {"neighbour": "none", "anonymous": "all"}}
    verdict = _checked(Street(), matrix)
    assert "control-failed" in {one.rule for one in verdict.findings}
