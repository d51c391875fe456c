"""The embedded provider and its lies, against relying-party libraries in environments of their own.

``DEVSECOPS_RELYING_PARTIES_PYTHON`` names the Python of an environment with the dependency group
``relying-parties``, ``DEVSECOPS_RELYING_PARTIES_NODE`` a folder with the node_modules of
``express-openid-connect``, ``openid-client``, ``express`` and ``express-session``.

What each library accepts was judged by hand: it is what the library does, used as its documentation
says, and what the cited clause forbids.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity.checks.relying_party.probe import Party
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.presets.plain import process_target
from pytest_devsecops.identity.provider.app import endpoints
from pytest_devsecops.identity.provider.login import idp_login
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider, keycloak_claims
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

pytestmark = pytest.mark.slow
ASSETS = Path(__file__).parents[1] / "assets" / "identity" / "relying_parties"

#: Where all is not tried: one of each kind, whether it is refused or not.
SAMPLE = (
    "login-csrf", "state-wrong", "response-iss-*", "code-missing", "code-replayed", "code-of-other-session",
    "id-token-absent", "nonce-wrong", "iss-other", "aud-other", "aud-empty", "aud-extra-azp-other", "azp-other",
    "exp-past", "nbf-future", "signature-stripped", "signature-foreign-key", "jwks-lacks-key", "alg-none",
    "alg-hs256-client-secret", "sub-missing", "at-hash-wrong", "c-hash-wrong", "userinfo-other-sub", "same-email",
    "discovery-impersonates", "logout-*",
)  # fmt: skip
#: What the libraries of Python take by themselves. No library compares a c_hash in the code flow.
USUAL = {"response-iss-wrong", "response-iss-missing", "c-hash-wrong"}
#: They leave an azp beside a single audience alone, and the hashes to other flows.
LENIENT = {"azp-other", "at-hash-wrong", "c-hash-wrong"}
UNSIGNED = {"signature-stripped", "signature-foreign-key", "jwks-lacks-key"}


@dataclass(frozen=True)
class Library:
    """A relying party on one library.

    Attributes:
        command: how it is started.
        start: where a login begins.
        callback: the path of its redirect URI.
        page: the page with the button, if there is one.
        refresh: the path that refreshes and asks for userinfo.
        logout: the path of RP-initiated logout.
        backchannel: the path of back-channel logout.
        only: the breakages that are tried; all if empty.
        accepts: those after which somebody is logged in.
        crashes: those that it answers with 500.
    """

    command: str
    start: str = "/login"
    callback: str = "/callback"
    page: str = ""
    refresh: str = ""
    logout: str = ""
    backchannel: str = ""
    only: tuple[str, ...] = SAMPLE
    accepts: set[str] = field(default_factory=set)
    crashes: set[str] = field(default_factory=set)


LIBRARIES = {
    # It takes an empty list of audiences, and does not compare discovery's issuer with anything.
    "Authlib with Flask": Library(
        "{python} -m flask --app authlib_flask run -p {port}",
        refresh="/refresh",
        logout="/logout",
        only=(),
        accepts=USUAL | {"aud-empty", "discovery-issuer-missing", "discovery-impersonates"},
        crashes={"id-token-object", "id-token-list"},
    ),
    "Authlib with Starlette": Library(
        "{python} -m uvicorn authlib_starlette:app --port {port} --log-level warning",
        refresh="/refresh",
        logout="/logout",
        accepts=USUAL | {"aud-empty", "discovery-impersonates"},
    ),
    # It takes the issuer's name from discovery, and compares it with nothing.
    "social-auth-app-django": Library(
        "{python} social_auth_portal.py {port}",
        start="POST /auth/login/oidc/",
        page="/",
        callback="/auth/complete/oidc/",
        accepts=USUAL | {"discovery-impersonates"},
    ),
    # It checks signature and nonce, finds accounts by e-mail address, and lets errors of requests through.
    "mozilla-django-oidc": Library(
        "{python} mozilla_django_oidc_portal.py {port}",
        start="/oidc/authenticate/",
        callback="/oidc/callback/",
        accepts=USUAL
        | LENIENT
        | {
            "iss-other",
            "aud-other",
            "aud-empty",
            "aud-extra-azp-other",
            "sub-missing",
            "userinfo-other-sub",
            "same-email",
        },
        crashes={"code-replayed", "code-of-other-session", "id-token-absent", "exp-past", "nbf-future"},
    ),
    # It takes who the user is from userinfo, and relies on TLS to the token endpoint.
    "django-allauth": Library(
        "{python} allauth_portal.py {port}",
        start="/accounts/oidc/idp/login/",
        callback="/accounts/oidc/idp/login/callback/",
        accepts=USUAL
        | LENIENT
        | UNSIGNED
        | {
            "id-token-absent",
            "aud-extra-azp-other",
            "nbf-future",
            "alg-none",
            "alg-hs256-client-secret",
            "sub-missing",
            "userinfo-other-sub",
            "discovery-impersonates",
        },
    ),
    # A response without a code leaves it with a session that counts as authenticated. It compares an iss that is there.
    "Flask-pyoidc": Library(
        "{python} -m flask --app flask_pyoidc_portal run -p {port}",
        refresh="/refresh",
        logout="/logout",
        accepts={
            "code-missing",
            "response-iss-missing",
            "id-token-absent",
            "nbf-future",
            "alg-none",
            "at-hash-wrong",
            "c-hash-wrong",
        },
    ),
    # Both rely on TLS to the token endpoint, as Core 3.1.3.7 (item 6) lets them.
    "express-openid-connect": Library(
        "node express_portal.mjs {port}",
        refresh="/refresh",
        logout="/logout",
        backchannel="/backchannel-logout",
        accepts=UNSIGNED | LENIENT,
    ),
    "openid-client": Library(
        "node openid_client_portal.mjs {port}",
        refresh="/refresh",
        logout="/logout",
        accepts=UNSIGNED | LENIENT,
    ),
}


def needed(variable: str) -> str:
    named = os.environ.get(variable)
    if not named:
        assert "CI" not in os.environ, f"{variable} is not set, and this run must not do without these libraries"
        pytest.skip(f"needs relying-party libraries: set {variable}")
    return named


@pytest.fixture(params=list(LIBRARIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def library(name: str) -> Library:
    return LIBRARIES[name]


@pytest.fixture
def folder(library: Library, tmp_path: Path) -> Path:
    """The application's folder; Node.js looks for packages beside the script."""
    if not library.command.startswith("node"):
        return ASSETS
    shutil.copytree(ASSETS, tmp_path / "portal")
    (tmp_path / "portal" / "node_modules").symlink_to(needed("DEVSECOPS_RELYING_PARTIES_NODE"))
    return tmp_path / "portal"


def started(library: Library, folder: Path, idp: Provider, issuer: str, algorithm: str) -> Target:
    command = library.command
    if "{python}" in command:
        command = command.replace("{python}", needed("DEVSECOPS_RELYING_PARTIES_PYTHON"))
    env = {"OIDC_ISSUER": issuer, "OIDC_ALGORITHM": algorithm, "PORT": "{port}", **idp.environment}
    login = idp_login(library.start, page=library.page)
    return process_target(command, login=login, whoami="/me", env=env, cwd=folder)


@pytest.fixture
def live(name: str, library: Library, folder: Path, idp: Provider) -> Iterator[Live]:
    """The application, registered at an issuer that looks like Keycloak and serves nobody else."""
    issuer = idp.issuer(f"/realms/{name.replace(' ', '-')}", algorithm="RS256", keycloak=True)
    target = started(library, folder, idp, issuer, "RS256")
    home = target.base_url
    leave = (f"{home}/", f"{home}/logout", home)
    client = Client(
        "portal",
        "portal-secret",
        (home + library.callback,),
        post_logout_redirect_uris=leave,
        backchannel_logout_uri=home + library.backchannel if library.backchannel else "",
    )
    idp.register(issuer, client)
    with Live(target) as opened:
        yield opened


def test_login_refresh_userinfo_rotated_keys_and_logout_work_at_the_strict_provider(
    library: Library, live: Live, idp: Provider
) -> None:
    before = len(idp.seen)
    party = Party(live, idp)
    who = party.somebody(**keycloak_claims("ann", roles=("shop-admin",)))

    visit = party.visit(who)
    assert visit.shown == {who.canary}, visit.browser.history[-2].response.text
    if library.refresh:
        assert who.canary in visit.browser.get(library.refresh).text
    idp.rotate_keys(party.realm().url, keep=False)
    assert party.visit(who).shown == {who.canary}, "a rotated key is not followed"
    if library.logout:
        left = visit.browser.get(library.logout, follow=True)
        assert (left.status, urlsplit(left.url).netloc) == (200, party.home)
        assert not party.shown(party.whoami(visit.browser))

    seen = idp.seen[before:]
    assert [(one.endpoint, one.status) for one in seen if one.status >= 400] == []
    grants = [one.parameters["grant_type"] for one in seen if one.endpoint == "token"]
    assert grants.count("authorization_code") == 2
    assert grants.count("refresh_token") == bool(library.refresh)
    assert [one.endpoint for one in seen].count("end_session") == bool(library.logout)


def test_who_logs_out_at_the_provider_is_logged_out_of_an_application_that_is_told(
    library: Library, live: Live, idp: Provider
) -> None:
    if not library.backchannel:
        return
    party = Party(live, idp)
    leaves, stays = party.somebody(), party.somebody()
    one, other = party.visit(leaves), party.visit(stays)

    one.browser.get(endpoints(party.realm())["end_session"])
    idp.wait_for_logouts()

    assert not party.shown(party.whoami(one.browser))
    assert party.shown(party.whoami(other.browser)) == {stays.canary}


def test_the_verdict_names_what_a_library_accepts_and_nothing_else(
    library: Library, folder: Path, idp: Provider
) -> None:
    target = started(library, folder, idp, idp.issuer("/realms/shop"), "ES256")
    identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        verdict = identity.refuses_broken_providers(idp, only=library.only, backchannel_logout=library.backchannel)
    finally:
        identity.close()

    found = {finding.subject for finding in verdict.findings if finding.rule == "logs-in-on-broken-provider"}
    assert found == library.accepts, verdict.explain()
    assert set(verdict.evidence["answered_5xx"]) == library.crashes, verdict.explain()
    others = {finding.rule for finding in verdict.findings} - {"logs-in-on-broken-provider"}
    assert others == ({"crashes-on-broken-provider"} if library.crashes else set()), verdict.explain()
    assert verdict.status is (Status.VIOLATED if found or library.crashes else Status.MET)
    assert verdict.evidence["key_rotation"] == "followed"
    assert len(verdict.evidence["tried"]) >= (len(SAMPLE) - 3 if library.only else 75)
