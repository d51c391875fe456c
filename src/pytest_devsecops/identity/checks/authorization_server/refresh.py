"""Attacks with refresh tokens and scopes (RFC 6749, sections 3.3, 6 and 10.4; RFC 9700, section 4.14)."""

from __future__ import annotations

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import Fault, Tokens, answer_of, issued, refused
from pytest_devsecops.identity.checks.authorization_server.flow import asking
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.registration import ClientRegistration
from pytest_devsecops.identity.tokens.model import NotApplicableError

_NO_SCOPE = "devsecops-no-such-scope"


def _subject(server: Server) -> ClientRegistration:
    """Return the client whose refresh tokens are worth the most to a thief: one without a secret."""
    return server.public() or server.client


def _renewed(server: Server, tokens: Tokens) -> Tokens:
    """Use a refresh token as one should.

    Raises:
        FlowError: if that does not work.
    """
    exchange = server.renew(tokens.landing.asked.client, tokens.refresh)
    told = issued(exchange)
    if told is None:
        raise FlowError(f"a good refresh token was refused: {answer_of(exchange)}")
    return Tokens(tokens.landing, exchange, told)


def _rotated(server: Server) -> tuple[Tokens, Tokens]:
    """Return tokens before and after a rotation."""
    old = server.lasting_tokens()
    new = _renewed(server, old)
    if new.values.get("refresh_token", old.refresh) == old.refresh:
        raise NotApplicableError("refresh tokens are not rotated, which refresh-rotated tells")
    return old, new


def not_rotated(server: Server) -> Fault | None:
    """See whether a refresh token is replaced when it is used.

    RFC 9700, section 2.2.2: those of public clients must be, unless they are bound to their sender.
    """
    client = _subject(server)
    old = server.lasting_tokens(client)
    new = _renewed(server, old)
    if new.values.get("refresh_token", old.refresh) != old.refresh:
        return None
    if old.values.get("token_type", "").lower() == "dpop":
        raise NotApplicableError("refresh tokens are bound to their sender")
    kind = "public" if client.public else "confidential"
    return Fault(
        f"the {kind} client {client.client_id!r} keeps its refresh token after use, so a stolen one is never noticed",
        new.exchange,
        advice=not client.public,
    )


def reused(server: Server) -> Fault | None:
    """Use a refresh token that was replaced."""
    old, _ = _rotated(server)
    answer = server.renew(server.client, old.refresh)
    return refused(answer, "a refresh token works after it was replaced")


def reuse_keeps_family(server: Server) -> Fault | None:
    """Use a replaced refresh token, and see whether its successor still works: one of the two users is a thief."""
    old, new = _rotated(server)
    again = server.renew(server.client, old.refresh)
    if issued(again) is not None:
        raise NotApplicableError("a replaced refresh token works, which refresh-single-use tells")
    answer = server.renew(server.client, new.refresh)
    return refused(answer, "after a replaced refresh token was used, its successor still works")


def of_other_client(server: Server) -> Fault | None:
    """Let another client use a refresh token."""
    other, tokens = server.other(), server.lasting_tokens()
    answer = server.renew(other, tokens.refresh)
    return refused(answer, f"{other.client_id!r} uses a refresh token that was issued to {server.client.client_id!r}")


def without_authentication(server: Server) -> Fault | None:
    """Use a confidential client's refresh token without its secret."""
    client = server.confidential()
    tokens = server.lasting_tokens(client)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh, "client_id": client.client_id}
    return refused(server.post("token", fields), "a confidential client's refresh token works without its secret")


def access_token_as_refresh_token(server: Server) -> Fault | None:
    """Use an access token as a refresh token."""
    tokens = server.lasting_tokens()
    if not tokens.values.get("refresh_token"):
        raise NotApplicableError("the server gives this client no refresh token")
    return refused(server.renew(server.client, tokens.access), "an access token is taken as a refresh token")


def more_scope(server: Server) -> Fault | None:
    """Ask at refresh for a scope that was not granted."""
    scopes = server.client.scope.split()
    spare = [one for one in scopes if one not in ("openid", "offline_access")]
    if not spare or len(scopes) == 1:
        raise NotApplicableError("the client's scope has nothing that could be left out at first (add profile?)")
    less = [one for one in scopes if one != spare[-1]]
    tokens = server.lasting_tokens(scope=" ".join(less))
    answer = server.renew(server.client, tokens.refresh, scope=server.client.scope)
    if not _grants(answer, spare[-1], server.client.scope):
        return None
    return Fault(f"at refresh it grants the scope {spare[-1]!r}, which was not granted before", answer)


def unknown_scope(server: Server) -> Fault | None:
    """Ask at refresh for a scope that nobody knows."""
    tokens = server.lasting_tokens()
    wanted = f"{server.client.scope} {_NO_SCOPE}"
    answer = server.renew(server.client, tokens.refresh, scope=wanted)
    if not _grants(answer, _NO_SCOPE, wanted):
        return None
    return Fault("at refresh it grants a scope that it cannot know", answer)


def _grants(answer: Exchange, extra: str, wanted: str) -> bool:
    """Tell whether an answer grants ``extra``; without a scope it grants what was asked for (section 5.1)."""
    told = issued(answer)
    if told is None:
        return False
    granted = told.get("scope", wanted)
    names = granted.split() if isinstance(granted, str) else [str(one) for one in granted]
    return extra in names


def invented_scope_granted(server: Server) -> Fault | None:
    """Ask for a scope that nobody knows, and see whether it is granted."""
    return _asked_for(server, _NO_SCOPE, "it grants a scope that it cannot know")


def forbidden_scope_granted(server: Server) -> Fault | None:
    """Ask for a scope that this client may not have."""
    if not server.client.forbidden_scope:
        raise NotApplicableError("the registration names no forbidden_scope")
    return _asked_for(server, server.client.forbidden_scope, "it grants a scope that the client may not have")


def _asked_for(server: Server, extra: str, message: str) -> Fault | None:
    wanted = f"{server.client.scope} {extra}"
    landing = server.ask(asking(server.client, scope=wanted))
    if not landing.code:
        return None
    answer = server.redeem(landing)
    return Fault(f"{message}: {extra}", answer) if _grants(answer, extra, wanted) else None
