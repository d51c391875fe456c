"""``reveals_no_accounts``."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import flask
import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Target, call, flask_target
from pytest_devsecops.identity.checks.credentials import links
from pytest_devsecops.identity.checks.credentials.timing import Answer, compare
from pytest_devsecops.identity.family import Identity

Make = Callable[..., Target]
Checks = Callable[[Target | None], Identity]


def test_equal_answers_are_met(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target()).reveals_no_accounts(timing=())
    assert verdict, verdict.explain()
    assert verdict.examined == {"login_answers": 20, "registration_answers": 20, "reset_answers": 20}


@pytest.mark.parametrize(
    ("hole", "flow", "told"),
    [
        ("names-strangers", "login", "there is no such account"),
        ("status-of-strangers", "login", "404"),
        ("register-tells", "registration", "409"),
        ("reset-tells", "reset", "nobody has this address"),
    ],
)
def test_an_answer_that_tells_is_violated(hole: str, flow: str, told: str, shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(hole)).reveals_no_accounts(timing=())
    assert verdict.status is Status.VIOLATED
    assert [(one.rule, one.subject) for one in verdict.findings] == [("answer-reveals-account", flow)]
    assert told in verdict.findings[0].message


@pytest.mark.slow
def test_a_hash_that_is_left_out_for_strangers_shows_in_the_time(shop_target: Make, checks: Checks) -> None:
    target = shop_target("skips-hash", method="pbkdf2:sha256:60000")
    verdict = checks(target).reveals_no_accounts(flows=["login"])
    assert [one.rule for one in verdict.findings] == ["time-reveals-account"]
    assert verdict.evidence["login_timing"]["answer"] == "different"


@pytest.mark.slow
def test_a_dummy_hash_keeps_the_time_equal(shop_target: Make, checks: Checks) -> None:
    target = shop_target(method="pbkdf2:sha256:60000")
    verdict = checks(target).reveals_no_accounts(flows=["login"])
    # A busy machine may leave it undecided; it must never be told as a difference.
    assert verdict.evidence["login_timing"]["answer"] in ("same", "undecided")


def test_a_missing_hook_is_unverified_and_named(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(register=None)).reveals_no_accounts(timing=())
    assert verdict.status is Status.UNVERIFIED
    assert "register" in verdict.summary


def test_a_login_that_does_not_work_is_unverified(shop_target: Make, checks: Checks) -> None:
    target = shop_target(personas={"customer": lambda: ("nobody@shop.example", "wrong")})
    assert checks(target).reveals_no_accounts(timing=()).status is Status.UNVERIFIED


@pytest.mark.parametrize(
    ("hooks", "flow", "seen"),
    [
        (
            {"register": call("POST /nowhere", form={"name": "{username}"})},
            "registration",
            "POST /nowhere answered 404",
        ),
        ({"request_reset": "POST /nowhere", "mailbox": None}, "reset", "POST /nowhere answered 404"),
        ({"mailbox": list}, "reset", "sent no new message"),
        ({"login": lambda browser, _who: browser.get("/me"), "whoami": "/login"}, "login", "did not work"),
    ],
)
def test_a_flow_that_does_nothing_for_anybody_is_unverified(
    hooks: dict[str, Any], flow: str, seen: str, shop_target: Make, checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "PATIENCE", 0.1)

    verdict = checks(shop_target(**hooks)).reveals_no_accounts(flows=[flow], timing=())

    assert verdict.status is Status.UNVERIFIED
    assert seen in verdict.findings[0].message


def test_a_login_that_takes_every_password_is_unverified(checks: Checks) -> None:
    app = flask.Flask("open")
    app.secret_key = secrets.token_hex()

    @app.post("/login")
    def login() -> str:
        flask.session["user"] = flask.request.form["username"]
        return "hello"

    @app.get("/me")
    def me() -> str:
        return str(flask.session.get("user") or flask.abort(401))

    people = {"user": lambda: (f"user-{secrets.token_hex(4)}", secrets.token_hex(8))}
    fill_in = call("POST /login", form={"username": "{username}", "password": "{password}"})
    verdict = checks(flask_target(app, personas=people, login=fill_in, whoami="/me")).reveals_no_accounts(
        flows=["login"], timing=()
    )

    assert verdict.status is Status.UNVERIFIED
    assert "works with a wrong password" in verdict.findings[0].message


def test_a_page_that_shows_its_user_to_everybody_is_unverified(checks: Checks) -> None:
    app, names = flask.Flask("public"), list[str]()
    app.add_url_rule("/login", "login", lambda: "hello", methods=["POST"])
    app.add_url_rule("/members", "members", lambda: " ".join(names))

    def join() -> tuple[str, str]:
        names.append(f"user-{secrets.token_hex(4)}")
        return names[-1], ""

    target = flask_target(app, personas={"user": join}, login=call("POST /login"), whoami="/members")
    verdict = checks(target).reveals_no_accounts(flows=["login"], timing=())

    assert verdict.status is Status.UNVERIFIED
    assert "to an anonymous caller" in verdict.findings[0].message


def test_an_unknown_flow_is_a_mistake(shop_target: Make, checks: Checks) -> None:
    with pytest.raises(UsageError, match="logn"):
        checks(shop_target()).reveals_no_accounts(flows=["logn"])


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        ([0.2] * 10, [0.01] * 10, Answer.DIFFERENT),
        ([0.2] * 10, [0.21] * 10, Answer.SAME),
        ([0.2, 0.01] * 5, [0.01] * 10, Answer.UNDECIDED),
        ([0.002] * 10, [0.001] * 10, Answer.SAME),
    ],
)
def test_times_are_the_same_different_or_undecided(first: list[float], second: list[float], answer: Answer) -> None:
    assert compare(first, second, at_least=0.005).answer is answer
