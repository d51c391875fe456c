"""Operations on somebody else: what changes nothing for some, and what only shows something."""

from __future__ import annotations

import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, bearer, flask_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

PROMOTE, PREVIEW = "PUT /people/{person}/role", "POST /people/{person}/preview"
MATRIX = {
    "GET /me": {"editor": "own", "reader": "own"},
    PROMOTE: {"editor": "all", "reader": "none"},
    PREVIEW: {"editor": "all", "reader": "none"},
}


class Paper:
    """People by name, who are readers or editors; ``holes`` names operations that do not ask who calls."""

    def __init__(self, *holes: str) -> None:
        self.holes = holes
        self.people: dict[str, str] = {}

    def newcomer(self, role: str) -> tuple[str, str]:
        name = f"{role}-{secrets.token_hex(4)}"
        self.people[name] = role
        return name, ""

    def app(self) -> flask.Flask:
        app = flask.Flask("paper", static_folder=None)

        def name() -> str:
            sent = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
            return sent if sent in self.people else flask.abort(401)

        def editors_only(operation: str) -> None:
            if self.people[name()] != "editor" and operation not in self.holes:
                flask.abort(403)

        app.add_url_rule("/me", "me", lambda: {"name": name()})

        @app.put("/people/<person>/role")
        def promote(person: str) -> Any:
            editors_only("promote")
            self.people[person] = "editor"
            return {}

        @app.post("/people/<person>/preview")
        def preview(person: str) -> Any:
            editors_only("preview")
            return f"Dear {person}, this is your paper."

        return app


def _checked(paper: Paper, *, shows: str = "Dear {person}", fresh: bool = True) -> Verdict:
    person = Resource(
        lambda who, _: paper.newcomer(who.kind)[0] if fresh else who.username,
        "GET /me",
        inspect=lambda who: paper.people[who],
    )
    target = flask_target(
        paper.app(),
        personas={kind: lambda kind=kind: paper.newcomer(kind) for kind in ("editor", "reader")},
        login=bearer(lambda persona: persona.username),
        whoami="/me",
        resources={"person": person},
        payloads={PROMOTE: Payload(json={}), PREVIEW: Payload(shows=shows)},
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches(MATRIX, ignore={})
    finally:
        checks.close()


def test_an_operation_that_changes_nothing_for_some_is_judged_by_others() -> None:
    verdict = _checked(Paper())
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["judged_by"][PREVIEW] == "shown text"


@pytest.mark.parametrize(("hole", "operation"), [("promote", PROMOTE), ("preview", PREVIEW)])
def test_readers_who_reach_what_is_for_editors_are_found(hole: str, operation: str) -> None:
    verdict = _checked(Paper(hole))
    assert [(one.rule, one.subject) for one in verdict.findings] == [("function-reached", f"{operation} for reader")]


def test_an_operation_that_changes_nothing_and_shows_nothing_known_is_unverified() -> None:
    verdict = _checked(Paper(), shows="")
    assert verdict.status is Status.UNVERIFIED
    assert [(one.rule, "shows=" in one.fix) for one in verdict.findings] == [("no-oracle", True)]


def test_a_text_that_nobody_is_shown_fails_the_control() -> None:
    verdict = _checked(Paper(), shows="never said")
    assert verdict.status is Status.UNVERIFIED


def test_who_is_promoted_for_a_control_is_not_taken_for_one_who_may_not() -> None:
    verdict = _checked(Paper(), fresh=False)
    assert [(one.rule, "create=" in one.fix) for one in verdict.findings] == [("control-failed", True)]
