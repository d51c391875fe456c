"""How the provider misbehaves on demand: lies that it tells clients, and rules that it does not enforce."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_devsecops.identity.provider.model import Grant, User
from pytest_devsecops.identity.provider.realm import Realm

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What a lie can build on.

    Attributes:
        realm: the issuer that lies.
        grant: the grant that the answer belongs to; None for discovery and keys.
        victim: somebody else, whom the attacker wants to be.
        attacker_realm: another issuer of the same provider, which a client may not trust.
    """

    realm: Realm
    grant: Grant | None
    victim: User
    attacker_realm: Realm


#: Changes a JSON object on its way out: the scene, the honest object -> what is sent.
Change = Callable[[Scene, Json], Json]


@dataclass(frozen=True, slots=True)
class Lie:
    """What the provider says instead. Every hook is optional and gets what honesty would send.

    Attributes:
        response: the parameters of the authorization response.
        claims: the claims of the ID token, which is then signed as usual.
        header: the header of the ID token, which is then signed as usual.
        token: the ID token as text: ``(scene, honest token) -> token``.
        answer: the JSON answer of the token endpoint.
        userinfo: the JSON answer of the userinfo endpoint.
        discovery: the discovery document.
        jwks: the key set.
    """

    response: Change | None = None
    claims: Change | None = None
    header: Change | None = None
    token: Callable[[Scene, str], str] | None = None
    answer: Change | None = None
    userinfo: Change | None = None
    discovery: Change | None = None
    jwks: Change | None = None


@dataclass(slots=True)
class Faults:
    """The misbehaviour that is switched on.

    Attributes:
        lie: the lie, if there is one.
        lax: the names of the rules that are not enforced (``laxities.py``).
        victim: whom the lies speak of.
        capture: whether the authorization response is held back instead of being sent.
        told: the hooks that changed something, in order.
        captured: the authorization responses that were held back.
    """

    lie: Lie | None = None
    lax: frozenset[str] = frozenset()
    victim: User | None = None
    capture: bool = False
    told: list[str] | None = None
    captured: list[str] | None = None

    def apply(self, hook: str, realm: Realm, grant: Grant | None, honest: Json) -> Json:
        """Return what the current lie makes of an honest object, and note whether it changed it."""
        change = getattr(self.lie, hook, None)
        if change is None or self.victim is None:
            return honest
        said: Json = change(self._scene(realm, grant), dict(honest))
        self._note(hook, changed=said != honest)
        return said

    def apply_to_token(self, realm: Realm, grant: Grant, honest: str) -> str:
        """Do the same with an ID token as text."""
        if self.lie is None or self.lie.token is None or self.victim is None:
            return honest
        said = self.lie.token(self._scene(realm, grant), honest)
        self._note("token", changed=said != honest)
        return said

    def _scene(self, realm: Realm, grant: Grant | None) -> Scene:
        assert self.victim is not None  # noqa: S101 - both callers have asked
        return Scene(realm, grant, self.victim, realm.sibling())

    def _note(self, hook: str, *, changed: bool) -> None:
        if changed and self.told is not None:
            self.told.append(hook)
