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
from pytest_devsecops.identity import Payload, Resource, bearer, flask_target, form
from pytest_devsecops.identity.checks.access.matrix import compare
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Operation

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


TOKENS = {
    "field": '<form method=post><input id="csrf_token" name="csrf_token" type="hidden" value="{:040}"></form>',
    "meta": '<meta name="csrf-token" content="{:040}">',
    "signed with the time": '<a href="/leave?key=IjQ3MTEi.{0:06}.Cq2lKWbX0yJmXr0mHq3mC3{0:05}">Leave</a>',
    "hidden field of another kind": '<form method=post><input type="hidden" name="visits" value="{}"></form>',
}


class Street:
    """Neighbours, each with a page that says when they were last here.

    Attributes:
        holes: names of rules that are not kept.
        dated: how the page writes that.
        token: where the page has a token against cross-site requests.
    """

    def __init__(self, *holes: str, dated: str = "%Y-%m-%dT%H:%M:%SZ", token: str = "") -> None:
        self.holes = holes
        self.dated = dated
        self.token = token
        self.people: dict[str, dict[str, Any]] = {}
        self._visits = itertools.count()
        self._posts = 0

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
            self._posts += flask.request.method == "POST"
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
        # Some tokens are the same for a while, so that two readings in a row do not show that they change.
        token = TOKENS.get(self.token, "").format(self._posts)
        return f"<p>{person}: {known['about']}. Last seen {known['seen']}</p>{token}"

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


@pytest.mark.parametrize("token", ["field", "meta", "signed with the time"])
def test_a_token_that_lasts_for_a_while_is_no_change(token: str) -> None:
    verdict = _checked(Street(token=token))
    assert verdict.status is Status.MET, verdict.explain()


def test_another_hidden_field_that_changes_is_a_change() -> None:
    verdict = _checked(Street(token="hidden field of another kind"))  # noqa: S106 - where it stands
    assert ("foreign-object", "POST /people/{person} for neighbour") in [
        (one.rule, one.subject) for one in verdict.findings
    ]


class Board:
    """A board of notes whose pages lead whoever is not logged in to the login, and a profile in JSON with tokens.

    Attributes:
        holes: names of rules that are not kept.
    """

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.tokens: dict[str, str] = {}
        self.notes: dict[int, tuple[str, str]] = {}

    def newcomer(self) -> tuple[str, str]:
        name, token = f"writer-{secrets.token_hex(4)}", secrets.token_hex(8)
        self.tokens[token] = name
        return name, token

    def add(self, name: str, text: str) -> int:
        self.notes[len(self.notes) + 1] = (name, text)
        return len(self.notes)

    def app(self) -> flask.Flask:
        app = flask.Flask("board", static_folder=None)
        app.secret_key = secrets.token_hex(16)
        app.add_url_rule("/login", "login", self._login, methods=["GET", "POST"])
        app.add_url_rule("/me", "me", self._me)
        app.add_url_rule("/notes", "notes", self._notes, methods=["GET", "POST"])
        app.add_url_rule("/notes/<int:note>", "note", self._note)
        return app

    def _login(self) -> Any:
        name = self.tokens.get(flask.request.form.get("password", ""), "")
        if not name:
            return FRAME.format(content=FORM)
        flask.session["name"] = name
        return flask.redirect("/notes")

    def _me(self) -> Any:
        token = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
        name = self.tokens.get(token) or flask.session.get("name")
        return {"name": name} if name else ({"error": "nobody"}, 401)

    def _notes(self) -> Any:
        name = flask.session.get("name", "")
        if not name and not (flask.request.method == "POST" and "writes unseen" in self.holes):
            return flask.redirect("/login")
        if flask.request.method == "POST":
            self.add(name, flask.request.form["text"])
            return flask.redirect("/notes")
        return FRAME.format(content="".join(f"<p>{text}</p>" for owner, text in self.notes.values() if owner == name))

    def _note(self, note: int) -> Any:
        owner, text = self.notes[note]
        name = flask.session.get("name", "")
        if owner != name and (name or "open" not in self.holes):
            return flask.redirect("/login") if not name else ("not yours", 404)
        return FRAME.format(content=f"<h2>{text}</h2>")


BOARD = {
    "GET /me": {"writer": "own"},
    "GET /notes": {"writer": "own"},
    "POST /notes": {"writer": "own"},
    "GET /notes/{note}": {"writer": "own"},
}


def _board_checked(board: Board, login: Any) -> Verdict:
    target = flask_target(
        board.app(),
        personas={"writer": board.newcomer},
        login=login,
        whoami="/me",
        resources={"note": Resource(lambda who, text: board.add(who.username, text), read="GET /notes/{note}")},
        payloads={"POST /notes": Payload(form={"text": "{canary}"})},
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches(BOARD, ignore={"* /login": "everybody may sign in"})
    finally:
        checks.close()


def test_two_redirects_are_told_apart_by_where_they_lead() -> None:
    verdict = _board_checked(Board(), form("/login"))
    assert verdict.status is Status.MET, verdict.explain()


def test_two_redirects_that_lead_to_the_same_page_tell_nothing() -> None:
    verdict = _board_checked(Board("writes unseen"), form("/login"))
    assert [(one.rule, one.subject) for one in verdict.findings] == [("no-oracle", "POST /notes")]


def test_pages_with_a_login_of_their_own_work_for_nobody_who_has_a_token_only() -> None:
    verdict = _board_checked(Board(), bearer(lambda persona: persona.password))
    assert verdict.status is Status.UNVERIFIED, verdict.explain()
    told = {one.subject: one.message for one in verdict.findings}
    assert "works for nobody who may use it (writer gets 302)" in told["GET /notes/{note}"]


def test_a_page_that_opens_for_those_who_are_not_logged_in_is_found_all_the_same() -> None:
    verdict = _board_checked(Board("open"), form("/login"))
    assert ("function-reached", "GET /notes/{note} for anonymous") in [
        (one.rule, one.subject) for one in verdict.findings
    ], verdict.explain()


def test_what_is_sent_is_found_where_the_framework_does_not_say_the_method() -> None:
    """A function of Django takes every method, so its inventory has ``* /notes``."""
    payload = Payload(form={"text": "{canary}"})
    matrix = {"POST /notes": {"writer": "own"}}
    compared = compare(matrix, {}, [Operation("*", "/notes/")], ["writer"], {"POST /notes/": payload})
    assert [row.payload for row in compared.rows] == [payload]
