"""What an attacker knows of the target: keys that are published, claims of other users, what the issuer signs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.checks.forged_tokens.range import Attempt, Range
from pytest_devsecops.identity.errors import FlowError, UnreachableError
from pytest_devsecops.identity.tokens.hmac_known_secret import guessed
from pytest_devsecops.identity.tokens.keys import (
    PublicKey,
    hmac_sign,
    modules,
    private_from_jwk,
    public_jwk,
    read_keys,
    signer,
    verifies,
)
from pytest_devsecops.identity.tokens.model import Knowledge, NotApplicableError, Token, Trap, jws
from pytest_devsecops.identity.tokens.signed_claims import signed

#: Where applications and issuers publish their keys (RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4).
_DOCUMENTS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
_KEY_SETS = (
    "/.well-known/jwks.json",
    "/jwks.json",
    "/.well-known/jwks",
    "/jwks",
    "/oauth/jwks",
    "/oauth2/jwks",
    "/api/jwks",
)
_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known, and where it came from.

    Attributes:
        knowledge: for the attacks.
        source: where the public key came from, in words.
        troubles: what was given and does not work, so that attacks with it would prove nothing.
    """

    knowledge: Knowledge
    source: str
    troubles: tuple[str, ...] = ()


def gather(range_: Range, attempt: Attempt, trap: Trap | None) -> Known:
    """Collect what an attacker knows, and with the issuer's key what the issuer could sign."""
    sample = Token.parse(range_.carrier.token)
    given, signing = _from_provider(attempt, sample)
    key, source, troubles = _public_key(range_, given, signing)
    knowledge = Knowledge(
        sample=sample,
        sample_text=range_.carrier.token,
        forged_claims=_forged_claims(range_, sample),
        key=key,
        texts=key.texts if key is not None else (),
        trap=trap,
        issued={**range_.issued(), **({"victim": range_.victim_token()} if range_.victim_token() else {})},
    )
    return _with_issuer(Known(knowledge, source, tuple(troubles)), range_, signing)


def renewed(known: Known, range_: Range) -> Known:
    """Return the same with a new sample token."""
    sample = Token.parse(range_.carrier.token)
    fresh = replace(
        known.knowledge,
        sample=sample,
        sample_text=range_.carrier.token,
        forged_claims=_forged_claims(range_, sample),
    )
    return replace(known, knowledge=fresh)


def _forged_claims(range_: Range, sample: Token) -> dict[str, Any]:
    """Return another user's claims, or the sample's with one more."""
    other = range_.victim_token()
    if other:
        return dict(Token.parse(other).claims)
    return {**sample.claims, "forged": True}


def _from_provider(attempt: Attempt, sample: Token) -> tuple[object, object]:
    """Return public keys and signing key; of our own provider, those of the sample's issuer."""
    from pytest_devsecops.identity.provider.provider import Provider

    if not isinstance(attempt.jwks, Provider):
        return attempt.jwks, attempt.issuer_key
    realm = attempt.jwks.realm(str(sample.claims.get("iss", "")))
    return realm.jwks(), attempt.issuer_key if attempt.issuer_key is not None else realm.key.private


def _public_key(range_: Range, given: object, signing: object) -> tuple[PublicKey | None, str, list[str]]:
    """Return the key that verifies the sample, where it came from, and what is wrong with what was given."""
    text = range_.carrier.token
    sample = Token.parse(text)
    if given is not None:
        keys = (
            _fetched(range_, given)
            if isinstance(given, str) and "\n" not in given and "{" not in given
            else read_keys(given)
        )
        key = _verifying(keys, text)
        if key is not None or sample.algorithm.startswith("HS"):
            return key or next(iter(keys), None), "given", []
        return None, "given", [f"none of the {len(keys)} public keys that were given verifies the sample token"]
    if sample.algorithm.startswith("HS"):
        return None, "none: the sample is signed with a shared secret", []
    if signing is not None:
        private = _private(signing)
        if not isinstance(private, bytes):
            public = private.public_key()
            return PublicKey(public, public_jwk(public)), "public half of the issuer's key", []
    key, path = _discovered(range_, text)
    return key, f"published at {path}" if key is not None else "not found; pass jwks=…", []


def _verifying(keys: tuple[PublicKey, ...], text: str) -> PublicKey | None:
    token = Token.parse(text)
    data = text.rpartition(".")[0].encode()
    by_kid = sorted(keys, key=lambda key: key.jwk.get("kid") != token.header.get("kid"))
    return next((key for key in by_kid if verifies(key, token.algorithm, data, token.signature)), None)


def _fetched(range_: Range, given: str) -> tuple[PublicKey, ...]:
    """Return the keys that the application publishes at a path.

    Raises:
        UsageError: if ``given`` is no path of the application.
        FlowError: if there are no keys.
    """
    home = urlsplit(range_.live.target.base_url)
    there = urlsplit(given)
    if there.netloc and there.netloc != home.netloc:
        raise UsageError(
            f"the keys at {given} are not the application's own to give",
            remedy="fetch them in the test, or a fixture, and pass the JWKS itself",
        )
    response = range_.live.browser().get(there.path or given)
    document = response.json()
    if response.status not in _SUCCESS or document is None:
        raise FlowError(f"{given} answers {response.status} and no JWKS", remedy="pass the JWKS itself, or its path")
    return read_keys(document)


def _discovered(range_: Range, text: str) -> tuple[PublicKey | None, str]:
    """Look where keys are usually published; only a key that verifies the sample counts."""
    browser = range_.live.browser()
    paths = []
    for document in _DOCUMENTS:
        address = _get_json(browser.get, document).get("jwks_uri")
        if isinstance(address, str) and urlsplit(address).path:
            paths.append(urlsplit(address).path)
    for path in (*paths, *_KEY_SETS):
        found = _get_json(browser.get, path)
        if not isinstance(found.get("keys"), list):
            continue
        try:
            key = _verifying(read_keys(found), text)
        except UsageError:
            continue
        if key is not None:
            return key, path
    return None, ""


def _get_json(get: Callable[[str], Any], path: str) -> dict[str, Any]:
    try:
        response = get(path)
    except UnreachableError:
        return {}
    document = response.json() if response.status in _SUCCESS else None
    return document if isinstance(document, dict) else {}


def _with_issuer(known: Known, range_: Range, signing: object) -> Known:
    """Add what signs for the issuer, if it is there and works."""
    algorithm = known.knowledge.sample.algorithm
    secret: object = signing
    if secret is None and algorithm.startswith("HS"):
        # An attacker who guesses the secret can sign everything, too.
        secret = guessed(known.knowledge)
    if secret is not None:
        private = _private(secret)
        sign = hmac_sign(private, algorithm) if isinstance(private, bytes) else signer(private, algorithm)
        with_key = replace(known.knowledge, sign=lambda header, claims: jws(header, claims, sign))
    elif range_.live.target.hooks.mint is not None:
        with_key = replace(known.knowledge, mint=range_.live.target.hooks.mint)
    else:
        return known
    return _examined(replace(known, knowledge=with_key), range_)


def _examined(known: Known, range_: Range) -> Known:
    """Keep what signs only if the application accepts the sample's own claims signed by it."""
    try:
        control = range_.send_token(signed(known.knowledge, known.knowledge.sample.claims, {}))
        trouble = "" if range_.accepts(control) else f"{range_.at} answers {control.status} to the sample's own claims"
    except NotApplicableError as error:
        trouble = str(error)
    if trouble:
        knowledge = replace(known.knowledge, sign=None, mint=None)
        message = f"what signs for the issuer does not work: {trouble}"
        return replace(known, knowledge=knowledge, troubles=(*known.troubles, message))
    return replace(known, knowledge=replace(known.knowledge, subject_counts=_subject_counts(known, range_)))


def _subject_counts(known: Known, range_: Range) -> bool:
    """Tell whether a token with nobody's subject is refused, or shows somebody else."""
    nobody = {"sub": "nobody-has-this-subject"}
    try:
        token = signed(known.knowledge, {**known.knowledge.sample.claims, **nobody}, nobody)
        return not range_.accepts(range_.send_token(token))
    except (NotApplicableError, UnreachableError):
        return False


def _private(given: object) -> Any:  # noqa: ANN401 - a private key of an optional package, or bytes
    """Return a private key, or the bytes of a shared secret.

    Raises:
        UsageError: if it is neither.
    """
    serialization = modules()[3]
    if isinstance(given, str) and given.lstrip().startswith("{"):
        given = json.loads(given)
    if isinstance(given, dict):
        return private_from_jwk(given)
    if isinstance(given, str):
        given = given.encode()
    if isinstance(given, bytes):
        if b"-----BEGIN " not in given:
            return given
        try:
            return serialization.load_pem_private_key(given, None)
        except (ValueError, TypeError) as error:
            raise UsageError(f"issuer_key is no private key that can be read: {error}") from None
    if hasattr(given, "public_key"):
        return given
    raise UsageError(
        f"issuer_key is {type(given).__name__}",
        remedy="pass a private key as PEM, as JWK, of cryptography, or a shared secret",
    )
