"""The people of an access check, what they own, and how they call an operation."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.checks.access.answers import (
    Snapshot,
    flat,
    of_response,
    same_answer,
    steady,
)
from pytest_devsecops.identity.checks.access.hidden import HiddenFields
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.spelled import Spelling
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import csrf_headers
from pytest_devsecops.identity.http import Headers, Response
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.payload import CANARY, NO_PAYLOAD, names_in_path
from pytest_devsecops.identity.personas import Persona, takes_tenant
from pytest_devsecops.identity.section import ANONYMOUS
from pytest_devsecops.identity.target import Operation

_SUCCESS = range(200, 300)


@dataclass(slots=True, eq=False)
class Actor:
    """Somebody who calls operations.

    Attributes:
        kind: the kind of persona, or ``anonymous``.
        browser: where it is logged in.
        persona: None for an anonymous caller.
    """

    kind: str
    browser: Browser
    persona: Persona | None = None

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return self.kind if self.persona is None else f"{self.kind} {self.persona.username!r}"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that an actor owns.

    Attributes:
        name: the resource's.
        id: its id in the application.
        owner: whose it is.
        canary: the marker in it, which only those may see who may see the thing.
    """

    name: str
    id: Any
    owner: Actor
    canary: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one call.

    Attributes:
        exchange: the request and the answer.
        answer: where redirects led to, for reading; else the answer.
        canary: the marker that was sent with it.
    """

    exchange: Exchange
    answer: Response
    canary: str


def new_canary() -> str:
    """Return a text that is nowhere else; plain enough for any field."""
    return f"canary{secrets.token_hex(6)}"


class People:
    """Makes and remembers who takes part.

    Args:
        live: the open target.
        rows: the matrix.
    """

    def __init__(self, live: Live, rows: Sequence[Row]) -> None:
        self.live = live
        self.rows = rows
        self.things: list[Thing] = []
        self._actors: dict[tuple[str, str], Actor] = {}
        #: Markers of things that the suite has read from the store.
        self._readable: set[str] = set()
        whoami = live.target.whoami
        if whoami is None:
            raise FlowError("the target has no whoami", remedy="pass whoami='/me': a page that shows who is logged in")
        pages = {row.payload.page for row in rows if row.payload.page and "{" not in row.payload.page}
        self._hidden = HiddenFields((whoami.path, *sorted(pages)))
        self.refusal = live.browser().request(whoami.method, whoami.path)
        #: What a person sees who is refused: the page that the refusal leads to.
        self.refused = live.browser().request(whoami.method, whoami.path, follow=True)

    def actor(self, kind: str, part: str = "first") -> Actor:
        """Return the actor of a kind for a part: ``first``, ``peer``, ``mate`` or ``stranger``."""
        if kind == ANONYMOUS:
            return Actor(kind, self.live.browser())
        key = (kind, part)
        if key not in self._actors:
            tenant = self.tenant(self.actor(kind)) if part == "mate" else None
            persona = self.live.persona(kind, fresh=True, tenant=tenant)
            self._actors[key] = Actor(kind, self.live.log_in(persona), persona)
        return self.ready(self._actors[key])

    def mate(self, kind: str) -> Actor | None:
        """Return a second persona of the first one's tenant, or None if the factory takes no tenant."""
        first = self.tenant(self.actor(kind))
        peer = self.actor(kind, "peer")
        if first is not None and self.tenant(peer) == first:
            return peer
        return self.actor(kind, "mate") if takes_tenant(self.live.target.personas[kind]) else None

    def stranger(self, kind: str, owners: list[str]) -> Actor | None:
        """Return an owner of another tenant, or None if there is none."""
        mine = self.tenant(self.actor(kind))
        for other in owners:
            for part in ("peer", "stranger"):
                found = self.actor(other, part)
                if self.tenant(found) not in (None, mine):
                    return found
        return None

    @staticmethod
    def tenant(actor: Actor) -> Any:  # noqa: ANN401 - whatever names a tenant
        """Return the tenant that an actor belongs to, or None if it is not known."""
        return actor.persona.data.get("tenant") if actor.persona else None

    def ready(self, actor: Actor) -> Actor:
        """Log an actor in again if the last operation logged it out; one that is gone is replaced."""
        if actor.persona is None or self.live.is_logged_in(actor.browser, actor.persona):
            return actor
        try:
            actor.browser = self.live.log_in(actor.persona)
        except FlowError:
            actor.persona = self.live.persona(actor.kind, fresh=True, tenant=self.wished_tenant(actor))
            actor.browser = self.live.log_in(actor.persona)
        return actor

    def wished_tenant(self, actor: Actor) -> Any:  # noqa: ANN401 - whatever names a tenant
        """Return the actor's tenant if its factory can make somebody of it."""
        return self.tenant(actor) if takes_tenant(self.live.target.personas[actor.kind]) else None

    def parameters(self, row: Row) -> dict[str, str]:
        """Return the resources that an operation is about, by placeholder.

        Raises:
            FlowError: if a parameter of its path stands for nothing that the target knows.
        """
        found = {}
        for name in names_in_path(row.operation.path):
            resource = self.resource_of(name, row.operation.path)
            if resource is None:
                raise FlowError(
                    f"the target has no resource for {{{name}}} of {row.operation}",
                    remedy=f"pass resources={{'{name}': Resource(create=…, read=…)}}, or ignore it with the reason",
                )
            found[name] = resource
        more = {name: self.resource_of(name, row.operation.path) for name in row.payload.names()}
        return {**{name: resource for name, resource in more.items() if resource}, **found}

    def owners(self, resource: str) -> list[str]:
        """Return the kinds of persona that can own a resource: those that have a scope on it."""
        scoped: list[str] = []
        anywhere: list[str] = []
        for row in self.rows:
            kinds = [kind for kind, scope in row.cells.items() if scope in ("own", "tenant")]
            anywhere += kinds
            paths = names_in_path(row.operation.path)
            if any(self.resource_of(name, row.operation.path) == resource for name in paths):
                scoped += kinds
        return list(dict.fromkeys(scoped or anywhere)) or list(self.live.target.personas)[:1]

    def make(self, name: str, owner: Actor) -> Thing:
        """Create something that ``owner`` owns, and see that it is there.

        Raises:
            FlowError: if the suite's factory fails, or the owner cannot read it.
        """
        if owner.persona is None:
            raise FlowError("an anonymous caller owns nothing")
        canary = new_canary()
        try:
            identity = self.live.target.resources[name].create(owner.persona, canary)
        except Exception as error:  # the suite's own code: whatever it raises, nothing is known
            raise FlowError(
                f"create of the resource {name!r} failed for {owner.name}: {type(error).__name__}: {error}",
                remedy=f"repair Resource(create=…) of {name!r}",
            ) from error
        thing = Thing(name, identity, owner, canary)
        self.things.append(thing)
        return thing

    def snapshot(self, thing: Thing) -> Snapshot:
        """Read something as its owner, twice, and leave out what differs by itself."""
        first, second = self._read(thing), self._read(thing)
        if first is None or second is None:
            return Snapshot(seen=False, values={})
        return Snapshot(seen=True, values=second, volatile=steady(first, second))

    def _read(self, thing: Thing) -> dict[str, Any] | None:
        resource = self.live.target.resources[thing.name]
        values: dict[str, Any] = {}
        if resource.inspect is not None:
            values = {f"store{key}": value for key, value in flat(self._inspected(thing, resource.inspect)).items()}
        response = self.reading(thing)
        if response.status not in _SUCCESS:
            return values or None
        return {**values, **of_response(response)}

    def _inspected(self, thing: Thing, inspect: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - what the hook reads
        """Return what the suite reads from the store; of what was there before, an error says that it is gone.

        Raises:
            FlowError: if it cannot even be read before anything happened to it.
        """
        try:
            value = inspect(thing.id)
        except Exception as error:  # the suite's own code, such as a query for exactly one row
            if thing.canary in self._readable:
                return {"raises": type(error).__name__}
            raise FlowError(
                f"inspect of the resource {thing.name!r} failed: {type(error).__name__}: {error}",
                remedy=f"repair Resource(inspect=…) of {thing.name!r}",
            ) from error
        self._readable.add(thing.canary)
        return value

    def reading(self, thing: Thing) -> Response:
        """Return what the application shows its owner of something."""
        operation = Operation.parse(self.live.target.resources[thing.name].read)
        owner = self.ready(thing.owner)
        ids = self._ids_around(thing, operation)
        return owner.browser.request(operation.method, NO_PAYLOAD.address(operation.path, ids), follow=True)

    def _ids_around(self, thing: Thing, operation: Operation) -> dict[str, Any]:
        """Return the ids of a path: the thing's, and those of what else its owner has."""
        ids = {}
        for name in names_in_path(operation.path):
            resource = self.resource_of(name, operation.path) or thing.name
            others = [one for one in self.things if one.name == resource and one.owner is thing.owner]
            ids[name] = thing.id if resource == thing.name or not others else others[-1].id
        return ids

    def resource_of(self, parameter: str, path: str) -> str | None:
        """Return the name of the resource that a parameter stands for.

        ``order``, ``order_id``, ``orderId`` and ``order_pk`` are orders; so is ``id`` behind ``/orders/``.
        """
        known = self.live.target.resources
        plain = parameter.removesuffix("Id")
        for suffix in ("_id", "_pk", "_uuid", "_slug", "_key"):
            plain = plain.removesuffix(suffix)
        before = path.partition("{" + parameter)[0].rstrip("/").rpartition("/")[2]
        for name in (parameter, plain, before.removesuffix("s"), before):
            if name in known:
                return name
        return None

    def call(
        self,
        row: Row,
        actor: Actor,
        ids: Mapping[str, Any],
        more: Mapping[str, Any] | None = None,
        *,
        spelled: Spelling | None = None,
    ) -> Outcome:
        """Let an actor call an operation.

        Args:
            row: the operation.
            actor: who calls.
            ids: what its placeholders stand for.
            more: fields to add to the body.
            spelled: another spelling of the request.
        """
        canary = new_canary()
        values = {**ids, CANARY: canary}
        payload, browser = row.payload, actor.browser
        hidden = self._hidden.of(browser, row, values) if payload.page else {}
        body, headers = payload.body(values, hidden, more or {})
        tokens = csrf_headers(browser) if row.writes or spelled else ()
        method, path = row.operation.method, payload.address(row.operation.path, values)
        said: Headers = ()
        if spelled is not None:
            method, path, said = spelled.of(method, path)
            path = browser.base_url.rstrip("/") + path  # absolute, since a path may begin with two slashes
        sent = len(browser.history)
        extra = (*headers, *tokens, *payload.filled_headers(values), *said)
        answer = browser.request(method, path, headers=extra, body=body, follow=not row.writes)
        exchange = browser.history[sent]
        return Outcome(exchange, exchange.response if self._is_turned_away(row, exchange, answer) else answer, canary)

    def _is_turned_away(self, row: Row, first: Exchange, last: Response) -> bool:
        """Tell whether redirects led to where those go who are not logged in: that page is no answer."""
        if not first.response.location:
            return False
        if self.refusal.location and urlsplit(last.url)[:3] == urlsplit(self.refused.url)[:3]:
            return True
        asked, led = (urlsplit(one).path.rstrip("/") for one in (first.request.url, last.url))
        if row.writes or row.cells.get(ANONYMOUS) != "none" or led.endswith(asked):
            return False
        # Pages may have a login of their own, which somebody with a token does not have.
        nobody = self.live.browser().get(first.request.url, follow=True)
        return urlsplit(nobody.url).path.rstrip("/") == led and same_answer(nobody, last)
