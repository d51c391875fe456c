"""Operations on one object: who reaches whose (ids swapped between owners)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_devsecops.identity.checks.access.answers import Snapshot, holds, is_answer, is_success, says_what
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.payload import fill

#: What an operation is about, by resource.
Bundle = dict[str, Thing]

_OBJECT, _FUNCTION, _TENANT = "asvs:v5.0.0-8.2.2", "asvs:v5.0.0-8.2.1", "asvs:v5.0.0-8.4.1"
_NO_EFFECT = (
    "the operation works for those who may use it, and what the owner reads is the same before and after, so a "
    "forbidden call could not be told from a refused one"
)
_OBSERVE = (
    "pass Resource(inspect=…) or payloads={'…': Payload(observe=…)}, which reads what it changes, or Payload(shows=…) "
    "with what only those see who may use it"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call and the state around it."""

    outcome: Outcome
    bundle: Bundle
    changed: bool


class ObjectAccess:
    """Examines one operation that is about one or more objects.

    Args:
        people: who takes part.
        ledger: where it is noted.
        row: the operation.
    """

    def __init__(self, people: People, ledger: Ledger, row: Row) -> None:
        self._people = people
        self._ledger = ledger
        self._row = row
        self._parameters = people.parameters(row)
        self._resources = list(dict.fromkeys(self._parameters.values()))
        #: An answer that was granted, if the operation shows no canary.
        self._reference: Response | None = None

    def examine(self) -> None:
        """Run the known-good cases, every forbidden case, and a known-good one again."""
        row, ledger = self._row, self._ledger
        works = self._known_good()
        if works is None:
            return
        for kind, scope in row.cells.items():
            ledger.cells += 1
            actor = self._people.actor(kind)
            for rule, bundle, aimed in self._forbidden(actor, scope):
                self._attack(rule, actor, bundle, aimed)
        again = self._first_granted(works)
        if not self._is_granted(again):
            fix = "let Resource(create=…) make something new at each call, or pass reset=… if something throttles"
            message = f"it worked for {works} before the attacks and does not after them"
            ledger.unknown(row, "control-failed", message, fix)

    def _known_good(self) -> str | None:
        """Return a kind that the operation works for as the matrix says; None if nothing can be judged."""
        row, ledger = self._row, self._ledger
        results: dict[str, Attempt] = {}
        for kind in row.granted():
            results[kind] = self._first_granted(kind)
            mate = self._mates_bundle(kind) if row.cells[kind] == "tenant" else None
            if mate is not None:
                shared = self._attempt(self._people.actor(kind), mate)
                if not self._is_granted(shared) and self._is_granted(results[kind]):
                    results[kind] = shared
        if not row.writes and not any(self._shows(one) for one in results.values()):
            found = next((one for one in results.values() if self._is_granted(one)), None)
            self._reference = found.outcome.answer if found else None
        good = [kind for kind, one in results.items() if self._is_granted(one)]
        if not good:
            self._explain(results)
            return None
        ledger.oracles[str(row.operation)] = self._oracle([results[kind] for kind in good])
        for kind, one in results.items():
            ledger.attempts += 1
            if kind not in good:
                ledger.refused(row, kind, one.outcome)
        return good[0]

    def _oracle(self, granted: list[Attempt]) -> str:
        """Return what tells a call that worked from one that did not."""
        if self._row.payload.shows:
            return "shown text"
        if self._row.writes:
            return "read-back" if any(one.changed for one in granted) else "canary"
        return "canary" if self._reference is None else "answer"

    def _explain(self, results: dict[str, Attempt]) -> None:
        row, ledger = self._row, self._ledger
        if row.writes and any(
            is_answer(one.outcome.answer, self._people.refusal) and _ok(one) for one in results.values()
        ):
            ledger.unknown(row, "no-oracle", _NO_EFFECT, _OBSERVE)
            return
        seen = ", ".join(f"{kind} gets {one.outcome.exchange.response.status}" for kind, one in results.items())
        fix = "correct the resource's factory, or pass payloads={'…': Payload(…)} with what the operation needs"
        ledger.unknown(row, "control-failed", f"it works for nobody who may use it ({seen})", fix)

    def _forbidden(self, actor: Actor, scope: str) -> Iterator[tuple[str, Bundle, list[Thing]]]:
        """Yield rule, what the call is about, and which of it is not the actor's, for every forbidden case."""
        if scope == "all":
            return
        if scope == "tenant":
            self._ledger.exercised.add(_TENANT)
            stranger = self._people.stranger(actor.kind, self._people.owners(self._resources[0]))
            if stranger is None:
                fix = "give personas a tenant in their data, and a second one with another"
                self._ledger.unknown(
                    self._row, "no-other-tenant", f"no persona is of another tenant than {actor.name}", fix
                )
                return
            yield from self._swaps("other-tenant", actor, stranger)
            return
        self._ledger.exercised.add(_OBJECT if scope == "own" else _FUNCTION)
        rule = "foreign-object" if scope == "own" else "function-reached"
        for victim in self._victims(actor):
            yield from self._swaps(rule, actor, victim)
        if scope == "none" and self._can_own(actor):
            bundle = self._bundle(actor)
            yield rule, bundle, list(bundle.values())

    def _victims(self, actor: Actor) -> list[Actor]:
        kinds = self._people.owners(self._resources[0])
        found = [self._people.actor(actor.kind, "peer")] if self._can_own(actor) else []
        # Never those who attack: what they own may be their own account, which a call that works changes.
        return found + [self._people.actor(kind, "peer") for kind in kinds if kind != actor.kind]

    def _swaps(self, rule: str, actor: Actor, victim: Actor) -> Iterator[tuple[str, Bundle, list[Thing]]]:
        """Yield the call with every id the victim's, and with each one alone among the actor's own."""
        theirs = self._bundle(victim)
        yield rule, theirs, list(theirs.values())
        if len(self._resources) > 1 and self._can_own(actor):
            for name in self._resources:
                target = self._bundle(victim)[name]
                yield rule, {**self._bundle(actor), name: target}, [target]

    def _attack(self, rule: str, actor: Actor, bundle: Bundle, aimed: list[Thing]) -> None:
        ledger, row = self._ledger, self._row
        ledger.attempts += 1
        actor = self._people.ready(actor)
        attempt = self._attempt(actor, bundle, aimed)
        leaked = [thing for thing in aimed if holds(attempt.outcome.answer, thing.canary)]
        if attempt.changed:
            ledger.violated(rule, row, actor, f"changes what belongs to {aimed[0].owner.name}", attempt.outcome, aimed)
        elif leaked:
            ledger.violated(rule, row, actor, f"sees what belongs to {leaked[0].owner.name}", attempt.outcome, leaked)
        elif row.payload.shows:
            if self._tells(attempt):
                ledger.violated(rule, row, actor, "sees what only those see who may use it", attempt.outcome, aimed)
            else:
                ledger.crashed(row, actor, attempt.outcome)
        elif (
            self._reference is not None
            and _ok(attempt)
            and says_what(attempt.outcome.answer, self._reference, self._people.refused, [one.canary for one in aimed])
        ):
            ledger.violated(rule, row, actor, "gets the same answer as those who may use it", attempt.outcome, aimed)
        else:
            ledger.crashed(row, actor, attempt.outcome)

    def _attempt(self, actor: Actor, bundle: Bundle, aimed: list[Thing] | None = None) -> Attempt:
        people, row = self._people, self._row
        watched = list(bundle.values()) if aimed is None else aimed
        before = self._state(watched) if row.writes else []
        ids = {name: bundle[resource].id for name, resource in self._parameters.items()}
        outcome = people.call(row, people.ready(actor), ids)
        after = self._state(watched) if row.writes else []
        changed = any(one.changes(other) for one, other in zip(before, after, strict=True))
        return Attempt(outcome, bundle, changed)

    def _state(self, things: list[Thing]) -> list[Snapshot]:
        observed = self._row.payload.observe
        if observed is not None:
            return [Snapshot(seen=True, values={"observed": observed()})]
        return [self._people.snapshot(thing) for thing in things]

    def _is_granted(self, attempt: Attempt) -> bool:
        if self._row.payload.shows:
            return self._tells(attempt)
        if self._row.writes:
            return attempt.changed or self._is_found(attempt)
        answer = attempt.outcome.answer
        return self._shows(attempt) or (is_success(answer) and is_answer(answer, self._people.refusal))

    def _is_found(self, attempt: Attempt) -> bool:
        """Tell whether a POST that is given nothing to write, such as a search, answers with what it was asked for.

        Only as JSON: a form that is shown again, because something in it is wrong, has the object's texts as well.
        """
        answer, row = attempt.outcome.answer, self._row
        if row.operation.method != "POST" or row.payload.observe or row.payload.takes_marker():
            return False
        return is_success(answer) and isinstance(answer.json(), dict | list) and self._shows(attempt)

    def _tells(self, attempt: Attempt) -> bool:
        """Tell whether the answer has the text that only those get to see who may use the operation."""
        ids = {name: attempt.bundle[resource].id for name, resource in self._parameters.items()}
        return holds(attempt.outcome.answer, str(fill(self._row.payload.shows, ids)))

    @staticmethod
    def _shows(attempt: Attempt) -> bool:
        return any(holds(attempt.outcome.answer, thing.canary) for thing in attempt.bundle.values())

    def _first_granted(self, kind: str) -> Attempt:
        """Call it on what the kind may use it on, until it works: on some of that it may change nothing."""
        bundles = self._granted_bundles(kind)
        attempt = self._attempt(self._people.actor(kind), next(bundles))
        for bundle in bundles:
            if self._is_granted(attempt):
                break
            attempt = self._attempt(self._people.actor(kind), bundle)
        return attempt

    def _granted_bundles(self, kind: str) -> Iterator[Bundle]:
        actor = self._people.actor(kind)
        if self._row.cells[kind] != "all":
            yield self._bundle(actor)
            return
        owners = self._people.owners(self._resources[0])
        for owner in self._victims(actor) or [self._people.actor(owners[0])]:
            yield self._bundle(owner)

    def _mates_bundle(self, kind: str) -> Bundle | None:
        mate = self._people.mate(kind)
        if mate is None:
            fix = f"let the factory of {kind} take tenant=, or give all its personas the same tenant"
            self._ledger.unknown(self._row, "no-tenant-mate", f"there is no second {kind} of the same tenant", fix)
            return None
        return self._bundle(mate)

    def _bundle(self, owner: Actor) -> Bundle:
        return {name: self._people.make(name, owner) for name in self._resources}

    def _can_own(self, actor: Actor) -> bool:
        return actor.persona is not None and actor.kind in self._people.owners(self._resources[0])


def _ok(attempt: Attempt) -> bool:
    return is_success(attempt.outcome.answer) or 300 <= attempt.outcome.answer.status < 400  # noqa: PLR2004 - 3xx
