"""Every rule that the provider can be told not to enforce, in one visible table.

Each is a mistake that authorization servers have made. The checks on authorization servers are
shown to notice every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

#: The rules that concern redirect URIs: how a URI that is not registered still matches one that is.
REDIRECT_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "redirect-prefix": lambda uri, known: uri.startswith(known),
    "redirect-suffix": lambda uri, known: uri.startswith(known) and uri[len(known) :].isalnum(),
    "redirect-subpath": lambda uri, known: uri.startswith(f"{known}/") and uri[len(known) + 1 :].isalnum(),
    "redirect-query": lambda uri, known: uri.split("?", 1)[0] == known,
    "redirect-subdomain": lambda uri, known: (
        _parts(uri)[:1] == _parts(known)[:1]
        and _host(uri).endswith("." + _host(known))
        and urlsplit(uri).path == urlsplit(known).path
    ),
    "redirect-host-suffix": lambda uri, known: _host(uri).startswith(_host(known) + "."),
    "redirect-userinfo": lambda uri, known: (
        "@" in urlsplit(uri).netloc and urlsplit(uri).netloc.split("@")[0].split(":")[0] == _host(known)
    ),
    "redirect-fragment": lambda uri, known: "#" in uri and uri.split("#", 1)[0] == known,
    "redirect-scheme": lambda uri, known: uri.partition("://")[2] == known.partition("://")[2],
    "redirect-port": lambda uri, known: (
        (_host(uri), urlsplit(uri).path, "#" in uri, "@" in uri) == (_host(known), urlsplit(known).path, False, False)
        and urlsplit(uri).scheme == urlsplit(known).scheme
        and urlsplit(uri).netloc != urlsplit(known).netloc
        and ":" in urlsplit(uri).netloc
    ),
    "redirect-case": lambda uri, known: uri.lower() == known.lower(),
    "redirect-encoded": lambda uri, known: "%" in uri and unquote(uri) == known,
    "redirect-traversal": lambda uri, known: "/.." in uri and uri.startswith(known),
    "redirect-traversal-encoded": lambda uri, known: "/%2e%2e" in uri.lower() and uri.startswith(known),
    "redirect-host-prefix": lambda uri, known: (
        _host(uri).endswith(_host(known)) and _host(uri).removesuffix(_host(known)).isalnum()
    ),
    "redirect-backslash": lambda uri, known: "\\" in uri and uri.endswith(known.partition("://")[2]),
    "redirect-script": lambda uri, _known: uri.startswith("javascript:"),
    "redirect-foreign-host": lambda uri, known: (
        _host(uri) == "attacker.example" and "@" not in uri and urlsplit(uri).path == urlsplit(known).path
    ),
    "redirect-trailing-slash": lambda uri, known: uri == known + "/",
    "redirect-any": lambda _uri, _known: True,
}


def _host(uri: str) -> str:
    return urlsplit(uri).hostname or ""


def _parts(uri: str) -> tuple[str, str]:
    return urlsplit(uri).scheme, urlsplit(uri).netloc


#: name -> what the provider then does.
LAXITIES: dict[str, str] = {
    "redirect-prefix": "takes every redirect URI that begins with a registered one",
    "redirect-suffix": "takes a redirect URI whose last segment begins with the registered one",
    "redirect-subpath": "takes redirect URIs below the registered one",
    "redirect-traversal-encoded": "takes a path that climbs out in encoded dots",
    "redirect-host-prefix": "takes hosts that end with the registered host",
    "redirect-backslash": "takes another host before a backslash",
    "redirect-script": "takes javascript: addresses",
    "redirect-foreign-host": "compares only the path",
    "redirect-of-any-client": "takes the redirect URIs of every client",
    "redirect-missing-accepted": "picks a redirect URI if there is none in the request",
    "redirect-uri-repeated": "takes the last of several redirect URIs",
    "error-before-redirect-check": "looks at the response type before it looks at the redirect URI",
    "redirect-query": "takes a registered redirect URI with another query",
    "redirect-subdomain": "takes redirect URIs at subdomains",
    "redirect-host-suffix": "takes hosts that begin with the registered host",
    "redirect-userinfo": "takes the registered host in front of an @",
    "redirect-fragment": "takes a redirect URI with a fragment",
    "redirect-scheme": "takes another scheme",
    "redirect-port": "takes another port",
    "redirect-case": "compares redirect URIs without regard to case",
    "redirect-encoded": "decodes redirect URIs before it compares them",
    "redirect-traversal": "takes a path that climbs out of the registered one",
    "redirect-trailing-slash": "takes a slash more",
    "redirect-any": "takes every redirect URI",
    "client-unknown-accepted": "serves clients that nobody registered",
    "error-redirects-anywhere": "sends errors to redirect URIs that are not registered",
    "error-reflects-input": "writes parameters into its error page as HTML",
    "error-500": "crashes on a bad request",
    "error-shows-insides": "shows a traceback at the authorization endpoint",
    "token-error-shows-insides": "shows a traceback at the token endpoint",
    "userinfo-error-shows-insides": "shows a traceback at userinfo",
    "token-error-as-page": "refuses token requests by a page with status 200",
    "parameters-repeated": "takes repeated parameters",
    "response-type-token": "supports the implicit grant",
    "response-type-ignored": "gives a code whatever the response type is",
    "response-mode-fragment": "sends the response in the fragment if asked to",
    "password-grant": "supports the password grant",
    "client-credentials-open": "gives clients tokens of their own without authentication",
    "grant-type-ignored": "takes every grant type for a code",
    "request-object-unsigned": "believes unsigned request objects",
    "request-object-redirect": "takes the redirect URI from request objects",
    "request-uri-fetched": "fetches every request_uri",
    "prompt-none-ignored": "logs somebody in although the request says prompt=none",
    "prompt-none-mixed": "takes prompt=none with other values",
    "prompt-login-ignored": "asks for no new login",
    "prompt-consent-ignored": "asks for no new consent",
    "max-age-ignored": "takes sessions of any age",
    "pages-framable": "lets every site frame its pages",
    "pages-leak-referrer": "hands the address of its pages on to other sites",
    "pkce-not-required": "lets public clients go without PKCE",
    "pkce-plain-accepted": "takes the challenge method plain",
    "pkce-plain-by-default": "takes a challenge without a method as plain",
    "pkce-unknown-method-ignored": "forgets a challenge whose method it does not know",
    "pkce-downgrade": "ignores a verifier without a challenge",
    "verifier-not-required": "redeems a code without its verifier",
    "verifier-empty-accepted": "redeems a code with an empty verifier",
    "verifier-unchecked": "redeems a code with any verifier",
    "verifier-compared-plainly": "redeems a code with the challenge",
    "code-unknown-accepted": "redeems the latest code whatever is sent",
    "code-short": "makes codes of eight digits",
    "code-redirect-uri-optional": "redeems a code without a redirect URI",
    "code-reusable": "redeems a code twice",
    "code-reuse-keeps-tokens": "keeps the tokens of a code that is used twice",
    "code-not-bound-to-client": "redeems a code for another client",
    "code-not-bound-to-redirect-uri": "redeems a code with another redirect URI",
    "code-never-expires": "redeems old codes",
    "client-secret-unchecked": "does not look at the client's secret",
    "client-secret-any": "takes any secret that is not empty",
    "client-secret-of-any-client": "takes the secret of any client",
    "client-secret-absent": "takes clients that send no secret",
    "client-secret-empty": "takes an empty secret",
    "client-auth-twice": "takes clients that authenticate in two ways at once",
    "client-unknown-redeems": "redeems codes for clients that do not exist",
    "client-failure-400": "answers failed authentication by 400",
    "token-by-get": "gives tokens to GET requests",
    "refresh-unauthenticated": "takes refresh tokens without the client's secret",
    "refresh-takes-access-token": "takes access tokens as refresh tokens",
    "client-auth-any-method": "takes every authentication method",
    "credentials-in-query": "takes token requests with parameters in the URL",
    "refresh-not-rotated": "gives the same refresh token again",
    "refresh-reusable": "takes a refresh token twice",
    "refresh-reuse-keeps-family": "keeps the family of a refresh token that is used twice",
    "refresh-not-bound-to-client": "takes another client's refresh token",
    "refresh-widens-scope": "gives more scope on refresh than was granted",
    "refresh-invents-scope": "gives scopes on refresh that do not exist",
    "scope-unknown-granted": "grants scopes that do not exist",
    "scope-of-others-granted": "grants every scope to every client",
    "state-not-returned": "loses the state",
    "state-shortened": "returns the state without spaces",
    "state-lost-on-error": "loses the state on errors",
    "iss-not-returned": "does not say who answers",
    "iss-lost-on-error": "does not say who answers by an error",
    "redirect-repeats-form": "redirects with 307, which repeats posted credentials",
    "tokens-cacheable": "lets caches keep tokens",
    "cors-any-origin": "lets scripts of every origin read the token endpoint with credentials",
    "cors-authorization": "lets scripts of every origin read the authorization endpoint",
    "revocation-ignored": "confirms a revocation and does nothing",
    "revocation-keeps-refresh-token": "confirms the revocation of a refresh token and does nothing",
    "revocation-keeps-access-token": "confirms the revocation of an access token and does nothing",
    "revocation-keeps-family": "revokes a refresh token and keeps what came with it",
    "revocation-open": "revokes tokens for everybody",
    "revocation-of-others": "revokes other clients' tokens",
    "introspection-open": "tells everybody about tokens",
    "introspection-lies": "says that every token is active",
    "introspection-of-others": "tells clients about the tokens of others",
    "userinfo-open": "answers userinfo without a token",
    "userinfo-any-token": "answers userinfo for refresh tokens as well",
    "userinfo-token-in-query": "takes an access token from the URL",
    "logout-redirect-any": "goes anywhere after a logout",
    "logout-redirect-prefix": "goes to addresses that begin with a registered one after a logout",
    "logout-redirect-host": "goes to hosts that begin with a registered one after a logout",
    "logout-hint-unverified": "believes any id_token_hint",
    "discovery-issuer-other": "names another issuer in its discovery document",
}
