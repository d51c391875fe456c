"""The authorization endpoint (Core 1.0, section 3.1.2; RFC 6749, section 4.1.1; RFC 9700)."""

from __future__ import annotations

from urllib.parse import urlsplit

from pytest_devsecops.identity.http import Headers, Request, Response
from pytest_devsecops.identity.provider.login_pages import Wish, session_for
from pytest_devsecops.identity.provider.messages import (
    OAuthError,
    page,
    parameters,
    printable,
    redirect,
)
from pytest_devsecops.identity.provider.model import SCOPES, Client, User
from pytest_devsecops.identity.provider.realm import Realm
from pytest_devsecops.identity.provider.request_objects import read_object

_LOOPBACK = ("127.0.0.1", "::1")
_CHALLENGE_LENGTH = 43


def authorize(realm: Realm, request: Request, user: User | None) -> Response:
    """Log ``user`` in and send the browser back with a code; nobody has to click anything.

    Until client and redirect URI are known to belong together, errors stay here (RFC 6749, section
    4.1.2.1): everything else would be an open redirector.
    """
    given, repeated = parameters(request)
    if realm.lax("error-before-redirect-check") and given.get("response_type") != "code":
        return _respond(realm, {"redirect_uri": "/", **given}, {"error": "unsupported_response_type"})
    known = realm.clients.get(given.get("client_id", ""))
    if known is not None and realm.lax("redirect-missing-accepted"):
        given.setdefault("redirect_uri", known.redirect_uris[0])
    uri = given.get("redirect_uri", "")
    client = realm.client(given.get("client_id", ""), uri if _well_formed(uri) else "")
    if client is None and not realm.lax("client-unknown-accepted"):
        return page(_unknown_client(realm, given), status=400)
    client = client or Client(given.get("client_id", ""), redirect_uris=(uri,))
    if not redirect_allowed(realm, client, uri) or (
        {"client_id", "redirect_uri"} & repeated and not realm.lax("redirect-uri-repeated")
    ):
        return _refused_redirect(realm, client, uri)
    try:
        given = read_object(realm, given)
        scope = _checked(realm, client, given, repeated - {"redirect_uri"})
        found = session_for(realm, request, Wish(given, client.client_id, scope), user)
    except OAuthError as error:
        return _respond(realm, given, {"error": error.error, "error_description": error.description})
    if isinstance(found, Response):
        return found
    session, headers = found
    grant = realm.grant(given, session, scope)
    values = {"code": grant.code}
    if given.get("response_type") != "code" and not realm.lax("response-type-ignored"):
        # Only a provider that was told to be lax gets here (RFC 9700, section 2.1.2).
        values = {"access_token": realm.issue("access", grant, scope).value, "token_type": "Bearer"}
    return _respond(realm, given, values, headers=headers, code=grant.code)


def redirect_allowed(realm: Realm, client: Client, uri: str) -> bool:
    """Tell whether a redirect URI is the client's: character by character (RFC 9700, section 2.1)."""
    if uri in client.redirect_uris or not uri:
        return bool(uri)
    if client.native and any(_same_but_port(uri, known) for known in client.redirect_uris):
        return True
    if realm.lax("redirect-of-any-client") and any(uri in one.redirect_uris for one in realm.clients.values()):
        return True
    return any(_lax_match(realm, uri, known) for known in client.redirect_uris)


def _well_formed(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and "#" not in uri and "@" not in parts.netloc


def _same_but_port(uri: str, known: str) -> bool:
    """RFC 8252, section 7.3: the port of a loopback address is chosen at run time."""
    try:
        one, other = urlsplit(uri), urlsplit(known)
        port_ok = one.port is None or one.port > 0
    except ValueError:
        return False
    same = (one.scheme, one.hostname, one.path, one.query, one.fragment) == (
        other.scheme, other.hostname, other.path, other.query, other.fragment,
    )  # fmt: skip
    return port_ok and same and one.scheme == "http" and one.hostname in _LOOPBACK and "@" not in one.netloc


def _lax_match(realm: Realm, uri: str, known: str) -> bool:
    """The ways in which providers have been known to be generous; each only when told to."""
    from pytest_devsecops.identity.provider.laxities import REDIRECT_MATCHES

    try:
        return any(realm.lax(name) and match(uri, known) for name, match in REDIRECT_MATCHES.items())
    except ValueError:  # no address at all, such as http://[
        return False


def _unknown_client(realm: Realm, given: dict[str, str]) -> str:
    missing = [name for name in ("client_id", "redirect_uri") if not given.get(name)]
    if missing:
        return f"The request has no {' and no '.join(missing)}."
    if not realm.closed:
        return f"{printable(given['redirect_uri'])} is no redirect URI: it needs a scheme and a host, and no fragment."
    known = ", ".join(sorted(realm.clients))
    return (
        f"The client {printable(given['client_id'])} is not registered at {realm.url} (known: {known}). "
        "Register it with idp.register(issuer, Client(...)), or make the issuer without clients."
    )


def _refused_redirect(realm: Realm, client: Client, uri: str) -> Response:
    if realm.lax("error-redirects-anywhere") and _well_formed(uri):
        return redirect(uri, {"error": "invalid_request"})
    if realm.lax("error-shows-insides"):
        return page("Traceback (most recent call last)", status=400)
    if realm.lax("error-reflects-input"):
        return page(f"<p>{uri} is not registered</p>", status=400, content_type="text/html")
    if realm.lax("error-500"):
        return page("Internal Server Error", status=500)
    known = ", ".join(client.redirect_uris) or "none"
    return page(
        f"{printable(uri) or 'No redirect_uri'} is not registered for the client {printable(client.client_id)} "
        f"(registered: {known}). They are compared character by character.",
        status=400,
    )


def _checked(realm: Realm, client: Client, given: dict[str, str], repeated: set[str]) -> tuple[str, ...]:
    """Return the scope that is granted, or raise the protocol's error."""
    if repeated and not realm.lax("parameters-repeated"):
        raise OAuthError("invalid_request", f"repeated: {', '.join(sorted(repeated))}")
    for name in ("request", "request_uri"):
        if name in given:
            raise OAuthError(f"{name}_not_supported", f"{name} is not supported")
    wanted = given.get("response_type", "")
    implicit = realm.lax("response-type-token") and wanted in ("token", "id_token token")
    if wanted != "code" and not implicit and not realm.lax("response-type-ignored"):
        raise OAuthError("unsupported_response_type" if wanted else "invalid_request", "only code is supported")
    if given.get("response_mode", "query") != "query" and not realm.lax("response-mode-fragment"):
        raise OAuthError("invalid_request", "only the response mode query is supported")
    _check_pkce(realm, client, given)
    asked = tuple(given.get("scope", "").split())
    # Core, section 3.1.2.1: scope values that are not understood should be ignored.
    allowed = tuple(name for name in asked if name in client.scopes or _granted_by_laxity(realm, name))
    if asked and not allowed:
        raise OAuthError("invalid_scope", "the client may not ask for this scope")
    return allowed


def _granted_by_laxity(realm: Realm, name: str) -> bool:
    return realm.lax("scope-of-others-granted" if name in SCOPES else "scope-unknown-granted")


def _check_pkce(realm: Realm, client: Client, given: dict[str, str]) -> None:
    """RFC 7636, section 4.4.1, with what RFC 9700 (section 2.1.1) asks of public clients."""
    challenge, method = given.get("code_challenge", ""), given.get("code_challenge_method", "plain")
    if not challenge:
        # Whether an adopted client is public shows at the token endpoint.
        if client.public and not client.adopted and not realm.lax("pkce-not-required"):
            raise OAuthError("invalid_request", "a public client must send a code_challenge")
        if "code_challenge_method" in given:
            raise OAuthError("invalid_request", "code_challenge_method without code_challenge")
        return
    if method not in ("S256", "plain") and realm.lax("pkce-unknown-method-ignored"):
        del given["code_challenge"]
        return
    plain = "pkce-plain-accepted" if "code_challenge_method" in given else "pkce-plain-by-default"
    if method != "S256" and not (method == "plain" and realm.lax(plain)):
        raise OAuthError("invalid_request", "only S256 is supported")
    if method == "S256" and len(challenge) != _CHALLENGE_LENGTH:
        raise OAuthError("invalid_request", "an S256 challenge has 43 characters")


def _respond(
    realm: Realm, given: dict[str, str], values: dict[str, str], *, headers: Headers = (), code: str = ""
) -> Response:
    honest = dict(values)
    failed = "error" in values
    if "state" in given and not realm.lax("state-not-returned") and not (failed and realm.lax("state-lost-on-error")):
        honest["state"] = given["state"].replace(" ", "") if realm.lax("state-shortened") else given["state"]
    if not realm.lax("iss-not-returned") and not (failed and realm.lax("iss-lost-on-error")):
        honest["iss"] = realm.url  # RFC 9207, section 2
    said = realm.faults.apply("response", realm, realm.grants.get(code), honest)
    by_fragment = realm.lax("response-mode-fragment") and given.get("response_mode") == "fragment"
    answer = redirect(given["redirect_uri"], said, headers=headers, fragment=by_fragment)
    if realm.faults.capture and realm.faults.captured is not None:
        realm.faults.captured.append(answer.header("location"))
        return page("held back", status=200)
    if realm.lax("redirect-repeats-form"):
        return Response(307, answer.headers, b"", "")
    return answer
