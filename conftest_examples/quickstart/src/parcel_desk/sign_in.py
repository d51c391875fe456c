"""Signing in with the company's OpenID provider: authorization code, PKCE, nonce, and every claim checked."""

import base64
import hashlib
import json
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

CLIENT = {"client_id": "parcel-desk", "client_secret": "only-for-tests"}
SLACK, AT_ONCE, A_DAY = 60, 600, 86_400
SIGNATURE_BYTES = 64


class RefusedError(Exception):
    """The provider's answer is not one that signs anybody in."""


class Provider:
    """The provider at ``issuer``, whose certificate ``ca_file`` vouches for."""

    def __init__(self, issuer, ca_file):
        self.issuer = issuer
        self.tls = ssl.create_default_context(cafile=ca_file)

    def begin(self, done):
        """Return the address to send a browser to, and what has to be remembered until it comes back."""
        pending = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")} | {"done": done}
        challenge = _encoded(hashlib.sha256(pending["verifier"].encode()).digest())
        asked = {
            "response_type": "code",
            "client_id": CLIENT["client_id"],
            "redirect_uri": done,
            "scope": "openid",
            "state": pending["state"],
            "nonce": pending["nonce"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._metadata()['authorization_endpoint']}?{urllib.parse.urlencode(asked)}", pending

    def finish(self, answer, pending):
        """Return who the browser's answer signs in."""
        if not secrets.compare_digest(answer.get("state", ""), pending["state"]) or "error" in answer:
            raise RefusedError("state")
        metadata = self._metadata()
        # RFC 9207: the answer comes from the issuer that was asked.
        if answer.get("iss", "" if metadata.get("authorization_response_iss_parameter_supported") else self.issuer) != (
            self.issuer
        ):
            raise RefusedError("iss")
        form = CLIENT | {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": pending["done"],
            "code_verifier": pending["verifier"],
        }
        tokens = self._fetch(metadata["token_endpoint"], urllib.parse.urlencode(form).encode())
        if str(tokens.get("token_type", "")).lower() != "bearer":
            raise RefusedError("token type")
        return self._subject(tokens, metadata, pending["nonce"], form["code"])

    def _subject(self, tokens, metadata, nonce, code):
        claims = self._verified(tokens["id_token"], metadata["jwks_uri"])
        now = time.time()
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        at_hash, c_hash = (
            _encoded(hashlib.sha256(value.encode()).digest()[:16]) for value in (tokens.get("access_token", ""), code)
        )
        expected = {
            "iss": claims["iss"] == self.issuer,
            "aud": audience == [CLIENT["client_id"]],
            "azp": claims.get("azp", CLIENT["client_id"]) == CLIENT["client_id"],
            "exp": type(claims["exp"]) in (int, float) and now - SLACK < claims["exp"] < now + A_DAY,
            "iat": type(claims["iat"]) in (int, float) and abs(now - claims["iat"]) < AT_ONCE,
            "nbf": type(claims.get("nbf", 0)) in (int, float) and claims.get("nbf", 0) < now + SLACK,
            "nonce": isinstance(claims.get("nonce"), str) and secrets.compare_digest(claims["nonce"], nonce),
            "at_hash": claims.get("at_hash", at_hash) == at_hash,
            "c_hash": claims.get("c_hash", c_hash) == c_hash,
            "sub": isinstance(claims["sub"], str) and claims["sub"] != "",
        }
        if wrong := [name for name, right in expected.items() if not right]:
            raise RefusedError(", ".join(wrong))
        return claims["sub"]

    def _verified(self, token, jwks_uri):
        head, body, signature = (_decoded(part) for part in str(token).split("."))
        header = json.loads(head)
        if header["alg"] != "ES256" or "crit" in header or len(signature) != SIGNATURE_BYTES:
            raise RefusedError("alg")
        keys = [one for one in self._fetch(jwks_uri)["keys"] if one.get("kid") == header.get("kid")]
        if len(keys) != 1 or keys[0]["kty"] != "EC" or keys[0]["crv"] != "P-256":
            raise RefusedError("key")
        x, y = (int.from_bytes(_decoded(keys[0][name])) for name in ("x", "y"))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        pair = utils.encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        try:
            key.verify(pair, token.rpartition(".")[0].encode(), ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise RefusedError("signature") from None
        return json.loads(body)

    def _metadata(self):
        metadata = self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        here = [metadata.get(name, "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if metadata.get("issuer") != self.issuer or not all(_origin(url) == _origin(self.issuer) for url in here):
            raise RefusedError("discovery")
        return metadata

    def _fetch(self, url, form=None):
        try:
            with urllib.request.urlopen(url, form, timeout=10, context=self.tls) as answer:
                return json.load(answer)
        except (urllib.error.URLError, ValueError) as error:
            raise RefusedError(str(error)) from error


def _origin(url):
    return urllib.parse.urlsplit(url)[:2]


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
