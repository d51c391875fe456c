"""Operations that are about no single object: lists, forms that create something, functions."""

from __future__ import annotations

from typing import Any

from pytest_devsecops.identity.checks.access.answers import holds, is_answer, is_success, says_what
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.section import ANONYMOUS

_FUNCTION, _OBJECT, _TENANT = "asvs:v5.0.0-8.2.1", "asvs:v5.0.0-8.2.2", "asvs:v5.0.0-8.4.1"
#: A shorter id may well be a number that stands there for another reason.
_TELLING = 8
#: Neither an error nor a refusal.
_FINE = range(200, 400)


class ListAccess:
    """Examines one reading operation without parameters.

    Args:
        people: who takes part.
        ledger: where it is noted.
        row: the operation.
    """

    def __init__(self, people: People, ledger: Ledger, row: Row) -> None:
        self._people = people
        self._ledger = ledger
        self._row = row
        self._things = self._world()

    def examine(self) -> None:
        """See what everybody gets to see, and compare it with the matrix."""
        row, ledger = self._row, self._ledger
        answers = {kind: self._answer(kind) for kind in row.granted()}
        good = [kind for kind, one in answers.items() if self._is_granted(one.answer)]
        if not good:
            seen = ", ".join(f"{kind} gets {one.exchange.response.status}" for kind, one in answers.items())
            ledger.unknown(row, "control-failed", f"it works for nobody who may use it ({seen})", "correct the matrix")
            return
        seen_canary = any(holds(answers[kind].answer, thing.canary) for kind in good for thing in self._things)
        ledger.oracles[str(row.operation)] = "canary" if seen_canary else "answer"
        for kind, scope in row.cells.items():
            ledger.cells += 1
            ledger.attempts += 1
            if scope == "none":
                self._judge_none(self._people.actor(kind), [answers[one] for one in good])
            elif kind not in good:
                ledger.refused(row, kind, answers[kind])
            else:
                self._judge_scope(self._people.actor(kind), scope, answers[kind])
        if not self._is_granted(self._answer(good[0]).answer):
            ledger.unknown(row, "control-failed", f"it worked for {good[0]} before and does not afterwards")

    def _world(self) -> list[Thing]:
        """Let everybody who can own something have one of each, and a second person as well."""
        return [
            self._people.make(name, self._people.actor(kind, part))
            for name in self._people.live.target.resources
            for kind in self._people.owners(name)
            for part in ("first", "peer")
        ]

    def _answer(self, kind: str) -> Outcome:
        return self._people.call(self._row, self._people.actor(kind), {})

    def _is_granted(self, answer: Response) -> bool:
        shown = self._row.payload.shows
        if shown:
            return holds(answer, shown)
        return (
            self._reveals(answer)
            or (is_success(answer) and is_answer(answer, self._people.refusal))
            or (self._is_public and answer.status in _FINE)
        )

    @property
    def _is_public(self) -> bool:
        return all(scope == "all" for scope in self._row.cells.values())

    def _reveals(self, answer: Response) -> bool:
        return any(_is_shown(answer, thing) for thing in self._things)

    def _judge_none(self, actor: Actor, granted: list[Outcome]) -> None:
        self._ledger.exercised.add(_FUNCTION)
        outcome = self._people.call(self._row, actor, {})
        shown = [thing for thing in self._things if holds(outcome.answer, thing.canary)]
        telling = self._row.payload.shows
        markers = [thing.canary for thing in self._things] + self._names()
        if shown:
            self._violated("function-reached", actor, f"sees what belongs to {shown[0].owner.name}", outcome, shown)
        elif telling and holds(outcome.answer, telling):
            self._violated("function-reached", actor, f"sees {telling!r}", outcome, [])
        elif is_success(outcome.answer) and any(
            says_what(outcome.answer, one.answer, self._refusal(), markers) for one in granted
        ):
            self._violated("function-reached", actor, "gets the same answer as those who may use it", outcome, [])
        else:
            self._ledger.crashed(self._row, actor, outcome)

    def _judge_scope(self, actor: Actor, scope: str, outcome: Outcome) -> None:
        if scope == "all":
            return
        self._ledger.exercised.add(_OBJECT if scope == "own" else _TENANT)
        people = self._people
        mine = [thing for thing in self._things if thing.owner is actor]
        rule, foreign = "foreign-object", [thing for thing in self._things if thing.owner is not actor]
        if scope == "tenant":
            home = people.tenant(actor)
            rule, foreign = "other-tenant", [thing for thing in foreign if people.tenant(thing.owner) != home]
            if home is None or not foreign:
                self._ledger.unknown(
                    self._row,
                    "no-other-tenant",
                    f"no persona is of another tenant than {actor.name}",
                    "give personas a tenant in their data, and a second one with another",
                )
                return
        leaked = [thing for thing in foreign if holds(outcome.answer, thing.canary)]
        if leaked:
            self._violated(rule, actor, f"is also shown what belongs to {leaked[0].owner.name}", outcome, leaked)
        elif not any(_is_shown(outcome.answer, thing) for thing in mine) and not self._shows_itself(actor, outcome):
            self._ledger.unknown(
                self._row,
                "no-oracle",
                f"it shows {actor.name} nothing of its own, so nothing of others could be told either",
                "let Resource(create=…) put the canary where the operation shows it, or grant all or none",
            )

    def _refusal(self) -> Response:
        """Return what an anonymous caller gets here, if that is a refusal."""
        if self._row.cells.get(ANONYMOUS) != "none":
            return self._people.refused
        answer = self._answer(ANONYMOUS).answer
        return self._people.refused if answer.location else answer

    def _shows_itself(self, actor: Actor, outcome: Outcome) -> bool:
        return actor.persona is not None and holds(outcome.answer, actor.persona.marker)

    def _names(self) -> list[str]:
        return list(dict.fromkeys(one.owner.persona.marker for one in self._things if one.owner.persona))

    def _violated(self, rule: str, actor: Actor, message: str, outcome: Outcome, things: list[Thing]) -> None:
        self._ledger.violated(rule, self._row, actor, message, outcome, things)


class FunctionAccess:
    """Examines one writing operation without parameters: what it does is looked for wherever it can be seen.

    Args:
        people: who takes part.
        ledger: where it is noted.
        row: the operation.
    """

    def __init__(self, people: People, ledger: Ledger, row: Row) -> None:
        self._people = people
        self._ledger = ledger
        self._row = row
        #: Kinds and operations that show the marker which a call that worked had sent.
        self._witnesses: list[tuple[str, Row]] = []

    def examine(self) -> None:
        """Run the known-good cases, every forbidden case, and a known-good one again."""
        row, ledger = self._row, self._ledger
        results = {kind: self._attempt(kind) for kind in row.granted()}
        good = {kind: one for kind, one in results.items() if self._is_granted(one)}
        if not good:
            seen = ", ".join(f"{kind} gets {one.exchange.response.status}" for kind, (one, _) in results.items())
            fix = "pass payloads={'…': Payload(…)} with what the operation needs, or ignore it with the reason"
            ledger.unknown(row, "control-failed", f"it works for nobody who may use it ({seen})", fix)
            return
        self._find_witnesses(next(iter(good)))
        ledger.oracles[str(row.operation)] = (
            "observed" if row.payload.observe else "read-back" if self._witnesses else "answer"
        )
        for kind, scope in row.cells.items():
            ledger.cells += 1
            ledger.attempts += 1
            if scope == "none":
                self._judge(kind, [one.answer for one, _ in good.values()])
            elif kind not in good:
                ledger.refused(row, kind, results[kind][0])
        if not self._is_granted(self._attempt(next(iter(good)))):
            ledger.unknown(row, "control-failed", f"it worked for {next(iter(good))} before and does not afterwards")

    def _attempt(self, kind: str) -> tuple[Outcome, bool]:
        """Call it; tells whether the observed state changed."""
        observe = self._row.payload.observe
        before: Any = observe() if observe is not None else None
        outcome = self._people.call(self._row, self._people.actor(kind), {})
        return outcome, observe is not None and before != observe()

    def _is_granted(self, attempt: tuple[Outcome, bool]) -> bool:
        if self._row.payload.observe is not None:
            return attempt[1]
        return is_answer(attempt[0].answer, self._people.refusal) and (
            attempt[0].answer.status in _FINE or self._is_public
        )

    @property
    def _is_public(self) -> bool:
        return all(scope == "all" for scope in self._row.cells.values())

    def _find_witnesses(self, kind: str) -> None:
        outcome, _ = self._attempt(kind)
        for row in self._people.rows:
            if row.writes or "{" in row.operation.path:
                continue
            for seer in row.granted():
                if seer != ANONYMOUS and self._sees(seer, row, outcome.canary):
                    self._witnesses.append((seer, row))

    def _sees(self, kind: str, row: Row, canary: str) -> bool:
        return holds(self._people.call(row, self._people.actor(kind), {}).answer, canary)

    def _judge(self, kind: str, granted: list[Response]) -> None:
        ledger, row = self._ledger, self._row
        ledger.exercised.add(_FUNCTION)
        outcome, changed = self._attempt(kind)
        actor = self._people.actor(kind)
        seers = [(seer, where) for seer, where in self._witnesses if where.cells[seer] == "all" or seer == kind]
        if changed or any(self._sees(seer, where, outcome.canary) for seer, where in seers):
            ledger.violated("function-reached", row, actor, "does what it may not do", outcome, [])
        elif ledger.crashed(row, actor, outcome) or row.payload.observe or seers:
            return
        elif outcome.answer.status in _FINE and any(
            says_what(outcome.answer, one, self._people.refusal, [outcome.canary]) for one in granted
        ):
            ledger.unknown(
                row,
                "no-oracle",
                f"{kind} gets the same answer as those who may use it, and nothing shows whether anything was done",
                "pass payloads={'…': Payload(observe=…)}, which reads what the operation changes",
            )


def _is_shown(answer: Response, thing: Thing) -> bool:
    """Tell whether an answer shows something, by its marker or by an id that cannot be there by chance."""
    return holds(answer, thing.canary) or (len(str(thing.id)) >= _TELLING and holds(answer, str(thing.id)))
