"""What the discovery document and the key set say, and whether it is true (RFC 8414; OpenID Connect Discovery 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.http import is_loopback
from pytest_devsecops.identity.tokens.model import NotApplicableError, unb64

#: The parts of a JWK that only its owner may know (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1).
_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
_ADDRESSES = ("issuer", "jwks_uri")
_OK = 200
_GONE = (404, 410, 501)


def _document(server: Server) -> Exchange:
    if server.discovery is None:
        raise NotApplicableError("the server has no discovery document")
    return server.discovery


def other_issuer(server: Server) -> Fault | None:
    """Compare the issuer with the address that the document was found at (RFC 8414, section 3.3)."""
    document = _document(server)
    told = server.metadata.get("issuer")
    if told not in (server.issuer, f"{server.issuer.rstrip('/')}/"):
        return Fault(f"the document at {server.issuer} names the issuer {told!r}", document)
    return None


def in_clear(server: Server) -> Fault | None:
    """Look for endpoints without TLS, this machine excepted (RFC 6749, sections 3.1 and 3.2)."""
    document = _document(server)
    named = {key: value for key, value in server.metadata.items() if key.endswith("_endpoint") or key in _ADDRESSES}
    clear = [key for key, value in named.items() if str(value).startswith("http://") and not is_loopback(str(value))]
    return Fault(f"endpoints without TLS: {', '.join(clear)}", document) if clear else None


def dead_endpoints(server: Server) -> Fault | None:
    """Ask every endpoint that is named for a sign of life."""
    document = _document(server)
    dead = []
    for name in ("userinfo", "jwks", "revocation", "introspection", "end_session"):
        if not server.has(name):
            continue
        address = server.endpoint(name)
        method = "POST" if name in ("revocation", "introspection") else "GET"
        if server.send(method, address).response.status in _GONE:
            dead.append(f"{name} ({urlsplit(address).path})")
    return Fault(f"it names endpoints that are not there: {', '.join(dead)}", document) if dead else None


def silent_about_pkce(server: Server) -> Fault | None:
    """See whether clients can tell that PKCE works, and how (RFC 9700, section 2.1.1; RFC 8414, section 2)."""
    document = _document(server)
    methods = server.metadata.get("code_challenge_methods_supported") or ()
    if "S256" not in methods:
        return Fault("the document does not say that PKCE works (code_challenge_methods_supported: S256)", document)
    return Fault("the document announces the challenge method plain", document) if "plain" in methods else None


def unsigned_tokens(server: Server) -> Fault | None:
    """See whether unsigned tokens are announced (RFC 8725, section 3.2)."""
    document = _document(server)
    lists = [key for key in server.metadata if "signing_alg" in key]
    # Core, section 6.1, and Dynamic Registration name `none` for requests; for what the server signs it is no way.
    bad = [key for key in lists if "none" in server.metadata[key] and not key.startswith("request_object")]
    return Fault(f"it announces the algorithm none ({', '.join(bad)})", document) if bad else None


def old_grants(server: Server) -> Fault | None:
    """See whether grants are announced that nobody should use (RFC 9700, sections 2.1.2 and 2.4)."""
    document = _document(server)
    grants = set(server.metadata.get("grant_types_supported") or ()) & {"implicit", "password"}
    types = [one for one in server.metadata.get("response_types_supported") or () if "token" in one.split()]
    if grants or types:
        return Fault(f"it announces {', '.join([*sorted(grants), *types])}", document, advice=True)
    return None


def private_keys(server: Server) -> Fault | None:
    """Look for private keys and shared secrets in the key set (RFC 7517, section 9.2)."""
    exchange, keys = key_set(server)
    leaked = [str(key.get("kid", "?")) for key in keys if set(_PRIVATE) & set(key)]
    if leaked:
        return Fault(f"the key set has private parts or shared secrets: {', '.join(leaked)}", exchange)
    return None


def weak_keys(server: Server) -> Fault | None:
    """Look for RSA keys below 2048 bits (RFC 7518, section 3.3)."""
    exchange, keys = key_set(server)
    weak = [str(key.get("kid", "?")) for key in keys if key.get("kty") == "RSA" and _bits(key) < 2048]  # noqa: PLR2004
    return Fault(f"the key set has RSA keys below 2048 bits: {', '.join(weak)}", exchange) if weak else None


def _bits(key: Mapping[str, object]) -> int:
    return int.from_bytes(unb64(str(key.get("n", "")))).bit_length()


def key_set(server: Server) -> tuple[Exchange, list[Mapping[str, object]]]:
    """Return the published keys, and the exchange that brought them.

    Raises:
        NotApplicableError: if there is no key set.
    """
    exchange = server.send("GET", server.endpoint("jwks"))
    told = exchange.response.json()
    keys = told.get("keys") if isinstance(told, dict) else None
    if exchange.response.status != _OK or not isinstance(keys, list):
        raise NotApplicableError(f"the key set at {exchange.request.url} is none")
    return exchange, [key for key in keys if isinstance(key, dict)]
