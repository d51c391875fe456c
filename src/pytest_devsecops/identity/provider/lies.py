"""What broken and hostile providers say, as functions from the honest answer to the lie."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.provider.faults import Json, Scene
from pytest_devsecops.identity.provider.keys import SigningKey, foreign_key
from pytest_devsecops.identity.provider.model import Client, Grant
from pytest_devsecops.identity.provider.realm import challenge_of
from pytest_devsecops.identity.tokens.model import b64, compact, unb64

DAY = 86_400
_SECRET = b"a secret that the provider publishes by mistake"

TokenLie = Callable[[Scene, str], str]


def drop(*names: str) -> Callable[[Scene, Json], Json]:
    """Leave values out."""
    return lambda _scene, honest: {key: value for key, value in honest.items() if key not in names}


def say(name: str, make: Callable[[Scene, Any], object]) -> Callable[[Scene, Json], Json]:
    """Say another value where there is one; ``make`` gets the scene and the honest one."""

    def change(scene: Scene, honest: Json) -> Json:
        return {**honest, name: make(scene, honest[name])} if name in honest else honest

    return change


def add(name: str, make: Callable[[Scene, Json], object]) -> Callable[[Scene, Json], Json]:
    """Say one value more, or another."""
    return lambda scene, honest: {**honest, name: make(scene, honest)}


def as_victim(scene: Scene, honest: Json) -> Json:
    """Speak of the victim instead of the user who logged in."""
    return {**honest, **scene.victim.claims, "sub": scene.victim.sub}


def earlier_nonce(scene: Scene, honest: Json) -> Json:
    """Repeat the nonce of another login of the same client."""
    others = [
        grant.nonce
        for grant in scene.realm.grants.values()
        if grant is not scene.grant and grant.nonce and grant.client_id == honest["aud"]
    ]
    return {**honest, "nonce": others[-1]} if others and "nonce" in honest else honest


def parts(token: str) -> tuple[Json, Json]:
    """Return header and claims of a compact token."""
    head, body, _ = token.split(".")
    return json.loads(unb64(head)), json.loads(unb64(body))


def bare_claims(_scene: Scene, token: str) -> Json:
    """Return the claims of a token without header and signature."""
    return parts(token)[1]


def unsigned(algorithm: str) -> TokenLie:
    """Sign nothing, and say so (RFC 7515, appendix A.5)."""

    def lie(_scene: Scene, token: str) -> str:
        header, claims = parts(token)
        return f"{b64(compact({**header, 'alg': algorithm}))}.{b64(compact(claims))}."

    return lie


def stripped(_scene: Scene, token: str) -> str:
    """Keep the header as it is and leave the signature out."""
    return token.rpartition(".")[0] + "."


def changed_after_signing(scene: Scene, token: str) -> str:
    """Put the victim's claims under the signature of the user's."""
    header, claims = parts(token)
    return f"{b64(compact(header))}.{b64(compact(as_victim(scene, claims)))}.{token.rpartition('.')[2]}"


def by_foreign_key(*, known_kid: bool) -> TokenLie:
    """Sign with a key that no issuer has, under a published name or a new one."""

    def lie(scene: Scene, token: str) -> str:
        kid = scene.realm.key.kid if known_kid else secrets.token_urlsafe(8)
        return foreign_key(scene.realm.algorithm, kid).sign(parts(token)[1])

    return lie


def by_other_issuer(scene: Scene, token: str) -> str:
    """Sign with another issuer's key and name it."""
    return scene.attacker_realm.key.sign(parts(token)[1])


def with_embedded_key(scene: Scene, token: str) -> str:
    """Bring the key along in the header (RFC 7515, section 4.1.3)."""
    key = foreign_key(scene.realm.algorithm, scene.realm.key.kid)
    return key.sign(parts(token)[1], {"jwk": key.jwk()})


def by_hmac(secret: Callable[[Scene], bytes], *, kid: str = "") -> TokenLie:
    """Sign with HS256 and a secret that the attacker can know."""

    def lie(scene: Scene, token: str) -> str:
        key = secret(scene)
        if not key:
            return token
        header, claims = parts(token)
        head = {**header, "alg": "HS256", **({"kid": kid} if kid else {})}
        text = f"{b64(compact(head))}.{b64(compact(claims))}"
        return f"{text}.{b64(hmac.new(key, text.encode(), hashlib.sha256).digest())}"

    return lie


def client_secret(scene: Scene) -> bytes:
    """The client's secret, if it has one."""
    client = scene.realm.clients.get(scene.grant.client_id) if scene.grant else None
    return client.secret.encode() if client else b""


def public_key(scene: Scene) -> bytes:
    """The issuer's public key as text."""
    return scene.realm.key.public_pem()


def published_secret(_scene: Scene) -> bytes:
    """The secret that ``with_oct_key`` publishes."""
    return _SECRET


def with_oct_key(_scene: Scene, honest: Json) -> Json:
    """Publish a symmetric key in the key set."""
    return {"keys": [*honest["keys"], {"kty": "oct", "kid": "oct", "alg": "HS256", "use": "sig", "k": b64(_SECRET)}]}


def with_duplicate_kid(scene: Scene, honest: Json) -> Json:
    """Publish a second key under the name of the first."""
    duplicate = foreign_key(scene.realm.algorithm, scene.realm.key.kid, whose="the duplicate")
    return {"keys": [duplicate.jwk(), *honest["keys"]]}


def by_unpublished_key(scene: Scene, token: str) -> str:
    """Sign with a new key before the key set has it."""
    return foreign_key(scene.realm.algorithm, "unpublished", whose="the issuer's next").sign(parts(token)[1])


def other_algorithm(scene: Scene, token: str) -> str:
    """Sign with a proper key and an algorithm that discovery does not announce."""
    return _unannounced(scene).sign(parts(token)[1])


def with_unannounced_key(scene: Scene, honest: Json) -> Json:
    """Publish the key for it."""
    return {"keys": [*honest["keys"], _unannounced(scene).jwk()]}


def _unannounced(scene: Scene) -> SigningKey:
    other = "ES256" if scene.realm.algorithm == "RS256" else "RS256"
    return foreign_key(other, "unannounced", whose="the issuer's second")


def code_that_was_used(scene: Scene, honest: Json) -> Json:
    """Answer with a code that was redeemed before."""
    if scene.grant is None:
        return honest
    own = scene.grant.client_id
    used = [grant.code for grant in scene.realm.grants.values() if grant.used and grant.client_id == own]
    return {**honest, "code": used[-1]} if used else honest


def code_of_other_client(scene: Scene, honest: Json) -> Json:
    """Answer with a code that was issued to somebody else's application."""
    if scene.grant is None:
        return honest
    scene.realm.clients.setdefault(
        "another-client", Client("another-client", redirect_uris=(scene.grant.redirect_uri,))
    )
    return {**honest, "code": _injected(scene, scene.grant, client_id="another-client").code}


def code_of_victim(scene: Scene, honest: Json) -> Json:
    """Answer with a code that was stolen from the victim's login at the same application.

    RFC 9700, section 4.5: PKCE or the nonce gives it away.
    """
    return {**honest, "code": _injected(scene, scene.grant).code} if scene.grant else honest


def _injected(scene: Scene, own: Grant, *, client_id: str = "") -> Grant:
    session = scene.realm.open_session(scene.victim)
    other = replace(
        own,
        code=secrets.token_urlsafe(32),
        client_id=client_id or own.client_id,
        session=session,
        nonce=secrets.token_urlsafe(16) if own.nonce else "",
        challenge=challenge_of(secrets.token_urlsafe(48)) if own.challenge else "",
        used=False,
    )
    scene.realm.grants[other.code] = other
    return other


def on_other_host(_scene: Scene, honest: Json) -> Json:
    """Name this machine's other name in every endpoint."""
    return {
        key: value.replace("//localhost", "//127.0.0.1") if key.endswith(("_endpoint", "_uri")) else value
        for key, value in honest.items()
    }


def in_clear(_scene: Scene, honest: Json) -> Json:
    """Name the token endpoint without TLS."""
    return {**honest, "token_endpoint": honest["token_endpoint"].replace("https://", "http://")}


def upper_case_host(_scene: Scene, issuer: str) -> str:
    """Write the host in capitals: the same address, another issuer (Core, section 2)."""
    host = urlsplit(issuer).netloc
    return issuer.replace(host, host.upper())


def only_error(_scene: Scene, _honest: Json) -> Json:
    """Refuse with the status of success."""
    return {"error": "invalid_grant", "error_description": "the code is not valid"}
