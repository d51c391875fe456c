"""Ids that are not in the path: in the query, in a header, in the body of what writes or only looks something up."""

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

PAYLOADS = {
    "GET /query": Payload(query={"parcel": "{parcel}"}),
    "GET /header": Payload(headers={"X-Parcel": "{parcel}"}),
    "POST /search": Payload(json={"parcel": "{parcel}"}),
    "POST /label": Payload(json={"parcel": "{parcel}", "label": "{canary}"}),
}
PLACES = ("GET /parcels/{parcel}", *PAYLOADS)


class Depot:
    """Parcels with labels.

    Attributes:
        hole: the operation that looks at nobody's name.
        deaf: whether labels are never written.
    """

    def __init__(self, hole: str = "", *, deaf: bool = False) -> None:
        self.hole = hole
        self.deaf = deaf
        self.parcels: dict[str, dict[str, str]] = {}

    def add(self, owner: str, label: str) -> str:
        number = secrets.token_hex(4)
        self.parcels[number] = {"owner": owner, "label": label}
        return number

    def app(self) -> flask.Flask:
        app = flask.Flask("depot", static_folder=None)
        app.add_url_rule("/me", "me", lambda: {"name": _caller()})
        app.add_url_rule("/parcels/<parcel>", "read", lambda parcel: self._reached("GET /parcels/{parcel}", parcel))
        app.add_url_rule("/query", "query", lambda: self._reached("GET /query", flask.request.args["parcel"]))
        app.add_url_rule("/header", "header", lambda: self._reached("GET /header", flask.request.headers["X-Parcel"]))
        app.add_url_rule("/search", "search", lambda: self._reached("POST /search", _given("parcel")), methods=["POST"])
        app.add_url_rule("/label", "label", self._write, methods=["POST"])
        return app

    def _reached(self, operation: str, number: str) -> dict[str, str]:
        name, parcel = _caller(), self.parcels.get(number)
        if parcel is None or (parcel["owner"] != name and operation != self.hole):
            flask.abort(404)
        return parcel

    def _write(self) -> Any:
        parcel = self._reached("POST /label", _given("parcel"))
        if not self.deaf:
            parcel["label"] = _given("label")
        return parcel


def _caller() -> str:
    name = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
    return name or flask.abort(401)


def _given(name: str) -> str:
    return str(flask.request.get_json()[name])


def _checked(depot: Depot) -> Verdict:
    target = flask_target(
        depot.app(),
        personas={"sender": lambda: (f"sender-{secrets.token_hex(4)}", "")},
        login=bearer(lambda persona: persona.username),
        whoami="/me",
        resources={"parcel": Resource(lambda who, label: depot.add(who.username, label), "GET /parcels/{parcel}")},
        payloads=PAYLOADS,
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches({place: {"sender": "own"} for place in ("GET /me", *PLACES)})
    finally:
        checks.close()


def test_an_id_is_sent_wherever_the_operation_takes_it() -> None:
    verdict = _checked(Depot())
    assert verdict.status is Status.MET, verdict.explain()
    judged: Any = verdict.evidence["judged_by"]
    assert (judged["POST /search"], judged["POST /label"], judged["GET /header"]) == ("canary", "read-back", "canary")


@pytest.mark.parametrize("hole", PLACES)
def test_an_id_of_somebody_else_is_found_in_each_place(hole: str) -> None:
    verdict = _checked(Depot(hole))
    assert [(one.rule, one.subject) for one in verdict.findings] == [("foreign-object", f"{hole} for sender")]


def test_what_should_write_and_only_answers_with_the_object_is_unverified() -> None:
    verdict = _checked(Depot(deaf=True))
    assert [(one.rule, one.subject, one.status) for one in verdict.findings] == [
        ("no-oracle", "POST /label", Status.UNVERIFIED)
    ]
