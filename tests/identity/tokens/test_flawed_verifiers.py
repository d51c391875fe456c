"""Hand-written verifiers, each with one flaw that was found in the wild: the class meant for it finds it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import time
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_der_x509_certificate
from joserfc import jwe, jwt
from joserfc.jwk import JWKRegistry

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict

Claims = Mapping[str, Any]
Verifier = Callable[[Any, str], Claims]
#: By name: algorithm, verifier, and the classes one of which has to find it.
FLAWS: dict[str, tuple[str, Verifier, str]] = {}


def flaw(classes: str, algorithm: str = "ES256") -> Callable[[Verifier], Verifier]:
    def keep(verifier: Verifier) -> Verifier:
        FLAWS[verifier.__name__] = (algorithm, verifier, classes)
        return verifier

    return keep


def raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    head, payload, signature = token.split(".")
    return json.loads(raw(head)), json.loads(raw(payload)), raw(signature)


def hmac_ok(token: str, secret: bytes) -> Claims:
    data, _, signature = token.rpartition(".")
    if not hmac.compare_digest(hmac.digest(secret, data.encode(), "sha256"), raw(signature)):
        raise ValueError(token)
    return dict(json.loads(raw(data.partition(".")[2])))


def lax_hmac(secret: Callable[[Any, dict[str, Any]], bytes]) -> Verifier:
    """Let the header choose between an HMAC with some key and the right algorithm."""

    def verify(issuer: Any, token: str) -> Claims:
        header = read(token)[0]
        if header.get("alg") == "HS256":
            return dict(issuer.checked(hmac_ok(token, secret(issuer, header))))
        return dict(issuer.verified(token))

    return verify


def spki(issuer: Any) -> bytes:
    return bytes(issuer.key.as_pem(private=False))


# alg none and its like


@flaw("alg-none")
def none_as_a_choice(issuer: Any, token: str) -> Claims:
    header, claims, signature = read(token)
    return dict(issuer.checked(claims) if header["alg"] == "none" and not signature else issuer.verified(token))


@flaw("alg-none")
def none_blocked_in_one_spelling(issuer: Any, token: str) -> Claims:
    header, claims, _ = read(token)
    if header["alg"] == "none":
        raise ValueError(token)
    return dict(issuer.checked(claims) if header["alg"].lower() == "none" else issuer.verified(token))


@flaw("alg-none")
def no_alg_means_none(issuer: Any, token: str) -> Claims:
    header, claims, _ = read(token)
    return dict(issuer.checked(claims) if not header.get("alg") else issuer.verified(token))


@flaw("alg-none")
def two_parts_are_enough(issuer: Any, token: str) -> Claims:
    if token.count(".") == 1:
        return dict(issuer.checked(json.loads(raw(token.split(".")[1]))))
    return dict(issuer.verified(token))


@flaw("garbage")
def first_algorithm_checked_last_one_used(issuer: Any, token: str) -> Claims:
    text = raw(token.split(".", maxsplit=1)[0]).decode()
    first = re.search(r'"alg":"(\w+)"', text)
    if first is None or first[1] == "none":
        raise ValueError(token)
    return none_as_a_choice(issuer, token)


# HMAC confusion and known secrets

for _name, _secret in {
    "pem": spki,
    "stripped pem": lambda issuer: spki(issuer).strip(),
    "der": lambda issuer: base64.b64decode(b"".join(spki(issuer).splitlines()[1:-1])),
    "jwk": lambda issuer: json.dumps(issuer.jwks["keys"][0]).encode(),
    "jwks": lambda issuer: json.dumps(issuer.jwks).encode(),
}.items():
    for _algorithm in ("RS256", "ES384", "Ed25519"):
        FLAWS[f"confused by {_name}, {_algorithm}"] = (
            _algorithm,
            lax_hmac(lambda issuer, _, secret=_secret: secret(issuer)),  # type: ignore[misc] # bound early on purpose
            "hmac-public-key",
        )
FLAWS["an empty secret of an unknown kid"] = ("ES256", lax_hmac(lambda *_: b""), "hmac-known-secret kid")
FLAWS["the kid is the secret"] = ("ES256", lax_hmac(lambda _, header: header["kid"].encode()), "hmac-known-secret")
FLAWS["no secret is the word None"] = ("ES256", lax_hmac(lambda *_: str(None).encode()), "hmac-known-secret")
FLAWS["the kid is a path"] = (
    "ES256",
    lax_hmac(lambda _, header: Path("/srv/keys", header["kid"]).resolve().read_bytes()),
    "kid",
)


def from_database(_issuer: Any, header: dict[str, Any]) -> bytes:
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE keys (kid TEXT, secret TEXT)")
        (secret,) = database.execute(f"SELECT secret FROM keys WHERE kid = '{header['kid']}'").fetchone()  # noqa: S608 - the flaw
    finally:
        database.close()
    return str(secret).encode()


FLAWS["the kid is put into SQL"] = ("ES256", lax_hmac(from_database), "kid")


# keys that the token brings or names


def with_key(issuer: Any, token: str, jwk: dict[str, Any]) -> Claims:
    key = JWKRegistry.import_key(jwk)
    return dict(issuer.checked(jwt.decode(token, key, algorithms=[read(token)[0]["alg"]]).claims))


@flaw("embedded-key")
def key_from_jwk(issuer: Any, token: str) -> Claims:
    header = read(token)[0]
    return with_key(issuer, token, header["jwk"]) if "jwk" in header else issuer.verified(token)


@flaw("embedded-key", "RS256")
def key_from_x5c(issuer: Any, token: str) -> Claims:
    header, claims, signature = read(token)
    if "x5c" not in header:
        return dict(issuer.verified(token))
    public: Any = load_der_x509_certificate(base64.b64decode(header["x5c"][0])).public_key()
    public.verify(signature, token.rpartition(".")[0].encode(), PKCS1v15(), SHA256())
    return dict(issuer.checked(claims))


def fetched(url: str) -> Any:
    # As clients do that take a name and password from an address.
    url = re.sub(r"://[^/@]*@", "://", url)
    with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - the flaw
        return json.loads(answer.read())


@flaw("remote-key")
def keys_from_jku(issuer: Any, token: str) -> Claims:
    header = read(token)[0]
    if "jku" not in header:
        return dict(issuer.verified(token))
    return with_key(issuer, token, next(key for key in fetched(header["jku"])["keys"] if key["kid"] == header["kid"]))


@flaw("remote-key")
def issuer_is_asked_before_it_is_known(issuer: Any, token: str) -> Claims:
    claims = read(token)[1]
    if claims["iss"] != "https://issuer.example":
        fetched(claims["iss"] + "/.well-known/openid-configuration")
    return dict(issuer.verified(token))


@flaw("remote-key")
def jku_checked_by_its_beginning(issuer: Any, token: str) -> Claims:
    url = str(read(token)[0].get("jku", ""))
    if url.startswith("http://issuer.example"):
        fetched(url)
    return dict(issuer.verified(token))


# signatures


@flaw("signature")
def signature_never_checked(issuer: Any, token: str) -> Claims:
    return dict(issuer.checked(read(token)[1]))


@flaw("signature")
def signature_checked_if_there(issuer: Any, token: str) -> Claims:
    _, claims, signature = read(token)
    return dict(issuer.verified(token) if signature else issuer.checked(claims))


@flaw("signature", "HS256")
def signature_compared_as_far_as_it_goes(issuer: Any, token: str) -> Claims:
    data, _, signature = token.rpartition(".")
    right = hmac.digest(issuer.private, data.encode(), "sha256")
    if not right.startswith(raw(signature)):
        raise ValueError(token)
    return dict(issuer.checked(read(token)[1]))


@flaw("signature", "RS256")
def errors_of_decoding_are_swallowed(issuer: Any, token: str) -> Claims:
    _, claims, signature = read(token)
    return dict(issuer.verified(token) if len(signature) == 256 else issuer.checked(claims))


@flaw("ecdsa")
def zeros_satisfy_the_equation(issuer: Any, token: str) -> Claims:
    _, claims, signature = read(token)
    return dict(issuer.verified(token) if any(signature) else issuer.checked(claims))


@flaw("ecdsa", "ES384")
def zero_modulo_the_order(issuer: Any, token: str) -> Claims:
    order = 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D
    _, claims, signature = read(token)
    r, s = int.from_bytes(signature[:48]), int.from_bytes(signature[48:])
    if not 0 < r <= order or not 0 < s <= order:
        raise ValueError(token)
    return dict(issuer.verified(token) if r % order or s % order else issuer.checked(claims))


@flaw("rsa", "RS256")
def the_padded_hash_itself(issuer: Any, token: str) -> Claims:
    data, _, signature = token.rpartition(".")
    if raw(signature).endswith(hashlib.sha256(data.encode()).digest()):
        return dict(issuer.checked(read(token)[1]))
    return dict(issuer.verified(token))


# other forms


@flaw("json-serialisation")
def dots_in_json(issuer: Any, token: str) -> Claims:
    """Checks the JSON and reads the claims at the dots."""
    if not token.startswith("{"):
        return dict(issuer.verified(token))
    found = json.loads(token)
    issuer.verified(f"{found['protected']}.{found['payload']}.{found['signature']}")
    return dict(issuer.checked(json.loads(raw(token.split(".")[1]))))


@flaw("encoding")
def last_payload_of_several(issuer: Any, token: str) -> Claims:
    parts = token.split(".")
    issuer.verified(".".join(parts[:3]))
    last = {3: parts[1], 4: parts[-1]}.get(len(parts), parts[-2])
    return dict(issuer.checked(json.loads(raw(last))))


@flaw("jwe", "RS256")
def whatever_can_be_decrypted(issuer: Any, token: str) -> Claims:
    if token.count(".") != 4:
        return dict(issuer.verified(token))
    names = ["RSA-OAEP", "A128GCM", "DEF"]
    return dict(issuer.checked(json.loads(jwe.decrypt_compact(token, issuer.key, algorithms=names).plaintext or b"")))


@flaw("jwe/bomb RSA-OAEP", "RS256")
def whatever_it_unpacks_to(issuer: Any, token: str) -> Claims:
    """As Authlib did before 1.6.5."""
    if token.count(".") != 4:
        return dict(issuer.verified(token))
    head, wrapped, iv, sealed, tag = token.split(".")
    private: Any = load_pem_private_key(issuer.private.encode(), None)
    key = private.decrypt(raw(wrapped), OAEP(MGF1(SHA1()), SHA1(), None))  # noqa: S303 - RSA-OAEP is defined so
    packed = AESGCM(key).decrypt(raw(iv), raw(sealed) + raw(tag), head.encode())
    content = zlib.decompress(packed, -15)
    # Whatever is done with it takes time for each byte; much, so that a busy machine changes nothing.
    time.sleep(len(content) / 2**24)
    return dict(issuer.verified(content.decode()))


@flaw("jwe/PBES2-HS256 A128KW, iterations")
def work_that_the_token_asks_for(issuer: Any, token: str) -> Claims:
    header = json.loads(raw(token.split(".", maxsplit=1)[0]))
    if "p2c" in header:
        time.sleep(min(header["p2c"] / 7_000_000, 1.2))
    return dict(issuer.verified(token))


@flaw("crit")
def critical_extensions_are_ignored(issuer: Any, token: str) -> Claims:
    header, claims, signature = read(token)
    if "crit" not in header:
        return dict(issuer.verified(token))
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    data = token.rpartition(".")[0].encode()
    issuer.key.get_op_key("verify").verify(encode_dss_signature(r, s), data, ECDSA(SHA256()))
    return dict(issuer.checked(claims))


@flaw("garbage")
def a_header_that_is_a_list_breaks_it(issuer: Any, token: str) -> Claims:
    try:
        head = json.loads(raw(token.split(".", maxsplit=1)[0]))
    except ValueError:
        head = {}
    if type(head) is not dict:
        raise SystemError(token)
    return dict(issuer.verified(token))


@pytest.mark.parametrize("name", FLAWS)
def test_each_flaw_is_found_by_the_class_meant_for_it(
    name: str, examined: Callable[..., Verdict], make_issuer: Callable[..., Any]
) -> None:
    algorithm, verifier, classes = FLAWS[name]
    verdict = examined(make_issuer(algorithm), verifier, attacks=[classes] if "/" in classes else classes.split())
    assert verdict.status is Status.VIOLATED, verdict.explain()
    assert all(one.refs for one in verdict.findings if one.status is Status.VIOLATED)
