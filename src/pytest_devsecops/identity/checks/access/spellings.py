"""Operations that were refused, asked for in another spelling: another path, another method, a header that says either.

A guard in front of an application (a middleware, a proxy) compares the request with what it knows; the router
behind it may be more lenient. Whatever is reached is judged by what is seen and changed, as everywhere here.

WSTG-ATHZ-02, WSTG-CONF-06, WSTG-INPV-03; CWE-178, CWE-288, CWE-647; RFC 3986, section 6.2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_devsecops.identity.checks.access.answers import holds, is_success, says_what
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.checks.access.spelled import SPELLINGS, Spelling
from pytest_devsecops.identity.errors import IdentityError, UnreachableError
from pytest_devsecops.identity.inventory.paths import shape
from pytest_devsecops.identity.section import ANONYMOUS
from pytest_devsecops.identity.target import Operation

RULE = "reached-by-another-spelling"
_FUNCTION = "asvs:v5.0.0-8.2.1"
_THROTTLED = 429
#: What was refused in these ways is refused already; another spelling of it is no news.
_REACHED = ("function-reached", "foreign-object")
#: Addresses that no application has.
_NOWHERE = Spelling("nowhere", path=lambda path: f"{path.rstrip('/')}-nowhere")

#: Tells whether what was sent reached the operation, from what came back.
Judge = Callable[[Sequence[Outcome]], bool]


def examine_spellings(people: People, ledger: Ledger, inventory: Sequence[Operation]) -> tuple[int, list[str]]:
    """Try what was refused in other spellings.

    Args:
        people: who takes part.
        ledger: where it is noted; only operations that it knows to work are tried.
        inventory: every operation that the application has: what is an operation of its own is no spelling of another.

    Returns:
        How many requests were judged, and the operations of which nothing shows what they did.
    """
    tried, silent = 0, []
    for row in people.rows:
        if str(row.operation) not in ledger.oracles:
            continue
        if row.writes and ledger.oracles[str(row.operation)] == "answer":
            silent.append(str(row.operation))
            continue
        for kind in (kind for kind, scope in row.cells.items() if scope == "none"):
            subject = f"{row.operation} for {kind}"
            if any(one.subject == subject and one.rule in _REACHED for one in ledger.findings):
                continue
            try:
                tried += _Cell(people, ledger, row, kind).examine(_spellings(row, people.rows, inventory))
            except IdentityError as error:
                ledger.unknown(row, "control-failed", str(error), error.remedy)
    return tried, silent


def _spellings(row: Row, rows: Sequence[Row], inventory: Sequence[Operation]) -> list[Spelling]:
    """Return the spellings that are no operation of their own."""
    operations = [*inventory, *(one.operation for one in rows)]
    others = {(one.method, shape(one.path)) for one in operations}
    methods = {method for method, path in others if path == shape(row.operation.path)}
    paths = {one.path for one in operations if shape(one.path) != shape(row.operation.path)}
    return [
        spelling
        for spelling in SPELLINGS
        if spelling.fits(row.operation)
        and (not spelling.method or spelling.method not in methods)
        and spelling.path(row.operation.path) not in paths - {"/"}
        and not (row.writes and spelling.elsewhere and (row.operation.method, "/") in others)
    ]


@dataclass(slots=True)
class _Cell:
    """One persona who may not use one operation."""

    people: People
    ledger: Ledger
    row: Row
    kind: str

    def examine(self, spellings: Sequence[Spelling]) -> int:
        reached = self._written(spellings) if self.row.writes else self._read(spellings)
        self.ledger.exercised.add(_FUNCTION)
        for spelling, outcome, things in reached:
            actor = self.people.actor(self.kind)
            message = f"is refused, and reaches it with {spelling.name}"
            self.ledger.violated(RULE, self.row, actor, message, outcome, things)
            break
        self.ledger.attempts += len(spellings)
        return len(spellings)

    def _read(self, spellings: Sequence[Spelling]) -> Iterator[tuple[Spelling, Outcome, list[Thing]]]:
        people, row = self.people, self.row
        ids, things, owner = self._about()
        friend = people.actor(self._friend(), "first") if owner is None else owner
        granted = people.call(row, friend, ids).answer
        shows = row.payload.shows
        if not (shows and holds(granted, shows)) and not is_success(granted):
            return
        actor = people.actor(self.kind)
        plain = people.call(row, actor, ids)
        refused = plain.answer
        nowhere = self._send(_NOWHERE, actor, ids)
        elsewhere = [one for one in (self._send(_at_root(), actor, ids), nowhere) if one is not None]
        seen = [one for one in things if holds(granted, one.canary) and one.owner.persona is not actor.persona]
        markers = [one.canary for one in people.things]
        markers += [one.owner.persona.marker for one in people.things if one.owner.persona]

        def shown(answer: Any) -> bool:  # noqa: ANN401 - a response
            if shows:
                return holds(answer, shows)
            if seen:
                return any(holds(answer, one.canary) for one in seen)
            return is_success(answer) and says_what(answer, granted, refused, markers)

        if shown(refused) or any(shown(one.answer) for one in elsewhere):
            return  # what is seen there is seen anywhere
        for spelling, outcome in self._volley(spellings, actor, ids):
            if shown(outcome.answer):
                yield spelling, outcome, seen[:1]

    def _written(self, spellings: Sequence[Spelling]) -> Iterator[tuple[Spelling, Outcome, list[Thing]]]:
        """Send all of them at once; only if something has changed, find out which it was."""
        if not self._is_changed(spellings)[0]:
            return
        for spelling in spellings:
            changed, outcomes, things = self._is_changed([spelling])
            if changed:
                yield spelling, outcomes[0], things

    def _is_changed(self, spellings: Sequence[Spelling]) -> tuple[bool, list[Outcome], list[Thing]]:
        people, observe = self.people, self.row.payload.observe
        ids, things, _ = self._about()
        things = things if ids else []
        actor = people.actor(self.kind)
        state: Any = observe() if observe is not None else [people.snapshot(thing) for thing in things]
        outcomes = [outcome for _, outcome in self._volley(spellings, actor, ids)]
        if observe is not None:
            return state != observe(), outcomes, things
        if things:
            later = [people.snapshot(thing) for thing in things]
            return any(one.changes(other) for one, other in zip(state, later, strict=True)), outcomes, things
        return self._is_listed([one.canary for one in outcomes]), outcomes, []

    def _is_listed(self, canaries: Sequence[str]) -> bool:
        """Tell whether one of the markers that were sent is shown to those who see everything, or to the sender."""
        for row in self.people.rows:
            if row.writes or "{" in row.operation.path:
                continue
            for kind, scope in row.cells.items():
                if kind != ANONYMOUS and (scope == "all" or (scope != "none" and kind == self.kind)):
                    answer = self.people.call(row, self.people.actor(kind), {}).answer
                    if any(holds(answer, canary) for canary in canaries):
                        return True
        return False

    def _about(self) -> tuple[dict[str, Any], list[Thing], Actor | None]:
        """Return the ids of the call, what it is about, and who may see it."""
        people, row = self.people, self.row
        parameters = people.parameters(row)
        if not parameters:
            return {}, people.things, None
        friend = self._friend()
        owners = people.owners(next(iter(parameters.values())))
        owner = people.actor(owners[0], "peer") if row.cells[friend] == "all" else people.actor(friend, "peer")
        made = {name: people.make(name, owner) for name in dict.fromkeys(parameters.values())}
        ids = {name: made[resource].id for name, resource in parameters.items()}
        return ids, list(made.values()), people.actor(friend) if row.cells[friend] == "all" else owner

    def _friend(self) -> str:
        """Return a kind that may use the operation, somebody with a login if there is one."""
        kinds = self.row.granted()
        return next((kind for kind in kinds if kind != ANONYMOUS), kinds[0])

    def _volley(
        self, spellings: Sequence[Spelling], actor: Actor, ids: dict[str, Any]
    ) -> Iterator[tuple[Spelling, Outcome]]:
        people = self.people
        reset = people.live.target.hooks.reset
        for number, spelling in enumerate(spellings):
            outcome = self._send(spelling, actor, ids)
            if outcome is not None and outcome.exchange.response.status == _THROTTLED and reset is not None:
                reset()
                outcome = self._send(spelling, actor, ids)
            if outcome is None:
                continue
            if outcome.exchange.response.status == _THROTTLED:
                message = f"answered 429 to {self.kind} after {number} of {len(spellings)} other spellings"
                self.ledger.unknown(self.row, "throttled", message, "pass reset=…, which clears throttles")
                return
            yield spelling, outcome
        if actor.persona is not None and not people.live.is_logged_in(actor.browser, actor.persona):
            # One of them ended the session, so those after it were sent by nobody.
            for spelling in spellings:
                outcome = self._send(spelling, people.ready(actor), ids)
                if outcome is not None:
                    yield spelling, outcome

    def _send(self, spelling: Spelling, actor: Actor, ids: dict[str, Any]) -> Outcome | None:
        try:
            return self.people.call(self.row, actor, ids, spelled=spelling)
        except UnreachableError:
            return None  # a server may well cut such a request off


def _at_root() -> Spelling:
    """Return the request that carries an address in a header, without that header."""
    return replace(_NOWHERE, path=lambda _path: "/")
