"""A page that is refused hides no token: who attacks has one of their own session from elsewhere."""

from __future__ import annotations

import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, call, flask_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

FORM = '<form method="post"><input type="hidden" name="csrf_token" value="{token}">{more}<input name="text"></form>'
REFUSALS = {
    "nothing": "",
    "a search form": '<form action="/search"><input name="q"></form>',
    "a form with the token": FORM.replace("{more}", ""),
}


class Notes:
    """Notes with a token of the session on every form; the form of a note is shown to its owner only.

    Attributes:
        checks: whether writing asks whose note it is.
        refusal: what the page of somebody else's note shows.
        named: whether the form names the note in a hidden field, which decides what is written.
    """

    def __init__(self, *, checks: bool, refusal: str = "", named: bool = False) -> None:
        self.notes: dict[str, list[str]] = {}
        self.checks, self.refusal, self.named = checks, refusal, named
        self.flask = flask.Flask("notes", static_folder=None)
        self.flask.secret_key = secrets.token_hex()
        self.flask.before_request(self.defend)
        self.flask.add_url_rule("/login", "login", self.login, methods=["POST"])
        self.flask.add_url_rule("/me", "me", self.me)
        self.flask.add_url_rule("/notes/<note>", "edit", self.edit, methods=["GET", "POST"])

    def make(self, owner: Any, text: str) -> str:
        note = secrets.token_hex(4)
        self.notes[note] = [owner.username, text]
        return note

    def defend(self) -> None:
        sent = flask.request.form.get("csrf_token", "")
        if flask.request.method == "POST" and flask.request.path != "/login" and sent != flask.session.get("token"):
            flask.abort(400)

    def login(self) -> str:
        flask.session.update(user=flask.request.form["username"], token=secrets.token_hex())
        return "hello"

    def user(self) -> str:
        return str(flask.session.get("user") or flask.abort(401))

    def me(self) -> str:
        return self.user() + FORM.format(token=flask.session["token"], more="")

    def edit(self, note: str) -> Any:
        user = self.user()
        if flask.request.method == "POST":
            written = flask.request.form["note"] if self.named else note
            if self.checks and self.notes[written][0] != user:
                flask.abort(403)
            self.notes[written][1] = flask.request.form["text"]
            return "saved"
        if self.notes[note][0] != user:
            return self.refusal.format(token=flask.session["token"]), 403
        more = f'<input type="hidden" name="note" value="{note}">'
        return FORM.format(token=flask.session["token"], more=more) + self.notes[note][1]


def judged(app: Notes) -> Verdict:
    fields = {"username": "{username}", "password": "{password}"}
    target = flask_target(
        app.flask,
        personas={"member": lambda: (f"member-{secrets.token_hex(4)}", "")},
        login=call("POST /login", form=fields),
        whoami="/me",
        resources={"note": Resource(create=app.make, read="GET /notes/{note}")},
        payloads={"POST /notes/{note}": Payload(form={"text": "{canary}"}, page="/notes/{note}")},
    )
    matrix = {"GET /notes/{note}": {"member": "own"}, "POST /notes/{note}": {"member": "own"}}
    ignore = {"* /login": "it is how one gets in", "* /me": "it shows one's own name"}
    return Identity(target, IdentityPolicy(), record=lambda verdict: verdict).access_matches(matrix, ignore=ignore)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_write_that_nobody_checks_is_found_behind_a_page_that_is_refused(refusal: str, named: bool) -> None:  # noqa: FBT001 - a parameter of the test
    verdict = judged(Notes(checks=False, refusal=REFUSALS[refusal], named=named))

    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert [(one.rule, one.subject) for one in verdict.findings] == [
        ("foreign-object", "POST /notes/{note} for member")
    ]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_write_that_is_checked_is_met(refusal: str) -> None:
    verdict = judged(Notes(checks=True, refusal=REFUSALS[refusal]))

    assert verdict, verdict.explain()
