"""A role that is taken away is gone at once, in sessions that are open (ASVS 5.0 V8.3.2)."""

from __future__ import annotations

from pytest_devsecops.identity.checks.access.answers import holds, is_answer, is_success, same_answer
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.errors import IdentityError
from pytest_devsecops.identity.section import ANONYMOUS

_ROLES = "asvs:v5.0.0-8.3.2"


def examine_roles(people: People, ledger: Ledger) -> None:
    """Take a role from somebody who is logged in, and see that what it granted is refused at once.

    Nothing is done without the hook ``set_role``, and where no two kinds differ in a reading operation.
    """
    if people.live.target.hooks.set_role is None:
        return
    done: set[tuple[str, str]] = set()
    for row in people.rows:
        pair = _pair(people, row)
        if pair is None or pair in done:
            continue
        done.add(pair)
        try:
            _examine(people, ledger, row, *pair)
        except IdentityError as error:
            ledger.unknown(row, "control-failed", str(error), error.remedy)


def _pair(people: People, row: Row) -> tuple[str, str] | None:
    """Return a kind that may read everything here and one that may not."""
    if row.writes:
        return None
    named = {kind: scope for kind, scope in row.cells.items() if kind != ANONYMOUS}
    high = next((kind for kind, scope in named.items() if scope == "all"), None)
    low = next((kind for kind, scope in named.items() if scope in ("none", "own")), None)
    lists_own = low is not None and named[low] == "own" and not people.parameters(row)
    return None if high is None or low is None or lists_own else (high, low)


def _examine(people: People, ledger: Ledger, row: Row, high: str, low: str) -> None:
    set_role = people.live.target.hooks.set_role
    persona = people.live.persona(high, fresh=True)
    actor = Actor(high, people.live.log_in(persona), persona)
    ids, things = _about(people, row)
    granted = people.call(row, actor, ids)
    if not (is_success(granted.answer) and is_answer(granted.answer, people.refusal)):
        ledger.unknown(row, "control-failed", f"it does not work for a new {high}, so its role cannot be seen to end")
        return
    assert set_role is not None  # noqa: S101 - examine_roles asked
    set_role(persona, low)
    if not people.live.is_logged_in(actor.browser, persona):
        ledger.exercised.add(_ROLES)  # the change ended the session, which is as good
        return
    ledger.attempts += 1
    ledger.exercised.add(_ROLES)
    after = people.call(row, actor, ids)
    if _still(granted, after, things):
        message = f"may still use it in an open session after the role was changed to {low}"
        ledger.violated("stale-role", row, actor, message, after, things)


def _about(people: People, row: Row) -> tuple[dict[str, object], list[Thing]]:
    parameters = people.parameters(row)
    if not parameters:
        return {}, people.things[-1:]
    owner = people.actor(people.owners(next(iter(parameters.values())))[0], "peer")
    made = {name: people.make(name, owner) for name in dict.fromkeys(parameters.values())}
    return {name: made[resource].id for name, resource in parameters.items()}, list(made.values())


def _still(granted: Outcome, after: Outcome, things: list[Thing]) -> bool:
    shown = [thing for thing in things if holds(granted.answer, thing.canary)]
    if shown:
        return any(holds(after.answer, thing.canary) for thing in shown)
    return is_success(after.answer) and same_answer(after.answer, granted.answer)
