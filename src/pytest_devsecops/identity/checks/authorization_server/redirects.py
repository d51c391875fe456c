"""Attacks with redirect URIs that are not registered (RFC 9700, sections 2.1 and 4.1; RFC 6749, section 3.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pytest_devsecops.identity.checks.authorization_server.answers import Fault
from pytest_devsecops.identity.checks.authorization_server.flow import Asking, Landing, asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.tokens.model import NotApplicableError

_FOREIGN = "attacker.example"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
#: What a server adds to a redirect URI (RFC 6749, sections 4.1.2 and 4.2.2; RFC 9207; Session Management).
_ADDED = {
    "code", "state", "iss", "error", "error_description", "error_uri", "session_state", "scope",
    "access_token", "id_token", "token_type", "expires_in",
}  # fmt: skip

#: Makes a hostile redirect URI of a registered one.
Change = Callable[[str], str]
Attack = Callable[[Server], Fault | None]


def changed(change: Change) -> Attack:
    """Return the attack with a changed redirect URI."""

    def attack(server: Server) -> Fault | None:
        uri = change(server.client.redirect_uri)
        if uri in server.client.redirect_uris:
            raise NotApplicableError(f"{uri} is registered")
        return judge(server, server.ask(asking(server.client, redirect_uri=uri)), uri)

    return attack


def judge(server: Server, landing: Landing, uri: str) -> Fault | None:
    """Return a fault if anything came for a redirect URI that is not registered."""
    if landing.code or landing.values.get("access_token"):
        return Fault(f"it sends a code for {uri}, which is not registered", landing.exchange)
    # Without an error the server took the URI, whatever became of the code (it may hide behind a fragment).
    if landing.target and (_bare(landing.target) not in _registered(server) or "error" not in landing.values):
        return Fault(f"it redirects to {landing.target}, which is not registered", landing.exchange)
    return None


def _registered(server: Server) -> set[str]:
    return {_bare(uri) for client in server.clients for uri in client.redirect_uris}


def _bare(target: str) -> str:
    """Return a redirect's target without what the server added to it."""
    address = target.partition("#")[0]
    path, _, query = address.partition("?")
    own = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in _ADDED]
    return f"{path}?{urlencode(own)}" if own else path


# Changes; each is a mistake that servers have made in comparing.


def suffix(uri: str) -> str:
    """A path that begins with the registered one."""
    path, mark, query = uri.partition("?")
    return f"{path}evil{mark}{query}"


def subpath(uri: str) -> str:
    """A path below the registered one."""
    return f"{uri.partition('?')[0].rstrip('/')}/evil"


def traversal(uri: str) -> str:
    """A path that climbs out of the registered one."""
    return f"{uri.partition('?')[0].rstrip('/')}/../evil"


def encoded_traversal(uri: str) -> str:
    """The same with encoded dots, which browsers resolve."""
    return f"{uri.partition('?')[0].rstrip('/')}/%2e%2e/evil"


def encoded(uri: str) -> str:
    """The last letter of the path as a percent-encoding (RFC 3986, section 6.2.1: another string)."""
    path = uri.partition("?")[0]
    if not path[-1].isalnum() or not _path(uri).strip("/"):
        raise NotApplicableError("the path has no letter to encode")
    return f"{path[:-1]}%{ord(path[-1]):02X}"


def other_case(uri: str) -> str:
    """The path in another case."""
    path = _path(uri)
    if path.swapcase() == path:
        raise NotApplicableError("the path has no letters")
    return uri.replace(path, path.swapcase(), 1) if uri.count(path) == 1 else uri.rpartition(path)[0] + path.swapcase()


def trailing_slash(uri: str) -> str:
    """A slash more, or less."""
    path = uri.partition("?")[0]
    if _path(uri) in ("", "/"):
        raise NotApplicableError("an empty path and a single slash are the same (RFC 9110, section 4.2.3)")
    return path[:-1] if path.endswith("/") else f"{path}/"


def more_query(uri: str) -> str:
    """A query that is not registered."""
    return f"{uri}{'&' if '?' in uri else '?'}next=//{_FOREIGN}"


def fragment(uri: str) -> str:
    """A fragment (RFC 6749, section 3.1.2: none at all)."""
    return f"{uri}#evil"


def subdomain(uri: str) -> str:
    """A host below the registered one."""
    return _netloc(uri, lambda netloc: f"evil.{netloc}")


def host_suffix(uri: str) -> str:
    """A host that begins with the registered one."""
    host = _host(uri)
    return _netloc(uri, lambda netloc: netloc.replace(host, f"{host}.{_FOREIGN}", 1))


def host_prefix(uri: str) -> str:
    """A host that ends with the registered one."""
    return _netloc(uri, lambda netloc: f"evil{netloc}")


def userinfo(uri: str) -> str:
    """The registered host in front of an ``@``."""
    return _netloc(uri, lambda netloc: f"{netloc.partition(':')[0]}@{_FOREIGN}")


def backslash(uri: str) -> str:
    r"""A ``\`` that browsers read as ``/`` and some parsers as a part of the userinfo."""
    return _netloc(uri, lambda netloc: f"{_FOREIGN}\\@{netloc}")


def other_port(uri: str) -> str:
    """Another port; a native application's loopback address may have any (RFC 8252, section 7.3)."""
    host = _host(uri)
    if host in _LOOPBACK and uri.startswith("http:"):
        raise NotApplicableError("the port of a loopback redirect URI may vary (RFC 8252, section 7.3)")
    shown = f"[{host}]" if ":" in host else host
    return _netloc(uri, lambda _netloc: f"{shown}:4433")


def other_scheme(uri: str) -> str:
    """Another scheme."""
    _host(uri)
    scheme, _, rest = uri.partition("://")
    return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def script(_uri: str) -> str:
    """A script."""
    return "javascript:alert(1)//"


def foreign_host(uri: str) -> str:
    """The attacker's host."""
    return _netloc(uri, lambda _netloc: _FOREIGN)


def _path(uri: str) -> str:
    return urlsplit(uri).path


def _host(uri: str) -> str:
    host = urlsplit(uri).hostname
    if not host or not uri.startswith(("http://", "https://")):
        raise NotApplicableError("the redirect URI has no host (a private-use scheme)")
    return host


def _netloc(uri: str, change: Change) -> str:
    _host(uri)
    netloc = urlsplit(uri).netloc
    return uri.replace(netloc, change(netloc), 1)


# Attacks with more than one URI, with none, and with an error.


def repeated(server: Server) -> Fault | None:
    """Send a registered and a hostile redirect URI, in both orders."""
    good, bad = server.client.redirect_uri, foreign_host_or_suffix(server.client.redirect_uri)
    for first, second in ((good, bad), (bad, good)):
        asked = asking(server.client, drop=("redirect_uri",))
        asked.parameters += [("redirect_uri", first), ("redirect_uri", second)]
        landing = server.ask(asked)
        if fault := judge(server, landing, f"{first} and {second} at once"):
            return fault
    return None


def foreign_host_or_suffix(uri: str) -> str:
    """Return a hostile URI for any registered one."""
    return foreign_host(uri) if uri.startswith(("http://", "https://")) else suffix(uri)


def missing(server: Server) -> Fault | None:
    """Leave the redirect URI out where several are registered (RFC 6749, section 3.1.2.3)."""
    if len(server.client.redirect_uris) < 2:  # noqa: PLR2004 - several
        raise NotApplicableError("the client has only one redirect URI")
    landing = server.ask(asking(server.client, drop=("redirect_uri",)))
    if landing.target:
        return Fault(
            f"it picks one of several registered redirect URIs by itself: {landing.target.partition('?')[0]}",
            landing.exchange,
        )
    return None


def of_other_client(server: Server) -> Fault | None:
    """Name another client's redirect URI."""
    theirs = next((uri for uri in server.other().redirect_uris if uri not in server.client.redirect_uris), "")
    if not theirs:
        raise NotApplicableError("both clients have the same redirect URIs")
    landing = server.ask(asking(server.client, redirect_uri=theirs))
    if landing.target and _bare(landing.target) == _bare(theirs):
        return Fault(f"it sends {server.client.client_id!r} to {theirs}, which is another client's", landing.exchange)
    return judge(server, landing, theirs)


def on_error(server: Server) -> Fault | None:
    """Make an error on purpose, with a hostile redirect URI (RFC 9700, section 4.11.2)."""
    bad = foreign_host_or_suffix(server.client.redirect_uri)
    for wrong in ({"response_type": "nonsense"}, {"scope": "nonsense-scope"}, {"prompt": "none"}):
        landing = server.anonymous(asking(server.client, {"redirect_uri": bad, **wrong}))
        if fault := judge(server, landing, bad):
            return fault
    return None


def of_unknown_client(server: Server) -> Fault | None:
    """Name a client that does not exist."""
    asked: Asking = asking(server.client, client_id="nobody-registered-this", redirect_uri=f"https://{_FOREIGN}/cb")
    landing = server.ask(asked)
    if landing.target:
        return Fault(f"it redirects for a client that does not exist, to {landing.target}", landing.exchange)
    return None


def parameters_repeated(server: Server) -> Fault | None:
    """Send another parameter twice (RFC 6749, section 3.1: never more than once)."""
    asked = asking(server.client)
    asked.parameters.append(("state", quote("second state")))
    landing = server.ask(asked)
    return Fault("it serves a request that has a parameter twice (state)", landing.exchange) if landing.code else None
