"""When ``refuses_broken_providers`` can tell anything: controls, what was not told, where the application runs."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, redirect, request, session

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.checks.relying_party.probe import Party
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.http import Request, Response, Transport
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.presets.plain import process_target, wsgi_target
from pytest_devsecops.identity.provider.login import idp_login
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.target import Target

PORTAL = Path(__file__).parents[3] / "assets" / "identity" / "portal.py"


def subjects(verdict: Verdict) -> set[str]:
    return {finding.subject for finding in verdict.findings if finding.rule == "logs-in-on-broken-provider"}


def test_a_login_that_does_not_work_leaves_everything_unverified(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    target = portal()
    idp.rotate_keys(idp.issuer(path="/realms/shop"))
    with idp.broken(None, "discovery-issuer-other"):
        verdict = examined(target, idp)

    assert verdict.findings[0].status is Status.UNVERIFIED
    assert "an honest login does not work" in verdict.findings[0].message


def test_a_whoami_that_shows_somebody_to_everybody_leaves_everything_unverified(
    create_portal: Callable[..., Any], examined: Callable[..., Verdict], idp: Provider
) -> None:
    app = create_portal({"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file})
    app.add_url_rule("/public", view_func=lambda: "Welcome")

    verdict = examined(wsgi_target(app, login=idp_login("/login"), whoami="/public"), idp)

    assert verdict.findings[0].rule == "control-failed"


def test_an_application_that_never_asks_the_provider_leaves_everything_unverified(
    examined: Callable[..., Verdict], portal: Callable[..., Target], idp: Provider
) -> None:
    app = Flask(__name__)
    app.secret_key = secrets.token_hex(8)

    @app.get("/login")
    def log_in() -> Any:
        session["user"] = "developer"
        return redirect("/me")

    @app.get("/me")
    def me() -> Any:
        return session.get("user") or abort(401)

    fresh = examined(wsgi_target(app, login=idp_login("/login"), whoami="/me"), idp)
    examined(portal(), idp, only=("iss-other",))
    after_another = examined(wsgi_target(app, login=idp_login("/login"), whoami="/me"), idp)

    for verdict in (fresh, after_another):
        assert verdict.findings[0].rule == "control-failed"
        assert "never came to this provider's authorization and token endpoint" in verdict.findings[0].message


def test_a_second_login_that_was_named_and_does_not_work_is_not_passed_over(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal(), idp, other_login=idp_login("/nowhere"), only=("mix-up", "iss-other"))

    assert verdict.status is Status.UNVERIFIED
    assert "an honest login at the second issuer does not work" in verdict.findings[0].message


def test_accounts_that_look_alike_are_unverified_and_not_passed_over(
    create_portal: Callable[..., Any], examined: Callable[..., Verdict], idp: Provider
) -> None:
    app = create_portal({"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file, "BUGS": "by-email"})
    app.add_url_rule("/address", "address", lambda: session["user"]["email"] if "user" in session else abort(401))

    verdict = examined(
        wsgi_target(app, login=idp_login("/login"), whoami="/address"), idp, only=("same-email", "iss-other")
    )

    assert [finding.rule for finding in verdict.findings] == ["accounts-look-alike"], verdict.explain()
    assert verdict.status is Status.UNVERIFIED


@pytest.mark.parametrize(("bugs", "expected"), [("", Status.MET), ("by-email", Status.VIOLATED)])
def test_an_account_whose_profile_each_login_renews_is_told_by_the_session_of_the_first_user(
    bugs: str, expected: Status, create_portal: Callable[..., Any], examined: Callable[..., Verdict], idp: Provider
) -> None:
    app = create_portal({"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file, "BUGS": bugs})
    names: dict[str, str] = {}

    def renew(answer: Any) -> Any:
        if "code" in request.args and "user" in session:
            names[session["user"]["id"]] = session["user"]["name"]
        return answer

    app.after_request(renew)
    app.add_url_rule("/card", "card", lambda: names[session["user"]["id"]] if "user" in session else abort(401))
    verdict = examined(wsgi_target(app, login=idp_login("/login"), whoami="/card"), idp, only=("same-email",))

    assert verdict.status is expected, verdict.explain()


@pytest.mark.parametrize(("bugs", "expected"), [("", Status.MET), ("by-lower-sub", Status.VIOLATED)])
def test_a_whoami_that_shows_the_subject_alone_tells_subjects_apart_that_differ_in_case(
    bugs: str, expected: Status, create_portal: Callable[..., Any], examined: Callable[..., Verdict], idp: Provider
) -> None:
    app = create_portal({"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file, "BUGS": bugs})
    app.add_url_rule("/subject", "subject", lambda: session["user"]["subject"] if "user" in session else abort(401))

    verdict = examined(wsgi_target(app, login=idp_login("/login"), whoami="/subject"), idp, only=("sub-other-case",))

    assert verdict.status is expected, verdict.explain()


def test_a_test_of_ones_own_breaks_the_provider_by_the_name_of_a_breakage(
    portal: Callable[..., Target], idp: Provider
) -> None:
    with Live(portal()) as careful, Live(portal("nonce")) as careless:
        for live, expected in ((careful, False), (careless, True)):
            party = Party(live, idp)
            with idp.broken("nonce-wrong") as faults:
                assert bool(party.visit(party.somebody()).shown) is expected
                assert faults.told
            assert party.visit(party.somebody()).shown


def test_a_rule_that_is_not_enforced_is_named_alone_and_a_name_of_nothing_is_refused(idp: Provider) -> None:
    with idp.broken("verifier-unchecked") as faults:
        assert faults.lie is None
        assert faults.lax == {"verifier-unchecked"}
    with (
        pytest.raises(UsageError, match=r"no such breakage: nonce-worng .*did you mean 'nonce-wrong'"),
        idp.broken("nonce-worng"),
    ):
        pass


class Late:
    """A way to an application that gives no answer to some of the provider's lies."""

    def __init__(self, way: Transport, idp: Provider, times: int) -> None:
        self._way, self._idp, self._times = way, idp, times
        self.run, self.close = way.run, way.close

    def send(self, request: Request) -> Response:
        if self._idp.faults.told and self._times:
            self._times -= 1
            raise UnreachableError("no response within 10 seconds")
        return self._way.send(request)


def test_an_application_that_answers_late_is_asked_again_and_one_that_hangs_is_found(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    def judged(times: int) -> Verdict:
        honest = portal()
        return examined(replace(honest, open=lambda: Late(honest.open(), idp, times)), idp, only=("state-wrong",))

    once, always = judged(1), judged(9)

    assert once, once.explain()
    assert [finding.rule for finding in always.findings] == ["hangs-on-broken-provider"]


@pytest.mark.parametrize("start", ["/sign-in", "POST /start"])
def test_a_login_that_begins_with_a_button_is_pressed_and_one_that_is_posted_brings_its_token(
    start: str, create_portal: Callable[..., Any], examined: Callable[..., Verdict], idp: Provider
) -> None:
    app = create_portal({"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file, "BUGS": "nonce"})
    login = idp_login(start, page="/sign-in" if start.startswith("POST") else "")

    verdict = examined(wsgi_target(app, login=login, whoami="/me"), idp, only=("nonce-*", "iss-other"))

    assert subjects(verdict) == {"nonce-missing", "nonce-wrong", "nonce-replayed"}, verdict.explain()


def test_signatures_are_judged_in_the_same_way_where_the_issuer_has_rsa_keys(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    issuer = idp.issuer(path="/realms/rsa", algorithm="RS256")
    only = ("signature-*", "alg-*", "jwks-*")

    good = examined(portal(OIDC_ISSUER=issuer, OIDC_ALGORITHM="RS256"), idp, only=only, strict=True)
    bad = examined(portal("signature no-userinfo", OIDC_ISSUER=issuer), idp, only=only)

    assert good, good.explain()
    assert len(good.evidence["tried"]) >= 13
    assert {"jwks-lacks-key", "jwks-duplicate-kid", "signature-other-issuer", "alg-none"} <= subjects(bad)


def test_who_sends_the_response_matters_with_a_single_issuer_and_can_be_left_out_with_a_reason(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    only, why = ("response-iss-*", "state-wrong"), {"response-iss-*": "there will be no second issuer"}

    careless = examined(portal("response-iss"), idp, only=only)
    ignored = examined(portal("response-iss"), idp, only=only, ignore=why)
    careful = examined(portal(), idp, only=only)

    assert subjects(careless) == {"response-iss-wrong", "response-iss-missing"}, careless.explain()
    assert "say ignore={'response-iss-wrong': 'why'}" in careless.findings[0].fix
    assert ignored, ignored.explain()
    assert ignored.evidence["ignored"] == why
    assert careful, careful.explain()
    assert "0 noted" in careful.summary


def test_whether_a_new_key_of_the_provider_is_followed_is_told(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    only = ("signature-foreign-kid",)

    follows = examined(portal(), idp, only=only)
    stays = examined(portal("caches-keys"), idp, only=only)
    strict = examined(portal("caches-keys"), idp, only=only, strict=True)

    assert follows.evidence["key_rotation"] == "followed"
    assert stays, stays.explain()
    assert "new key" in stays.evidence["noted"]["key rotation"]
    assert [finding.rule for finding in strict.findings] == ["ignores-key-rotation"]


def test_what_could_not_be_told_is_listed_and_nothing_told_at_all_is_unverified(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    verdict = examined(portal("no-userinfo no-nonce caches"), idp)
    nothing = examined(portal("no-userinfo"), idp, only=("userinfo-other-sub",))

    absent = verdict.evidence["not_applicable"]
    assert absent["userinfo-other-sub"] == "the application does not ask for userinfo"
    assert {"nonce-missing", "discovery-issuer-other", "mix-up", "logout-nonce"} <= set(absent)
    assert nothing.findings[0].status is Status.UNVERIFIED


def test_ids_that_do_not_exist_and_reasons_that_are_none_are_refused(
    portal: Callable[..., Target], examined: Callable[..., Verdict], idp: Provider
) -> None:
    with pytest.raises(UsageError, match="no such breakage: nonsense"):
        examined(portal(), idp, only=("nonsense",))
    with pytest.raises(UsageError, match="ignored without a reason"):
        examined(portal(), idp, ignore={"nonce-wrong": " "})


@pytest.mark.slow
def test_an_application_in_a_process_of_its_own_is_examined_in_the_same_way(
    examined: Callable[..., Verdict], idp: Provider
) -> None:
    settings = {"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file}
    command = (sys.executable, "-m", "flask", "--app", str(PORTAL), "run", "-p", "{port}")

    def target(bugs: str) -> Target:
        env = {**settings, "BUGS": bugs}
        return process_target(command, login=idp_login("/login"), whoami="/me", env=env, ready="/me")

    good = examined(target(""), idp)
    bad = examined(target("nonce"), idp, only=("nonce-wrong", "iss-other"))
    asked_once = examined(target("caches"), idp, only=("discovery-issuer-*",))
    asked_once_bad = examined(target("caches discovery"), idp, only=("discovery-issuer-*",))

    assert good, good.explain()
    assert good.examined["breakages"] == len(good.evidence["tried"])
    assert subjects(bad) == {"nonce-wrong"}
    # What an application asks only once is told to it by starting it anew.
    assert asked_once, asked_once.explain()
    assert asked_once.examined["breakages"] == 3
    assert subjects(asked_once_bad) == set(asked_once.evidence["tried"])
