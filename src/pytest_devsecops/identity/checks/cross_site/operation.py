"""One operation that changes something, called as a page of another site can, judged by what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Credential, Exchange
from pytest_devsecops.identity.checks.access.answers import Snapshot, holds, is_answer, same_answer, says_what
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing, new_canary
from pytest_devsecops.identity.checks.cross_site.reading import lets_send, origins
from pytest_devsecops.identity.checks.cross_site.ways import WAYS, Sent, Site, Wish, headers
from pytest_devsecops.identity.inventory.paths import shape
from pytest_devsecops.identity.payload import CANARY, NO_PAYLOAD, fill
from pytest_devsecops.identity.section import ANONYMOUS

_FINE = range(200, 400)
#: The framework has the path, and not for this method (RFC 9110, sections 15.5.6 and 15.6.2).
_ABSENT = {405, 501}


@dataclass(frozen=True, slots=True)
class Breach:
    """A way that worked.

    Attributes:
        way: how, as a finding says it.
        exchange: the request and the answer.
    """

    way: str
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class _Try:
    exchange: Exchange
    canary: str
    changed: bool


class Abuse:
    """Examines one operation.

    Args:
        people: who takes part.
        row: the operation.
        site: the attacker's.
        tokens: what the attacker got for themselves, by field.
        guessed: whether nobody said that the path takes this method.
    """

    def __init__(self, people: People, row: Row, site: Site, tokens: Mapping[str, str], *, guessed: bool) -> None:
        self._people = people
        self._row = row
        self._site = site
        self._tokens = tokens
        self._guessed = guessed
        self._parameters = people.parameters(row)
        self._witnesses: list[Row] = []
        self._kind = ""
        self.attempts = 0
        #: The ways that fitted.
        self.tried: set[str] = set()
        #: How it was seen whether something changed.
        self.oracle = ""
        #: Why it could not be judged.
        self.trouble = ""
        self.fix = ""

    def examine(self) -> list[Breach]:
        """Find somebody for whom it works, abuse their browser in every way, and see that it still works."""
        good = self._known_good()
        if good is None or self._only_reads(good) or self._works_for_anybody():
            return []
        breaches, silent = [], ""
        for way, build in WAYS.items():
            tried = self._attack(lambda wish, build=build: build(wish))
            breaches += [Breach(way, tried.exchange)] if tried and tried.changed else []
            self.tried |= {way} if tried else set()
            if tried and not (self._has("GET") and tried.exchange.request.method == "GET"):
                silent = silent or (way if self._looks_granted(tried, good) else "")
        breaches += self._asked_first()
        if breaches:
            return breaches
        if silent and self.oracle == "answer":
            self.trouble = f"{silent} gets the same answer as the application's own page, and nothing shows what it did"
            self.fix = "pass payloads={'…': Payload(observe=…)}, which reads what the operation changes"
        elif not self._works(self._call(self._kind)):
            self.trouble = f"it worked for {self._kind} before the attacks and does not after them"
        return []

    def _known_good(self) -> _Try | None:
        """Call it as the application's own page does; returns None if it works for nobody."""
        statuses = {}
        for kind in self._row.cells:
            tried = self._call(kind)
            self._kind = kind
            self._find_witnesses(tried)
            self.oracle = (
                "observed" if self._row.payload.observe else
                "read-back" if tried.changed else "witness" if self._witnesses else "answer"
            )  # fmt: skip
            if self._works(tried):
                return tried
            statuses[kind] = tried.exchange.response.status
        if self._row.writes and not set(statuses.values()) <= _ABSENT:
            self._explain(statuses)
        return None

    def _explain(self, statuses: Mapping[str, int]) -> None:
        seen = ", ".join(f"{kind} gets {status}" for kind, status in statuses.items())
        if any(status in _FINE for status in statuses.values()):
            self.trouble = f"nothing shows that it did anything ({seen}), so a refusal could not be told either"
            self.fix = "pass payloads={'…': Payload(observe=…)}, or Resource(inspect=…), which reads what it changes"
        else:
            self.trouble = f"it works for nobody ({seen}), so a refusal says nothing"
            self.fix = "pass payloads={'…': Payload(…)} with what it needs, or ignore it with the reason"

    def _works(self, tried: _Try) -> bool:
        if self.oracle in ("observed", "read-back") or not self._row.writes:
            return tried.changed
        if self.oracle == "witness":
            return self._is_seen(tried.canary)
        answer = tried.exchange.response
        if self._parameters:
            return False  # whoever owns something can read it, and it did not change
        return answer.status in _FINE and is_answer(answer, self._people.refusal)

    def _call(self, kind: str) -> _Try:
        actor = self._people.actor(kind)
        things = self._things(actor)
        before = self._state(things)
        outcome: Outcome = self._people.call(self._row, actor, self._ids(things))
        return _Try(outcome.exchange, outcome.canary, _differ(before, self._state(things)))

    def _only_reads(self, good: _Try) -> bool:
        """Tell whether a view that nobody said to take this method answers as it does to a GET."""
        if not self._guessed or not self._row.writes or self.oracle != "answer":
            return False
        actor = self._people.actor(self._kind)
        path = NO_PAYLOAD.address(self._row.operation.path, self._ids(self._things(actor)))
        return same_answer(actor.browser.request("GET", path), good.exchange.response)

    def _works_for_anybody(self) -> bool:
        """Tell whether it needs no login: then nothing is done in anybody's name."""
        things = self._things(self._people.actor(self._kind))
        before = self._state(things)
        outcome = self._people.call(self._row, self._people.actor(ANONYMOUS), self._ids(things))
        if not (_differ(before, self._state(things)) or (self._witnesses and self._is_seen(outcome.canary))):
            return False
        self.oracle = "public"
        return True

    def _attack(self, build: Any) -> _Try | None:  # noqa: ANN401 - one of WAYS
        """Let the page do it; None if the way does not fit the operation."""
        actor = self._people.actor(self._kind)
        things = self._things(actor)
        canary = new_canary()
        sent: Sent | None = build(self._wish(things, canary))
        if sent is None:
            return None
        return self._send(actor, things, canary, sent, headers(sent, self._site, actor.browser))

    def _send(self, actor: Actor, things: list[Thing], canary: str, sent: Sent, given: Any) -> _Try:  # noqa: ANN401 - headers
        self.attempts += 1
        before = self._state(things)
        actor.browser.replay(sent.method, sent.path, Credential(given), body=sent.body)
        exchange = actor.browser.history[-1]
        changed = _differ(before, self._state(things)) or (bool(self._witnesses) and self._is_seen(canary))
        return _Try(exchange, canary, changed)

    def _asked_first(self) -> list[Breach]:
        """Send JSON with its type and the operation's own method where a preflight allows it."""
        if not self._row.writes:
            return []
        actor = self._people.actor(self._kind)
        for origin in origins(actor.browser.base_url, self._site.origin):
            things, canary = self._things(actor), new_canary()
            wish = self._wish(things, canary)
            body, kind = self._own_body(things, canary)
            if lets_send(actor.browser, wish.method, wish.path, origin, kind):
                sent = Sent(wish.method, wish.path, body, kind, navigates=False, origin=origin)
                tried = self._send(actor, things, canary, sent, headers(sent, self._site, actor.browser))
                if tried.changed:
                    return [Breach(f"a script of {origin}, which CORS lets send", tried.exchange)]
        return []

    def _own_body(self, things: list[Thing], canary: str) -> tuple[bytes, str]:
        body, given = self._row.payload.body({**self._ids(things), CANARY: canary}, {}, {})
        return body, next((value for name, value in given if name.lower() == "content-type"), "")

    def _wish(self, things: list[Thing], canary: str) -> Wish:
        payload = self._row.payload
        values = {**self._ids(things), CANARY: canary}
        value = fill(payload.json, values) if payload.json is not None else None
        given = fill(dict(payload.form), values) if payload.form is not None else value
        fields = {name: _text(one) for name, one in given.items()} if isinstance(given, Mapping) else {}
        path = payload.address(self._row.operation.path, values)
        host = urlsplit(self._people.live.target.base_url).netloc
        return Wish(self._row.operation.method, path, value, fields, self._tokens, host, self._has("POST"))

    def _has(self, method: str) -> bool:
        """Tell whether the path takes a method too, as an operation of its own."""
        wanted = (method, shape(self._row.operation.path))
        return any((row.operation.method, shape(row.operation.path)) == wanted for row in self._people.rows)

    def _things(self, actor: Actor) -> list[Thing]:
        """Return what the call is about, all of it the actor's own; without parameters, one of each to watch."""
        names = dict.fromkeys(self._parameters.values())
        if not names and not self._row.payload.observe:
            names = dict.fromkeys(self._people.live.target.resources)
        return [self._people.make(name, actor) for name in names]

    def _ids(self, things: list[Thing]) -> dict[str, Any]:
        by_name = {thing.name: thing.id for thing in things}
        return {name: by_name[resource] for name, resource in self._parameters.items()}

    def _state(self, things: list[Thing]) -> list[Snapshot]:
        observe = self._row.payload.observe
        if observe is not None:
            return [Snapshot(seen=True, values={"observed": observe()})]
        return [self._people.snapshot(thing) for thing in things]

    def _find_witnesses(self, tried: _Try) -> None:
        """Find reading operations that show the marker of a call that worked."""
        readers = [] if not self._row.writes or tried.changed or self._row.payload.observe else self._people.rows
        self._witnesses = [
            row
            for row in readers
            if not row.writes and "{" not in row.operation.path and self._shows(row, tried.canary)
        ]

    def _is_seen(self, canary: str) -> bool:
        return any(self._shows(row, canary) for row in self._witnesses)

    def _shows(self, row: Row, canary: str) -> bool:
        actor = self._people.actor(self._kind)
        return holds(self._people.call(row, actor, {}).answer, canary)

    def _looks_granted(self, tried: _Try, good: _Try) -> bool:
        answer = tried.exchange.response
        markers = [tried.canary, good.canary]
        return answer.status in _FINE and says_what(answer, good.exchange.response, self._people.refusal, markers)


def _differ(before: list[Snapshot], after: list[Snapshot]) -> bool:
    return any(one.changes(other) for one, other in zip(before, after, strict=True))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
