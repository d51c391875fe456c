"""The operation under fire: where its token travels, and how a welcome is told from a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_devsecops.identity.browser import Browser, Credential, Exchange
from pytest_devsecops.identity.errors import FlowError, UnreachableError
from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.target import Operation
from pytest_devsecops.identity.tokens.model import Token, jws

_SUCCESS = range(200, 300)
_SERVER_ERROR = 500
_COMPACT = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the battery is run with.

    Attributes:
        at: the protected operation.
        jwks: the issuer's public keys: a JWKS, JWKs, PEM, a path of the application, or a provider.
        issuer_key: the issuer's private key or shared secret, for validly signed but wrong tokens.
        attacks: names of classes or attacks; all by default.
        persona: whose token is the sample; the first by default.
    """

    at: Operation
    jwks: object = None
    issuer_key: object = None
    attacks: tuple[str, ...] = ()
    persona: str = ""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A credential with a token in it, in whose place others can be put.

    Attributes:
        token: the token.
        credential: the headers that carry it.
        where: in words, such as ``the header Authorization``.
    """

    token: str
    credential: Credential
    where: str

    def with_token(self, token: str) -> Credential:
        """Return the credential with another token in the place of its own."""
        # No header begins or ends with white space (RFC 9110, section 5.5).
        return Credential(
            tuple((name, value.replace(self.token, token).strip()) for name, value in self.credential.headers)
        )

    def others(self) -> tuple[str, ...]:
        """Return what goes with the token and is as secret: the values of other headers and cookies."""
        pieces = [piece for _, value in self.credential.headers for piece in value.split("; ")]
        return tuple(piece.partition("=")[2] or piece for piece in pieces if self.token not in piece)

    def without_token(self) -> Credential:
        """Return what is left of the credential without the header or cookie that has the token."""
        return Credential(tuple((name, value) for name, value in self.credential.headers if self.token not in value))


class Range:
    """The operation under fire, with its known-good and known-bad case.

    Args:
        live: the open target.
        attempt: what is to be run.

    Raises:
        FlowError: if the login does not work, or gives no token that could be forged.
    """

    def __init__(self, live: Live, attempt: Attempt) -> None:
        self.live = live
        self.at = attempt.at
        self.persona = live.persona(attempt.persona)
        self._shooter = live.browser()
        self.victim, self.victim_login = self._other_user(attempt.persona)
        self.anonymous = self.send(Credential(()))
        self.renew()

    def renew(self) -> None:
        """Log in afresh, and look anew for the token.

        Raises:
            FlowError: as the constructor.
        """
        self.login = self.live.log_in(self.persona)
        self.carrier = self._find_carrier()
        self.good = self.send(self.carrier.credential)
        self._shows_marker = self.persona.marker in self.good.text
        victim = self.victim_token()
        self._victim_pages = [self._without_numbers(self.send_token(victim).text)] if victim else []

    def send(self, credential: Credential) -> Response:
        """Send one request with exactly this credential.

        Raises:
            UnreachableError: if no response came.
        """
        # Only the last exchange is ever asked for; hundreds of hostile tokens need not be kept.
        self._shooter.history.clear()
        return self._shooter.replay(self.at.method, self.at.path, credential)

    def send_token(self, token: str) -> Response:
        """Send a token as the application expects it."""
        return self.send(self.carrier.with_token(token))

    def request_with(self, token: str) -> Request:
        """Return the request that would be sent with a token."""
        return Request(self.at.method, self._shooter.url(self.at.path), self.carrier.with_token(token).headers, b"")

    @property
    def last(self) -> Exchange:
        """The last request and its response."""
        return self._shooter.history[-1]

    def controls(self) -> str:
        """Return what is wrong with the known-good or the known-bad case, or an empty text."""
        trouble = self.good_control()
        if trouble:
            return trouble
        for who, credential in (
            ("an anonymous caller", Credential(())),
            ("a caller without the token", self.carrier.without_token()),
        ):
            response = self.send(credential)
            if self.accepts(response):
                return f"{self.at} answers {response.status} to {who} as it does to a valid token"
        garbage = jws({"alg": "HS256", "typ": "JWT"}, {}, b"x" * 32)
        if not self._shows_marker and self.accepts(self.send_token(garbage)):
            return (
                f"{self.at} does not show {self.persona.marker!r} to its user and answers {self.good.status} to "
                "garbage as it does to a valid token, so a welcome cannot be told from a refusal"
            )
        return ""

    def good_control(self) -> str:
        """Return what is wrong with the known-good case, or an empty text."""
        try:
            good = self.send(self.carrier.credential)
        except UnreachableError as error:
            return f"{self.at} gives no answer to the valid token: {error}"
        if not self.accepts(good):
            return f"{self.at} answers {good.status} to the valid token"
        return ""

    def accepts(self, response: Response) -> bool:
        """Tell a welcome from a refusal; a refusal may be a page that answers 200."""
        if response.status not in _SUCCESS:
            return False
        if self._shows_marker:
            return any(marker in response.text for marker in self._markers())
        return self.anonymous.status not in _SUCCESS

    def shows_victim(self, response: Response) -> bool:
        """Tell whether a response shows the other user, whose claims are forged; without one it cannot be told."""
        return self.victim is None or self.victim.marker in response.text

    def takes_for_user(self, response: Response) -> bool:
        """Tell whether a response is the very one that a user gets, numbers apart (times, counters)."""
        users = [self._without_numbers(self.good.text), *self._victim_pages]
        return response.status in _SUCCESS and self._without_numbers(response.text) in users

    def fails(self, response: Response) -> bool:
        """Tell whether the application broke."""
        return response.status >= _SERVER_ERROR

    def issued(self) -> dict[str, str]:
        """Return the other tokens that the login gave, by their usual names."""
        found: dict[str, str] = {}
        for exchange in self.login.history:
            found.update(_tokens_in(exchange.response.json()))
        for cookie in self.login.cookies.all():
            for kind in ("id_token", "refresh_token"):
                if kind.removesuffix("_token") in cookie.name.lower() and _COMPACT.fullmatch(cookie.value):
                    found.setdefault(kind, cookie.value)
        return {kind: token for kind, token in found.items() if token != self.carrier.token}

    def victim_token(self) -> str:
        """Return the other user's token, or an empty text."""
        if self.victim_login is None:
            return ""
        for carrier in _carriers(self.victim_login.credential(self.at.path)):
            if carrier.where == self.carrier.where:
                return carrier.token
        return ""

    def _without_numbers(self, text: str) -> str:
        """Blot numbers out, but not those in users' names: an application may repeat a name that is nobody's."""
        names = "|".join(map(re.escape, sorted(self._markers(), key=len, reverse=True)))
        return re.sub(rf"(?<!\w)(?:{names})(?!\w)|(\d+)", lambda found: "0" if found[1] else found[0], text)

    def _markers(self) -> tuple[str, ...]:
        return (self.persona.marker, *((self.victim.marker,) if self.victim is not None else ()))

    def _other_user(self, kind: str) -> tuple[Persona | None, Browser | None]:
        """Log another user in, of another kind if there is one; their claims are worth forging."""
        kinds = [other for other in self.live.target.personas if other != (kind or self.persona.kind)]
        try:
            other = self.live.persona(kinds[0]) if kinds else self.live.persona(self.persona.kind, fresh=True)
            if other.marker == self.persona.marker:
                return None, None
            return other, self.live.log_in(other)
        except FlowError:
            # One user is enough: then the forged tokens speak of that user, with a claim more.
            return None, None

    def _find_carrier(self) -> Carrier:
        """Return the token that alone opens the operation, in the least that has to go with it."""
        found = list(_carriers(self.login.credential(self.at.path)))
        if not found:
            raise FlowError(
                "the login leaves no signed JWT in a header or cookie, so there is nothing to forge",
                remedy="use TokenLogin(…), bearer(…), or a login that sets the token as a cookie; drop "
                "this check where tokens are no JWTs",
            )
        for carrier in found:
            response = self.send(carrier.credential)
            if response.status in _SUCCESS and not self._like_anonymous(response):
                return carrier
        return found[0]

    def _like_anonymous(self, response: Response) -> bool:
        return response.status == self.anonymous.status and self.persona.marker not in response.text


def _carriers(credential: Credential) -> Iterator[Carrier]:
    """Yield each signed JWT in a credential: by itself first, then with everything around it."""
    whole: list[Carrier] = []
    for name, value in sorted(credential.headers, key=lambda header: header[0].lower() != "authorization"):
        pieces = value.split("; ") if name.lower() == "cookie" else [value]
        for piece in pieces:
            for token in _COMPACT.findall(piece):
                if not _is_signed(token):
                    continue
                cookie = piece.partition("=")[0]
                where = f"the cookie {cookie}" if name.lower() == "cookie" else f"the header {name}"
                yield Carrier(token, Credential(((name, piece),)), where)
                whole.append(Carrier(token, credential, where))
    yield from whole


def _is_signed(text: str) -> bool:
    """Tell a JWT from what only looks like one, such as a session cookie that was signed otherwise."""
    try:
        return "alg" in Token.parse(text).header
    except FlowError:
        return False


def _tokens_in(answer: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    if isinstance(answer, dict):
        for kind in ("id_token", "refresh_token", "refresh", "idToken", "refreshToken"):
            value = answer.get(kind)
            if isinstance(value, str) and _COMPACT.fullmatch(value) and _is_signed(value):
                yield ("id_token" if kind.startswith("id") else "refresh_token"), value
