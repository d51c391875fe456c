"""What ID tokens say (OpenID Connect Core 1.0, sections 2, 3.1.3 and 12.2)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

from pytest_devsecops.identity.checks.authorization_server.answers import Fault, Tokens, issued
from pytest_devsecops.identity.checks.authorization_server.discovery import key_set
from pytest_devsecops.identity.checks.authorization_server.probe import Server
from pytest_devsecops.identity.tokens.keys import from_jwk, verifies
from pytest_devsecops.identity.tokens.model import NotApplicableError, Token, b64, unb64

_SKEW = 60
_DAY = 86_400
_LONGEST_SUBJECT = 255
_HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}


def _read(server: Server, max_age: str = "") -> tuple[Tokens, Token, Mapping[str, Any]]:
    if not server.client.openid:
        raise NotApplicableError("the client's scope has no openid, so there is no ID token")
    tokens = server.tokens(max_age=max_age) if max_age else server.tokens()
    token = Token.parse(tokens.id_token)
    return tokens, token, token.claims


def not_signed(server: Server) -> Fault | None:
    """Verify the signature with the published keys (Core, section 3.1.3.7)."""
    tokens, token, _ = _read(server)
    algorithm = token.algorithm
    if algorithm.lower() in ("none", ""):
        return Fault("ID tokens are not signed", tokens.exchange)
    if algorithm.startswith("HS"):
        raise NotApplicableError(
            f"ID tokens are signed with the client's secret ({algorithm}), not with a published key"
        )
    exchange, keys = key_set(server)
    kid = token.header.get("kid")
    named = [key for key in keys if kid is None or key.get("kid") == kid]
    if not named:
        return Fault(f"ID tokens are signed with the key {kid!r}, which the key set does not have", exchange)
    head, _, signature = tokens.id_token.rpartition(".")
    known = [key for key in map(from_jwk, named) if key is not None]
    if not any(verifies(key, algorithm, head.encode(), unb64(signature)) for key in known):
        return Fault("no published key verifies the signature of its ID tokens", tokens.exchange)
    return None


def other_issuer(server: Server) -> Fault | None:
    """Compare the issuer with discovery's (Core, section 2)."""
    tokens, _, claims = _read(server)
    expected = server.metadata.get("issuer", server.issuer)
    if claims.get("iss") != expected:
        return Fault(f"ID tokens name the issuer {claims.get('iss')!r}, discovery {expected!r}", tokens.exchange)
    return None


def other_audience(server: Server) -> Fault | None:
    """See that a token is for the client, and says so if it is for others as well (Core, section 2)."""
    tokens, _, claims = _read(server)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if server.client.client_id not in audiences:
        return Fault(f"ID tokens are not for the client that asked: aud is {audience!r}", tokens.exchange)
    party = claims.get("azp")
    if party not in (None, server.client.client_id) or (len(audiences) > 1 and party is None):
        return Fault(f"ID tokens have the audiences {audience!r} and the authorized party {party!r}", tokens.exchange)
    return None


def other_nonce(server: Server) -> Fault | None:
    """Compare the nonce with the request's (Core, section 3.1.2.1)."""
    tokens, _, claims = _read(server)
    asked = tokens.landing.asked.value("nonce")
    return None if claims.get("nonce") == asked else Fault("ID tokens do not repeat the nonce", tokens.exchange)


def wrong_times(server: Server) -> Fault | None:
    """Look at the times: issued now, expiring soon (Core, section 2)."""
    tokens, _, claims = _read(server)
    clock = server.live.target.hooks.clock
    now = clock.now().timestamp() if clock is not None else time.time()
    issued_at, expires = claims.get("iat"), claims.get("exp")
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (issued_at, expires))
    if not numbers or issued_at is None or expires is None:
        return Fault(f"ID tokens lack a time: iat {issued_at!r}, exp {expires!r}", tokens.exchange)
    if not now - _SKEW <= issued_at <= now + _SKEW:
        return Fault(f"ID tokens are issued at another time than now ({issued_at - now:+.0f} s)", tokens.exchange)
    if expires <= now:
        return Fault(f"ID tokens have expired when they are issued ({expires - now:+.0f} s)", tokens.exchange)
    if expires > now + _DAY:
        return Fault(f"ID tokens live for more than a day ({expires - now:.0f} s)", tokens.exchange, advice=True)
    return None


def wrong_half_hash(server: Server) -> Fault | None:
    """Recompute ``at_hash``, where there is one (Core, section 3.1.3.6)."""
    tokens, token, claims = _read(server)
    told = claims.get("at_hash")
    name = _HASHES.get(token.algorithm[2:])
    if told is None or name is None:
        raise NotApplicableError("ID tokens have no at_hash, which the code flow leaves open")
    digest = hashlib.new(name, tokens.access.encode(), usedforsecurity=False).digest()
    right = b64(digest[: len(digest) // 2])
    return None if told == right else Fault("the at_hash of its ID tokens is of another access token", tokens.exchange)


def other_subject(server: Server) -> Fault | None:
    """Compare the subject with userinfo's (Core, sections 2 and 5.3.2)."""
    tokens, _, claims = _read(server)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        return Fault("ID tokens have no subject of 1 to 255 characters", tokens.exchange)
    if server.has("userinfo"):
        answer = server.userinfo(tokens.access)
        told = answer.response.json()
        if isinstance(told, dict) and told.get("sub") != subject:
            return Fault("userinfo speaks of another subject than the ID token", answer)
    return None


def no_auth_time(server: Server) -> Fault | None:
    """Ask with max_age: the token must tell when the user logged in (Core, section 3.1.2.1)."""
    tokens, _, claims = _read(server, max_age="3600")
    told = claims.get("auth_time")
    if not isinstance(told, int | float):
        return Fault("a request with max_age gets an ID token without auth_time", tokens.exchange)
    return None


def changed_at_refresh(server: Server) -> Fault | None:
    """Compare the ID token of a refresh with the first one (Core, section 12.2)."""
    if not server.client.openid:
        raise NotApplicableError("the client's scope has no openid, so there is no ID token")
    tokens = server.lasting_tokens()
    first = Token.parse(tokens.id_token).claims
    answer = server.renew(server.client, tokens.refresh)
    told = issued(answer) or {}
    if not told.get("id_token"):
        raise NotApplicableError("there is no ID token at refresh, which is left to the server")
    later = Token.parse(str(told["id_token"])).claims
    differs = [name for name in ("iss", "sub", "aud") if first.get(name) != later.get(name)]
    # These may be left out at refresh.
    differs += [
        name for name in ("auth_time", "azp", "nonce") if name in later and later[name] != first.get(name, later[name])
    ]
    return Fault(f"the ID token of a refresh differs in {', '.join(differs)}", answer) if differs else None
