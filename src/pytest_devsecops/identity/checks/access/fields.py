"""Fields that the owner of something may not set (mass assignment, ASVS 5.0 V8.2.3 and V15.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_devsecops.identity.checks.access.answers import is_success
from pytest_devsecops.identity.checks.access.created import created, ids_in, key_of, place_of_id
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.checks.access.registration import examine_registration
from pytest_devsecops.identity.errors import IdentityError
from pytest_devsecops.identity.inventory.paths import shape
from pytest_devsecops.identity.target import Operation

_METHODS = ("POST", "PUT", "PATCH")
_FIELDS = "asvs:v5.0.0-8.2.3"


def examine_fields(people: People, ledger: Ledger) -> None:
    """Try to set every protected field with every operation that writes its resource.

    A resource with protected fields that no operation of the matrix writes is unverified.
    """
    for name, resource in people.live.target.resources.items():
        if not resource.fields:
            continue
        registers = examine_registration(people, ledger, name)
        rows = [row for row in people.rows if _writes(people, row, name)]
        for row in rows:
            _try_row(people, ledger, row, name)
        if not registers and not any(scope in ("own", "tenant") for row in rows for scope in row.cells.values()):
            fields = ", ".join(resource.fields)
            fix = "declare the operation that creates or changes it, with own for its owner, or remove the fields"
            row = Row(Operation.parse(resource.read), {})
            ledger.unknown(row, "fields-not-tried", f"no operation by which {name!r} is written tried {fields}", fix)


def _try_row(people: People, ledger: Ledger, row: Row, name: str) -> None:
    """Try the fields as everybody who may use the operation on their own; one kind that can show a field is enough."""
    undecided: dict[str, Any] = {}
    decided: set[str] = set()
    for kind in (kind for kind, scope in row.cells.items() if scope in ("own", "tenant")):
        try:
            set_before = _try_fields(people, ledger, row, people.actor(kind), name)
        except IdentityError as error:
            ledger.unknown(row, "control-failed", str(error), error.remedy)
            continue
        undecided |= set_before
        decided |= people.live.target.resources[name].fields.keys() - set_before.keys()
    for field in undecided.keys() - decided:
        message = f"{field} is {undecided[field]!r} from the beginning, so setting it would show nothing"
        ledger.unknown(row, "field-already-set", message, "name another value in Resource(fields=…)")


def _writes(people: People, row: Row, name: str) -> bool:
    if row.operation.method not in _METHODS:
        return False
    read = Operation.parse(people.live.target.resources[name].read)
    itself = shape(row.operation.path) == shape(read.path)  # such as PATCH and GET /me
    return itself or name in people.parameters(row).values() or _creates(people, row, name)


def _creates(people: People, row: Row, name: str) -> bool:
    """Tell whether an operation creates a resource: a POST to where the resource's own path begins."""
    read = Operation.parse(people.live.target.resources[name].read)
    parent, parameter, _ = shape(read.path).rpartition("/{}")
    return bool(parameter) and row.operation.method == "POST" and shape(row.operation.path) == (parent or "/")


def _try_fields(people: People, ledger: Ledger, row: Row, actor: Actor, name: str) -> dict[str, Any]:
    """Try every field; returns those that had the value from the beginning."""
    set_before: dict[str, Any] = {}
    other = people.actor(actor.kind, "peer")
    for field, given in people.live.target.resources[name].fields.items():
        value = given(other.persona) if callable(given) else given
        ledger.attempts += 1
        trial = _send(people, row, actor, name, {field: value})
        if trial is None:
            message = f"nothing tells the id of the {name} that it creates, so {field} could not be read back"
            ledger.unknown(row, "field-not-readable", message, "let its answer have the id, or a Location")
            continue
        if _same(trial.before, value):
            set_before[field] = value
            continue
        ledger.exercised.add(_FIELDS)
        if trial.thing is not None:
            _judge(people, ledger, row, trial, (field, value))
    return set_before


@dataclass(frozen=True, slots=True)
class _Trial:
    """One field that was sent along.

    Attributes:
        before: its value in the same thing before, or in one that was created without it.
        thing: what was written; None if the creation was refused because of the field.
        outcome: what came of it.
    """

    before: Any
    thing: Thing | None
    outcome: Outcome


def _send(people: People, row: Row, actor: Actor, name: str, extra: dict[str, Any]) -> _Trial | None:
    """Send a field along; returns None if nothing tells what was created."""
    (field,) = extra
    if _creates(people, row, name) and name not in people.parameters(row).values():
        made = people.call(row, actor, {})
        place = place_of_id(people, made, actor, name)
        if place is None:
            return None
        before = _value(people, created(made, place, actor, name), field)
        outcome = people.call(row, actor, {}, extra)
        if place not in ids_in(outcome.exchange.response):
            return _Trial(before, None, outcome)
        return _Trial(before, created(outcome, place, actor, name), outcome)
    parameters = people.parameters(row)
    things = {one: people.make(one, actor) for one in dict.fromkeys((*parameters.values(), name))}
    thing = things[name]
    before = _value(people, thing, field)
    outcome = people.call(row, actor, {key: things[one].id for key, one in parameters.items()}, extra)
    return _Trial(before, thing, outcome)


def _judge(people: People, ledger: Ledger, row: Row, trial: _Trial, tried: tuple[str, Any]) -> None:
    field, value = tried
    thing, before, outcome = trial.thing, trial.before, trial.outcome
    assert thing is not None  # noqa: S101 - a refused creation is not judged
    after = _value(people, thing, field)
    if after is _GONE and before is not _GONE and _removes(people, row, thing, field):
        return
    if after is before and after in (_HIDDEN, _GONE):
        message = f"nothing shows the field {field} of {thing.name!r}"
        ledger.unknown(row, "field-not-readable", message, "pass Resource(inspect=…), which reads it from the store")
    elif _same(after, value) or after is _GONE:
        message = f"sets {field} of its {thing.name} to {value!r}"
        ledger.violated("protected-field", row, thing.owner, message, outcome, [thing], part=field)


def _removes(people: People, row: Row, thing: Thing, field: str) -> bool:
    """Tell whether the operation takes a thing away from its owner without the field as well, as a deletion does."""
    if _creates(people, row, thing.name) and thing.name not in people.parameters(row).values():
        return False
    parameters = people.parameters(row)
    things = {one: people.make(one, thing.owner) for one in dict.fromkeys((*parameters.values(), thing.name))}
    there = _value(people, things[thing.name], field) is not _GONE
    people.call(row, thing.owner, {key: things[one].id for key, one in parameters.items()})
    return there and _value(people, things[thing.name], field) is _GONE


_HIDDEN = object()
#: What was its owner's before belongs to somebody else now.
_GONE = object()


def _value(people: People, thing: Thing, field: str) -> Any:  # noqa: ANN401 - any value
    """Return a field as the store or its owner's reading shows it; ``_GONE`` if its owner reads nothing."""
    values = people.snapshot(thing).values
    key = key_of(values, field)
    if key is not None:
        return values[key]
    return _HIDDEN if is_success(people.reading(thing)) else _GONE


def _same(one: object, other: object) -> bool:
    return one is not _HIDDEN and (one == other or (type(one) is not bool and str(one) == str(other)))
