"""Tokens and attacks on them: what an attacker has, and what is made of it.

Terms of RFC 7515 (JWS) and RFC 7519 (JWT). Everything is encoded by hand: a good library refuses to
mint these tokens, and a battery minted by the verifier's own library proves nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Protocol

from pytest_devsecops.identity.errors import FlowError

_COMPACT_PARTS = 3


def b64(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url without padding.

    Raises:
        ValueError: if it is none.
    """
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: object) -> bytes:
    """Return ``value`` as JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def raw_json(value: object) -> bytes:
    """Return bytes as they are, and anything else as JSON: attacks also send what is no JSON."""
    return value if isinstance(value, bytes) else compact(value)


def signing_input(header: object, claims: object) -> bytes:
    """Return the bytes that a signature covers (RFC 7515, section 5.1)."""
    return f"{b64(raw_json(header))}.{b64(raw_json(claims))}".encode()


def jws(header: object, claims: object, sign: Callable[[bytes], bytes] | bytes = b"") -> str:
    """Return a token in compact serialisation.

    Args:
        header: a JSON value, or the bytes to put there.
        claims: the same.
        sign: makes the signature of the signing input, or the signature itself.
    """
    data = signing_input(header, claims)
    return f"{data.decode()}.{b64(sign if isinstance(sign, bytes) else sign(data))}"


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token in compact serialisation, taken apart.

    Attributes:
        header: the decoded JOSE header.
        claims: the decoded claims.
        signature: the raw signature.
    """

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signature: bytes

    @classmethod
    def parse(cls, text: str) -> Token:
        """Take a compact token apart.

        Raises:
            FlowError: if it is no signed JWT, for which there is nothing to forge.
        """
        parts = text.strip().split(".")
        try:
            if len(parts) != _COMPACT_PARTS:
                raise ValueError(len(parts))  # noqa: TRY301 - one place says what is wrong
            header, claims = json.loads(unb64(parts[0])), json.loads(unb64(parts[1]))
            return cls(dict(header), dict(claims), unb64(parts[2]))
        except (ValueError, TypeError):
            raise FlowError(
                "the sample token is no signed JWT in compact form, so there is nothing to forge",
                remedy="pass a target whose login gives a JWT, or token=… with a valid one",
            ) from None

    @property
    def algorithm(self) -> str:
        """The algorithm that it says it is signed with."""
        return str(self.header.get("alg", ""))


class NotApplicableError(Exception):
    """An attack cannot be made from what the attacker has here; the text says what is missing."""


class KeyUnknownError(NotApplicableError):
    """An attack would apply, but needs a key of the issuer that the test suite did not give.

    Attributes:
        public: whether it is the public one, which every attacker has.
        remedy: how to give it.
    """

    def __init__(self, message: str, *, public: bool, remedy: str) -> None:
        super().__init__(f"{message}: {remedy}")
        self.public = public
        self.remedy = remedy


class Trap(Protocol):
    """An address of ours that notices whoever comes to it."""

    def url(self, scheme: str = "http") -> str:
        """Return the address where it listens, without a path."""

    def serve(self, path: str, body: bytes, kind: str = "application/json") -> None:
        """Answer with ``body`` at ``path``."""


class PublicKeyLike(Protocol):
    """The issuer's public key, as ``tokens/keys.py`` reads it."""

    @property
    def jwk(self) -> Mapping[str, Any]:
        """The key as a JWK (RFC 7517)."""

    @property
    def crypto(self) -> Any:  # noqa: ANN401 - a type of an optional package
        """The key of ``cryptography``."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What the attacker has.

    Attributes:
        sample: a valid token of an ordinary user.
        sample_text: the same as it was issued, byte for byte.
        forged_claims: what the forged tokens say: another user's claims if one is known.
        key: the issuer's public key, if it is published.
        texts: texts that the key was published in, byte for byte, such as a PEM file's.
        trap: notices whoever fetches from it; None where the application could not reach it.
        sign: signs any header and claims with the issuer's own key: ``(header, claims) -> token``.
        mint: asks the issuer for a token with these claims. Only with one of the two can the validly
            signed but wrong ones be tried.
        subject_counts: whether the application knows its users by ``sub``; found out with ``sign`` or ``mint``.
        issued: other tokens that the issuer gave at the login, such as ``id_token``.
    """

    sample: Token
    sample_text: str
    forged_claims: Mapping[str, Any]
    key: PublicKeyLike | None = None
    texts: tuple[str, ...] = ()
    trap: Trap | None = None
    sign: Callable[[object, object], str] | None = None
    mint: Callable[[Mapping[str, Any]], str] | None = None
    subject_counts: bool = False
    issued: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_symmetric(self) -> bool:
        """Whether the sample is signed with a shared secret."""
        return self.sample.algorithm.startswith("HS")

    @property
    def public_key(self) -> PublicKeyLike:
        """The issuer's public key.

        Raises:
            NotApplicableError: if there is none, because the issuer signs with a shared secret.
            KeyUnknownError: if there is one, and nobody here knows it.
        """
        if self.key is not None:
            return self.key
        if self.is_symmetric:
            raise NotApplicableError("the issuer signs with a shared secret and has no public key")
        raise KeyUnknownError("the issuer's public key is not known", public=True, remedy="pass jwks=…")

    def header(self, **changes: object) -> dict[str, Any]:
        """Return the sample's header with changes."""
        return {**self.sample.header, **changes}


class Shows(Enum):
    """What an accepted attack shows."""

    #: The application believed claims that the issuer never signed, or that are not for it.
    FORGERY = "forgery"
    #: The application takes what is genuine in substance and lax in form, such as another spelling of
    #: a genuine token. Nobody got anything that they did not have; it is evidence, and no violation.
    LENIENCE = "lenience"
    #: The application took a subject that is nobody's for somebody. Only the very answer that a real
    #: user gets shows that: an application may well repeat the subject that it was given.
    MISTAKEN = "mistaken"
    #: The token holds genuine claims and forged ones, and the application believed the forged: it showed
    #: the other user. Showing the genuine user is lenience.
    SMUGGLING = "smuggling"


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile token, to be made from what is known of the target.

    Attributes:
        name: unique and stable, such as ``alg-none/NonE``; it is the id of a test.
        title: what is wrong with the token, after "a token where".
        refs: the clause that forbids accepting it, or the CVE that did.
        make: makes the token. Raises ``NotApplicableError`` if a precondition is absent.
        shows: what it means if it is accepted.
        twin: makes a token of about the same length without what is costly in this one. If both are refused and
            this one takes much longer, the application did the work that the token asked for.
        may_cut: whether a server may answer by closing the connection, as it does to oversized headers.
    """

    name: str
    title: str
    refs: tuple[str, ...]
    make: Callable[[Knowledge], str]
    shows: Shows = Shows.FORGERY
    twin: Callable[[Knowledge], str] | None = None
    may_cut: bool = False

    @property
    def group(self) -> str:
        """The name of its class."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class AttackClass:
    """One file of attacks.

    Attributes:
        name: such as ``alg-none``; the attacks' names begin with it.
        title: what they have in common.
        attacks: all of them, whether or not they apply to a target.
        fix: what to do where one is accepted.
        by_issuer: whether nobody but the issuer can make them.
    """

    name: str
    title: str
    attacks: tuple[Attack, ...]
    fix: str = "verify tokens with a maintained library, with algorithms and keys pinned by you, never by the token"
    by_issuer: bool = False
