"""Fields of an account that nobody may set: when registering, and in one's own profile."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, TokenLogin, call, flask_target, form
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

MATRIX = ("GET /me", "PATCH /me")
IGNORE = {"POST /members": "everybody may join", "POST /login": "everybody may sign in", "* /join": "as POST /members"}
JOIN = '<form method="post"><input name="name"><input type="password" name="password"><button>Join</button></form>'


class Club:
    """Members by name; ``takes`` says where a request sets any field: when ``joining``, or in one's ``profile``."""

    def __init__(self, *takes: str, strict: bool = False, shows: bool = True) -> None:
        self.takes = takes
        self.strict = strict
        self.shows = shows
        self.members: dict[str, dict[str, Any]] = {}

    def add(self, given: dict[str, Any]) -> tuple[str, str]:
        known = {"name": f"m-{secrets.token_hex(4)}", "password": secrets.token_hex(8), **given}
        self.members[known["name"]] = {"about": "", "admin": False, **known}
        return known["name"], known["password"]

    def describe(self, member: Any, text: str) -> str:
        self.members[member.username]["about"] = text
        return str(member.username)

    def app(self) -> flask.Flask:
        app = flask.Flask("club", static_folder=None)

        def here() -> dict[str, Any]:
            name = flask.request.headers.get("Authorization", "").removeprefix("Bearer ")
            return self.members.get(name) or flask.abort(401)

        def join() -> Any:
            given = flask.request.get_json(silent=True) or dict(flask.request.form)
            if self.strict and given.keys() - {"name", "password"}:
                flask.abort(422)
            if "joining" in self.takes:
                given["admin"] = given.get("admin") in (True, "True", "true", "1")
            else:
                given.pop("admin", None)
            self.add(given)
            return {"name": given["name"]}, 201

        @app.post("/login")
        def login() -> Any:
            given = flask.request.get_json()
            known = self.members.get(given["username"], {})
            return {"access_token": given["username"]} if known.get("password") == given["password"] else ({}, 401)

        @app.get("/me")
        def me() -> Any:
            hidden = {"password"} if self.shows else {"password", "admin"}
            return {key: value for key, value in here().items() if key not in hidden}

        @app.patch("/me")
        def change() -> Any:
            given = flask.request.get_json()
            here().update(given if "profile" in self.takes else {"about": given["about"]})
            return {}

        app.add_url_rule("/members", "join", join, methods=["POST"])
        app.add_url_rule("/join", "page", lambda: JOIN)
        app.add_url_rule("/join", "form", join, methods=["POST"])
        return app


JSON = call("POST /members", json={"name": "{username}", "password": "{password}"})
FORM = form("/join")


def _checked(club: Club, register: Any = JSON, more: Mapping[str, Any] = MappingProxyType({})) -> Verdict:
    account = Resource(club.describe, "GET /me", fields={"admin": True})
    personas = {"member": lambda: club.add({}), **more}
    target = flask_target(
        club.app(),
        personas=personas,
        login=TokenLogin("/login", as_json=True),
        whoami="/me",
        register=register,
        resources={"account": account},
        payloads={"PATCH /me": Payload(json={"about": "{canary}"})},
    )
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches({text: dict.fromkeys(personas, "own") for text in MATRIX}, ignore=IGNORE)
    finally:
        checks.close()


@pytest.mark.parametrize(("register", "path"), [(JSON, "/members"), (FORM, "/join")])
def test_a_role_that_newcomers_give_themselves_is_found(register: Any, path: str) -> None:
    verdict = _checked(Club("joining"), register)
    assert [(one.rule, one.subject) for one in verdict.findings] == [
        ("protected-field", f"POST {path} for member, admin")
    ]


def test_a_role_that_members_give_themselves_in_their_profile_is_found() -> None:
    verdict = _checked(Club("profile"))
    assert [(one.rule, one.subject) for one in verdict.findings] == [("protected-field", "PATCH /me for member, admin")]


@pytest.mark.parametrize("club", [Club(), Club(strict=True)])
def test_a_field_that_is_dropped_or_refused_is_met(club: Club) -> None:
    verdict = _checked(club)
    assert verdict.status is Status.MET, verdict.explain()


def test_a_field_that_nothing_shows_is_unverified() -> None:
    verdict = _checked(Club("joining", shows=False))
    assert verdict.status is Status.UNVERIFIED
    assert {one.rule for one in verdict.findings} == {"field-not-readable"}


def test_a_registration_that_does_not_work_is_unverified() -> None:
    broken = call("POST /members", json={"name": "{username}", "password": "something else"})
    verdict = _checked(Club("joining"), broken)
    assert verdict.status is Status.UNVERIFIED
    assert any(one.rule == "control-failed" and "registration" in one.message for one in verdict.findings)


def test_a_field_that_only_some_kinds_have_from_the_beginning_is_tried_as_the_others() -> None:
    club = Club("profile")
    verdict = _checked(club, None, {"admin": lambda: club.add({"admin": True})})
    assert [(one.rule, one.subject) for one in verdict.findings] == [("protected-field", "PATCH /me for member, admin")]


def test_a_field_that_everybody_has_from_the_beginning_is_unverified() -> None:
    club = Club("profile")
    verdict = _checked(club, None, {"member": lambda: club.add({"admin": True})})
    assert [one.rule for one in verdict.findings] == ["field-already-set"]
