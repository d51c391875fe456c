"""npm ``oidc-provider``, the reference among authorization servers, under the same checks as the embedded provider.

Needs ``node`` and a folder with ``node_modules/oidc-provider`` that DEVSECOPS_OIDC_PROVIDER names
(``npm install --prefix FOLDER oidc-provider@9``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import ClientRegistration, Persona, asgi_target, url_target
from pytest_devsecops.identity.checks.authorization_server.table import SERVER_CHECKS
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[1] / "assets" / "identity" / "oidc_provider.mjs"
SCOPES = ("openid", "profile", "email", "offline_access")
SHOP = ClientRegistration(
    "shop",
    "a-secret-of-these-tests",
    redirect_uris=("https://shop.example/callback", "https://shop.example/other"),
    scope="openid profile offline_access",
    auth_method="client_secret_basic",
    post_logout_redirect_uris=("https://shop.example/goodbye",),
    forbidden_scope="email",
)
SPA = ClientRegistration("spa", redirect_uris=("https://spa.example/callback",), scope="openid offline_access")
BLOG = ClientRegistration("blog", "another-secret", redirect_uris=("https://blog.example/callback",))

#: What oidc-provider is found to do, and why that is right.
KNOWN_GAPS = {
    "page-framable": "its development pages (devInteractions, to be replaced) send no headers against framing",
}
#: What it does although a clause recommends otherwise.
KNOWN_ADVICE = {
    "code-no-redirect-uri": "a client with one redirect URI may leave it out (allowOmittingSingleRegistered…)",
    "client-other-method": "it holds no client to Basic or post: both carry the same secret",
    "discovery-grants": "its default configuration announces the implicit grant (for ID tokens only)",
    "pkce-required": "it requires PKCE of public clients; of others only if `pkce.required` says so",
    "refresh-rotated": "it rotates the tokens of public clients; those of others when they are nearly over",
    "introspection-by-other-client": "its default policy lets every client with a secret ask",
}  # fmt: skip


def _registered(one: ClientRegistration) -> dict[str, Any]:
    return {
        "client_id": one.client_id,
        **({"client_secret": one.secret} if one.secret else {}),
        "token_endpoint_auth_method": one.method,
        "redirect_uris": one.redirect_uris,
        "post_logout_redirect_uris": one.post_logout_redirect_uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": one.scope,
    }


@pytest.fixture(scope="module")
def oidc_provider() -> Iterator[str]:
    """The address of oidc-provider with its development login, for the clients above."""
    folder, node = os.environ.get("DEVSECOPS_OIDC_PROVIDER", ""), shutil.which("node")
    if node is None or not folder or not (Path(folder) / "node_modules" / "oidc-provider").is_dir():
        message = "DEVSECOPS_OIDC_PROVIDER names no folder with node_modules/oidc-provider, or there is no node"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    process = subprocess.Popen(
        ["node", str(SCRIPT), folder],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"clients": [_registered(one) for one in (SHOP, SPA, BLOG)], "scopes": SCOPES}))
        process.stdin.close()
        issuer = process.stdout.readline().strip()
        assert issuer.startswith("http://localhost:"), "oidc-provider did not start"
        yield issuer
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


@pytest.fixture
def embedded() -> Iterator[Target]:
    """The embedded provider, strict, with the same clients."""
    with Provider() as idp:
        clients = tuple(
            Client(
                one.client_id, one.secret, one.redirect_uris, auth_method=one.auth_method,
                scopes=tuple(one.scope.split()), post_logout_redirect_uris=one.post_logout_redirect_uris,
            )
            for one in (SHOP, SPA, BLOG)
        )  # fmt: skip
        issuer = idp.issuer("/realms/shop", clients=clients, passwords={"ada": "correct-horse"})
        yield asgi_target(idp.app, base_url=issuer, personas={"user": _ada})


def _ada() -> Persona:
    return Persona("user", "ada", "correct-horse")


@pytest.fixture
def examined() -> Iterator[Callable[..., Verdict]]:
    opened: list[Identity] = []

    def run(target: Target, other: ClientRegistration, *only: str) -> Verdict:
        opened.append(Identity(target, IdentityPolicy(), record=lambda verdict: verdict))
        return opened[-1].authorization_server_is_safe(client=SHOP, other_client=other, only=only)

    yield run
    for identity in opened:
        identity.close()


def _red(verdict: Verdict) -> set[str]:
    return {finding.subject for finding in verdict.findings}


def test_the_embedded_provider_passes_what_oidc_provider_passes(
    oidc_provider: str, embedded: Target, examined: Callable[..., Verdict]
) -> None:
    peer = examined(url_target(oidc_provider, personas={"user": _ada}), SPA)
    ours = examined(embedded, SPA)

    assert _red(peer) == set(KNOWN_GAPS), peer.explain()
    assert set(peer.evidence["noted"]) <= set(KNOWN_ADVICE), peer.evidence["noted"]
    assert len(peer.evidence["tried"]) >= 115
    assert ours, ours.explain()
    assert set(ours.evidence["noted"]) <= set(peer.evidence["noted"])
    assert set(ours.evidence["tried"]) >= set(peer.evidence["tried"]), "ours was spared"


def test_the_same_holds_between_two_clients_with_secrets(
    oidc_provider: str, embedded: Target, examined: Callable[..., Verdict]
) -> None:
    themes = ("client", "code", "introspection", "pkce", "refresh", "revocation")
    peer = examined(url_target(oidc_provider, personas={"user": _ada}), BLOG, *themes)
    ours = examined(embedded, BLOG, *themes)

    assert peer, peer.explain()
    assert ours, ours.explain()
    assert {"client-secret-of-other", "introspection-by-other-client"} <= set(peer.evidence["tried"])
    assert set(ours.evidence["noted"]) <= set(peer.evidence["noted"]) <= set(KNOWN_ADVICE)


def test_what_is_said_of_oidc_provider_names_checks_that_exist() -> None:
    assert set(KNOWN_GAPS) | set(KNOWN_ADVICE) <= {one.id for one in SERVER_CHECKS}
