"""Every check on an authorization server, in one visible table.

Sources: RFC 6749 and 6750 (OAuth 2.0), 7009 (revocation), 7636 (PKCE), 7662 (introspection), 8414
(metadata), 8725 (JWT), 9101 (request objects), 9207 (issuer identification), 9700 (best current
practice), OpenID Connect Core, Discovery and RP-Initiated Logout 1.0, OWASP ASVS 5.0.
"""

# ruff: noqa: E501 - a row of the table is a line
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest_devsecops.identity.checks.authorization_server import (
    clients,
    codes,
    discovery,
    errors,
    id_tokens,
    logout,
    pages,
    pkce,
    redirects,
    refresh,
    requests,
    responses,
    tokens,
)
from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.checks.authorization_server.redirects import changed

#: Examines the server; None if all is well. Raises NotApplicableError if there is nothing to examine.
Attack = Callable[[Server], Fault | None]

_ASVS = "asvs:v5.0.0-"
REDIRECT = ("RFC 9700 2.1", "RFC 9700 4.1.3", "RFC 6749 3.1.2.3", f"{_ASVS}10.4.1")
PKCE = ("RFC 9700 2.1.1", "RFC 7636 4.4.1", f"{_ASVS}10.4.6")
VERIFIER = ("RFC 7636 4.6", "RFC 9700 2.1.1", f"{_ASVS}10.4.6")
CODE = ("RFC 6749 4.1.2", "RFC 9700 4.5", f"{_ASVS}10.4.2")
ROTATION = ("RFC 9700 4.14.2", "RFC 6749 10.4", f"{_ASVS}10.4.5")
SCOPE = ("RFC 6749 3.3", f"{_ASVS}10.4.11")
CLIENT = ("RFC 6749 2.3", "RFC 6749 3.2.1", f"{_ASVS}10.4.10")
GRANT = ("RFC 9700 2.4", f"{_ASVS}10.4.4")
REVOCATION = ("RFC 7009 2.1",)
INTROSPECTION = ("RFC 7662 2.1", f"{_ASVS}10.4.10")
BEARER = ("RFC 6750 3.1", "oidc-core:5.3.3")
ISS = ("RFC 9207 2", "RFC 9700 4.4.2.1")
ID_TOKEN = ("oidc-core:2", "oidc-core:3.1.3.6")
PROMPT = ("oidc-core:3.1.2.1",)
LOGOUT = ("oidc-rpinitiated:3", "RFC 9700 4.11.2", f"{_ASVS}10.6.2")
ERROR = ("RFC 6749 4.1.2.1", f"{_ASVS}16.5.1")
OBJECT = ("oidc-core:6", "RFC 9101 4")

#: What to do, by theme (the part of a check's id before the first dash).
FIXES = {
    "redirect": "compare redirect_uri with the registered ones character by character before anything else, and show an error page otherwise",
    "parameter": "refuse requests that have a parameter twice",
    "pkce": "require a challenge with the method S256, keep it with the code, and redeem the code with its verifier only",
    "code": "let a code work once, for its client, its redirect URI and a minute; revoke its tokens when it comes again",
    "refresh": "replace refresh tokens when they are used, and revoke the whole family when an old one comes again; bind them to client and scope",
    "scope": "grant only scopes that exist and that the client is registered for, and say in the answer which",
    "client": "authenticate the client by its registered method before anything else, and answer 401 invalid_client otherwise",
    "grant": "switch the grant off; use authorization code with PKCE",
    "revocation": "authenticate the client, check that the token is its own, and revoke it with all that came from it",
    "introspection": "authenticate whoever asks, and say active only of tokens that work",
    "userinfo": "take access tokens only, from the Authorization header only",
    "token": "send Cache-Control: no-store with tokens",
    "cors": "allow no other origins to read answers with credentials, and none at all the authorization endpoint",
    "response": "answer with the state, the issuer and a 302 or 303; support response_type=code and announced modes only",
    "discovery": "make the document say what the server does, with its own issuer and https everywhere",
    "jwks": "publish public keys only, RSA of 2048 bits or more",
    "idtoken": "let a maintained library build ID tokens from the request and the registration",
    "page": "send Content-Security-Policy: frame-ancestors 'none' and Referrer-Policy: no-referrer with every page",
    "prompt": "do what prompt and max_age ask for, or answer by the error that Core names",
    "error": "escape or leave out what a request says, and answer errors without insides",
    "logout": "compare post_logout_redirect_uri with the registered ones character by character, and verify id_token_hint",
    "request": "answer request_not_supported, or verify request objects with the client's key and fetch registered addresses only",
}


#: Themes whose checks are run on each client in turn: a server may be strict with one kind of them only.
PER_CLIENT = ("redirect", "pkce", "code", "refresh")


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """One check.

    Attributes:
        id: stable, for ``only=``, ``ignore=`` and waivers.
        title: what is tried, in words.
        refs: the clauses that it examines.
        attack: the check.
    """

    id: str
    title: str
    refs: tuple[str, ...]
    attack: Attack

    @property
    def theme(self) -> str:
        """The group that it belongs to."""
        return self.id.partition("-")[0]

    @property
    def fix(self) -> str:
        """What to do about a fault."""
        return FIXES[self.theme]

    @property
    def asvs(self) -> tuple[str, ...]:
        """The requirements of ASVS that it puts to the test."""
        return tuple(ref.removeprefix(_ASVS) for ref in self.refs if ref.startswith(_ASVS))


SERVER_CHECKS: tuple[ServerCheck, ...] = (
    # Redirect URIs.
    ServerCheck("redirect-suffix", "a redirect URI whose path begins with the registered one", REDIRECT, changed(redirects.suffix)),
    ServerCheck("redirect-subpath", "a redirect URI below the registered one", REDIRECT, changed(redirects.subpath)),
    ServerCheck("redirect-traversal", "a redirect URI that climbs out of the registered path", REDIRECT, changed(redirects.traversal)),
    ServerCheck("redirect-traversal-encoded", "the same with encoded dots", REDIRECT, changed(redirects.encoded_traversal)),
    ServerCheck("redirect-encoded", "a registered redirect URI, percent-encoded", REDIRECT, changed(redirects.encoded)),
    ServerCheck("redirect-case", "a registered redirect URI in another case", REDIRECT, changed(redirects.other_case)),
    ServerCheck("redirect-trailing-slash", "a slash more or less", REDIRECT, changed(redirects.trailing_slash)),
    ServerCheck("redirect-query", "a query that is not registered", REDIRECT, changed(redirects.more_query)),
    ServerCheck("redirect-fragment", "a fragment", ("RFC 6749 3.1.2", *REDIRECT), changed(redirects.fragment)),
    ServerCheck("redirect-subdomain", "a subdomain of the registered host", REDIRECT, changed(redirects.subdomain)),
    ServerCheck("redirect-host-suffix", "a host that begins with the registered one", REDIRECT, changed(redirects.host_suffix)),
    ServerCheck("redirect-host-prefix", "a host that ends with the registered one", REDIRECT, changed(redirects.host_prefix)),
    ServerCheck("redirect-userinfo", "the registered host as userinfo of another", REDIRECT, changed(redirects.userinfo)),
    ServerCheck("redirect-backslash", "another host before a backslash", REDIRECT, changed(redirects.backslash)),
    ServerCheck("redirect-port", "another port", REDIRECT, changed(redirects.other_port)),
    ServerCheck("redirect-scheme", "another scheme", REDIRECT, changed(redirects.other_scheme)),
    ServerCheck("redirect-script", "a javascript: address", REDIRECT, changed(redirects.script)),
    ServerCheck("redirect-foreign-host", "the attacker's host", REDIRECT, changed(redirects.foreign_host)),
    ServerCheck("redirect-repeated", "a registered and a foreign redirect URI at once", ("RFC 6749 3.1", *REDIRECT), redirects.repeated),
    ServerCheck("redirect-missing", "no redirect URI though several are registered", REDIRECT, redirects.missing),
    ServerCheck("redirect-of-other-client", "another client's redirect URI", REDIRECT, redirects.of_other_client),
    ServerCheck("redirect-on-error", "an error on purpose with a foreign redirect URI", ("RFC 6749 4.1.2.1", "RFC 9700 4.11.2", f"{_ASVS}10.4.1"), redirects.on_error),
    ServerCheck("redirect-unknown-client", "a client that does not exist", ("RFC 6749 4.1.2.1", "RFC 9700 4.11.2"), redirects.of_unknown_client),
    ServerCheck("parameter-repeated", "a parameter twice", ("RFC 6749 3.1",), redirects.parameters_repeated),
    # PKCE.
    ServerCheck("pkce-required", "no challenge and no verifier", PKCE, pkce.not_required),
    ServerCheck("pkce-plain", "the challenge method plain", PKCE, pkce.plain),
    ServerCheck("pkce-plain-by-default", "a challenge without a method", ("RFC 7636 4.3", *PKCE), pkce.plain_by_default),
    ServerCheck("pkce-unknown-method", "a challenge method that does not exist", PKCE, pkce.unknown_method),
    ServerCheck("pkce-wrong-verifier", "a wrong verifier", VERIFIER, pkce.wrong_verifier),
    ServerCheck("pkce-challenge-as-verifier", "the challenge as its own verifier", VERIFIER, pkce.challenge_as_verifier),
    ServerCheck("pkce-no-verifier", "a challenge, and then no verifier", VERIFIER, pkce.no_verifier),
    ServerCheck("pkce-empty-verifier", "a challenge, and then an empty verifier", VERIFIER, pkce.empty_verifier),
    ServerCheck("pkce-downgrade", "a verifier without a challenge", ("RFC 9700 4.8.2", *VERIFIER), pkce.verifier_without_challenge),
    # Codes.
    ServerCheck("code-single-use", "a code twice", CODE, codes.reused),
    ServerCheck("code-reuse-revokes", "the tokens of a code that came twice", CODE, codes.reuse_keeps_tokens),
    ServerCheck("code-of-other-client", "a code of another client", ("RFC 6749 4.1.3", "RFC 9700 4.5", f"{_ASVS}10.4.2"), codes.of_other_client),
    ServerCheck("code-redirect-uri", "a code with another redirect URI", ("RFC 6749 4.1.3", "RFC 9700 4.5"), codes.other_redirect_uri),
    ServerCheck("code-no-redirect-uri", "a code without its redirect URI", ("RFC 6749 4.1.3",), codes.no_redirect_uri),
    ServerCheck("code-unknown", "a code of which a letter is changed", ("RFC 6749 4.1.3",), codes.unknown),
    ServerCheck("code-guessable", "the room that codes leave to guess", ("RFC 6749 10.10",), codes.guessable),
    # Refresh tokens and scopes.
    ServerCheck("refresh-rotated", "whether a refresh token is replaced at use", ROTATION, refresh.not_rotated),
    ServerCheck("refresh-single-use", "a refresh token that was replaced", ROTATION, refresh.reused),
    ServerCheck("refresh-reuse-revokes", "the successor of a refresh token that came twice", ROTATION, refresh.reuse_keeps_family),
    ServerCheck("refresh-of-other-client", "a refresh token of another client", ("RFC 6749 6", "RFC 6749 10.4", f"{_ASVS}10.4.10"), refresh.of_other_client),
    ServerCheck("refresh-no-secret", "a refresh token without the client's secret", ("RFC 6749 6", f"{_ASVS}10.4.10"), refresh.without_authentication),
    ServerCheck("refresh-access-token", "an access token as a refresh token", ("RFC 6749 6",), refresh.access_token_as_refresh_token),
    ServerCheck("refresh-more-scope", "more scope at refresh than was granted", ("RFC 6749 6", f"{_ASVS}10.4.11"), refresh.more_scope),
    ServerCheck("refresh-unknown-scope", "an unknown scope at refresh", ("RFC 6749 6", f"{_ASVS}10.4.11"), refresh.unknown_scope),
    ServerCheck("scope-unknown", "a scope that nobody knows", SCOPE, refresh.invented_scope_granted),
    ServerCheck("scope-forbidden", "a scope that the client may not have", SCOPE, refresh.forbidden_scope_granted),
    # Client authentication and grants.
    ServerCheck("client-wrong-secret", "a wrong secret", CLIENT, clients.wrong_secret),
    ServerCheck("client-no-secret", "no secret", CLIENT, clients.no_secret),
    ServerCheck("client-empty-secret", "an empty secret", CLIENT, clients.empty_secret),
    ServerCheck("client-secret-of-other", "another client's secret", CLIENT, clients.secret_of_other_client),
    ServerCheck("client-other-method", "another method than the registered one", ("oidc-core:9", *CLIENT), clients.other_method),
    ServerCheck("client-two-methods", "two methods at once, one of them wrong", CLIENT, clients.two_methods),
    ServerCheck("client-unknown", "a client that does not exist redeems a code", CLIENT, clients.unknown_client),
    ServerCheck("client-in-url", "the client's secret in the URL", ("RFC 6749 2.3.1", f"{_ASVS}14.2.1"), clients.secret_in_query),
    ServerCheck("client-by-get", "a token request with GET", ("RFC 6749 3.2",), clients.token_by_get),
    ServerCheck("client-status", "the status of a failed authentication", ("RFC 6749 5.2",), clients.failed_without_401),
    ServerCheck("grant-password", "a user's password at the token endpoint", GRANT, clients.password_grant),
    ServerCheck("grant-client-credentials", "a client's own tokens without authentication", ("RFC 6749 4.4", f"{_ASVS}10.4.4"), clients.credentials_grant_of_public_client),
    ServerCheck("grant-unknown", "a grant type that does not exist", ("RFC 6749 5.2", f"{_ASVS}10.4.4"), clients.unknown_grant),
    # Revocation, introspection, userinfo, caches and scripts.
    ServerCheck("revocation-refresh-token", "a revoked refresh token", REVOCATION, tokens.revoked_refresh_token_works),
    ServerCheck("revocation-access-token", "a revoked access token", REVOCATION, tokens.revoked_access_token_works),
    ServerCheck("revocation-cascade", "an access token whose refresh token was revoked", REVOCATION, tokens.revocation_spares_access_token),
    ServerCheck("revocation-by-other-client", "another client revokes a token", REVOCATION, tokens.revoked_by_other_client),
    ServerCheck("revocation-by-anybody", "somebody revokes a token without the client's secret", REVOCATION, tokens.revoked_by_anybody),
    ServerCheck("introspection-by-anybody", "somebody asks about a token", INTROSPECTION, tokens.introspected_by_anybody),
    ServerCheck("introspection-wrong-secret", "somebody with a wrong secret asks about a token", INTROSPECTION, tokens.introspected_with_wrong_secret),
    ServerCheck("introspection-truth", "changed and revoked tokens", ("RFC 7662 2.2",), tokens.introspection_lies),
    ServerCheck("introspection-by-other-client", "another client asks about a token", ("RFC 7662 4",), tokens.introspected_by_other_client),
    ServerCheck("userinfo-no-token", "userinfo without a token", ("RFC 6750 3", "oidc-core:5.3.3"), tokens.userinfo_without_token),
    ServerCheck("userinfo-wrong-token", "userinfo with something else than an access token", BEARER, tokens.userinfo_with_wrong_token),
    ServerCheck("userinfo-token-in-url", "an access token in the URL", ("RFC 9700 4.3.2", "RFC 6750 2.3", f"{_ASVS}14.2.1"), tokens.userinfo_token_in_query),
    ServerCheck("token-cacheable", "what answers with tokens say to caches", ("RFC 6749 5.1",), tokens.tokens_cacheable),
    ServerCheck("cors-token", "scripts of other origins at the token endpoint", (f"{_ASVS}3.4.2",), tokens.tokens_readable_by_scripts),
    ServerCheck("cors-authorization", "scripts of other origins at the authorization endpoint", ("RFC 9700 2.6", f"{_ASVS}3.4.2"), tokens.authorization_readable_by_scripts),
    # The authorization response.
    ServerCheck("response-state", "a state of difficult letters", ("RFC 6749 4.1.2",), responses.state_changed),
    ServerCheck("response-state-on-error", "the state with an error", ("RFC 6749 4.1.2.1",), responses.state_lost_on_error),
    ServerCheck("response-issuer", "who sends the response", ISS, responses.no_issuer),
    ServerCheck("response-issuer-on-error", "who sends an error", ISS, responses.no_issuer_on_error),
    ServerCheck("response-implicit", "access tokens through the browser", ("RFC 9700 2.1.2", f"{_ASVS}10.4.4", f"{_ASVS}10.6.1"), responses.implicit_grant),
    ServerCheck("response-type", "unknown and missing response types", ("RFC 6749 3.1.1",), responses.unknown_response_type),
    ServerCheck("response-mode", "response modes that are not announced", ("RFC 8414 2", f"{_ASVS}10.4.12"), responses.unannounced_mode),
    ServerCheck("response-redirect-status", "redirects that repeat a form", ("RFC 9700 4.12",), responses.repeated_form),
    # Discovery and keys.
    ServerCheck("discovery-issuer", "the issuer of the document", ("RFC 8414 3.3", "oidc-discovery:4.3"), discovery.other_issuer),
    ServerCheck("discovery-tls", "endpoints without TLS", ("RFC 6749 3.1", "RFC 9700 2.6", f"{_ASVS}12.2.1"), discovery.in_clear),
    ServerCheck("discovery-endpoints", "endpoints that are not there", ("RFC 8414 2",), discovery.dead_endpoints),
    ServerCheck("discovery-pkce", "whether the document tells of PKCE", ("RFC 9700 2.1.1", "RFC 8414 2", f"{_ASVS}10.4.6"), discovery.silent_about_pkce),
    ServerCheck("discovery-none", "whether unsigned tokens are announced", ("RFC 8725 3.2", f"{_ASVS}9.1.2"), discovery.unsigned_tokens),
    ServerCheck("discovery-grants", "whether implicit and password grants are announced", ("RFC 9700 2.1.2", "RFC 9700 2.4", f"{_ASVS}10.4.4"), discovery.old_grants),
    ServerCheck("jwks-private", "private keys in the key set", ("RFC 7517 9.2",), discovery.private_keys),
    ServerCheck("jwks-weak", "weak keys in the key set", ("RFC 7518 3.3",), discovery.weak_keys),
    # ID tokens.
    ServerCheck("idtoken-signature", "the signature of ID tokens", ("oidc-core:2", "oidc-core:10.1", f"{_ASVS}9.1.1"), id_tokens.not_signed),
    ServerCheck("idtoken-issuer", "the issuer of ID tokens", ID_TOKEN, id_tokens.other_issuer),
    ServerCheck("idtoken-audience", "the audience of ID tokens", (*ID_TOKEN, f"{_ASVS}9.2.4"), id_tokens.other_audience),
    ServerCheck("idtoken-nonce", "the nonce of ID tokens", ("oidc-core:3.1.2.1", "oidc-core:15.5.2"), id_tokens.other_nonce),
    ServerCheck("idtoken-times", "the times of ID tokens", ID_TOKEN, id_tokens.wrong_times),
    ServerCheck("idtoken-at-hash", "the access token that an ID token belongs to", ("oidc-core:3.1.3.6",), id_tokens.wrong_half_hash),
    ServerCheck("idtoken-subject", "the subject of ID tokens and of userinfo", ("oidc-core:2", "oidc-core:5.3.2"), id_tokens.other_subject),
    ServerCheck("idtoken-auth-time", "when the user logged in, if max_age asks", ("oidc-core:3.1.2.1", "oidc-core:2"), id_tokens.no_auth_time),
    ServerCheck("idtoken-at-refresh", "the ID token of a refresh", ("oidc-core:12.2",), id_tokens.changed_at_refresh),
    # Pages and prompts.
    ServerCheck("page-framable", "login and consent page in a frame", ("RFC 6749 10.13", "RFC 9700 4.16", f"{_ASVS}3.4.6"), pages.framable),
    ServerCheck("page-referrer", "what pages hand on to other sites", ("RFC 9700 4.2.4", f"{_ASVS}3.4.5"), pages.leaking_referrer),
    ServerCheck("prompt-none-nobody", "prompt=none with nobody logged in", ("oidc-core:3.1.2.6", *PROMPT), pages.none_with_nobody),
    ServerCheck("prompt-none-login", "prompt=none with another value", PROMPT, pages.none_with_login),
    ServerCheck("prompt-login", "prompt=login with somebody logged in", PROMPT, pages.login_skipped),
    ServerCheck("prompt-max-age", "max_age=0 with somebody logged in", PROMPT, pages.age_ignored),
    ServerCheck("prompt-consent", "prompt=consent after a consent", (*PROMPT, f"{_ASVS}10.7.1"), pages.consent_skipped),
    # Errors.
    ServerCheck("error-authorization", "garbage at the authorization endpoint", ERROR, errors.authorization_crashes),
    ServerCheck("error-token", "garbage at the token endpoint", ("RFC 6749 5.2", f"{_ASVS}16.5.1"), errors.token_crashes),
    ServerCheck("error-others", "garbage at the other endpoints", ("RFC 6749 5.2", f"{_ASVS}16.5.1"), errors.others_crash),
    ServerCheck("error-reflection", "markup in every parameter", (*ERROR, f"{_ASVS}1.2.1"), errors.reflects),
    ServerCheck("error-form", "the form of a refusal", ("RFC 6749 5.2",), errors.refuses_wrongly),
    # Logout and request objects.
    ServerCheck("logout-redirect", "logout to an address that is not registered", LOGOUT, logout.to_anywhere),
    ServerCheck("logout-redirect-suffix", "logout to an address that begins with a registered one", LOGOUT, logout.nearly_registered(redirects.suffix)),
    ServerCheck("logout-redirect-query", "logout to a registered address with another query", LOGOUT, logout.nearly_registered(redirects.more_query)),
    ServerCheck("logout-redirect-host", "logout to a host that begins with a registered one", LOGOUT, logout.nearly_registered(redirects.host_suffix)),
    ServerCheck("logout-forged-hint", "logout with a forged id_token_hint", ("oidc-rpinitiated:2", f"{_ASVS}10.6.2"), logout.with_forged_hint),
    ServerCheck("request-redirect", "a redirect URI in a request object", (*OBJECT, *REDIRECT), requests.redirect_in_object),
    ServerCheck("request-unsigned", "a request object that nobody signed", OBJECT, requests.unsigned_object),
    ServerCheck("request-fetched", "a request_uri that is not registered", ("RFC 9101 10.4", "oidc-core:6.2"), requests.fetched_address),
    # Last, because it moves the clock.
    ServerCheck("code-expires", "a code of more than ten minutes", ("RFC 6749 4.1.2", f"{_ASVS}10.4.3"), codes.never_expires),
)  # fmt: skip
