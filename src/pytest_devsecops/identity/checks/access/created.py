"""Where an answer tells the id of what was created, and a field of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_devsecops.identity.checks.access.answers import flat, holds, is_success
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.http import Response

#: The place of the id that the address of what was created ends with (RFC 9110, section 10.2.2).
_LOCATION = "Location"
_MOST_TRIED = 12


def ids_in(response: Response) -> Mapping[str, Any]:
    """Return what may be the id of something that was created, by its place in the answer."""
    content = response.json()
    found = {
        key: value
        for key, value in (flat(content) if isinstance(content, dict | list) else {}).items()
        if isinstance(value, int | str) and not isinstance(value, bool) and value != ""
    }
    last = response.header("location").partition("?")[0].rstrip("/").rpartition("/")[2]
    return {**found, _LOCATION: last} if last else found


def key_of(values: Mapping[str, Any], field: str) -> str | None:
    """Return the key path that shows a field, the store's first; None if nothing does.

    What is sent as ``owner`` is shown as ``owner``, ``owner_id`` or ``{"owner": {"id": …}}``.
    """
    for ending in (field, f"{field}_id", f"{field}Id", f"{field}.id", f"{field}.pk"):
        shown = [key for key in values if key.endswith(f".{ending}")]
        if shown:
            return min(shown, key=lambda key: not key.startswith("store"))
    return None


def created(outcome: Outcome, place: str, owner: Actor, name: str) -> Thing:
    """Return what a call created, by the id at ``place`` of its answer."""
    return Thing(name, ids_in(outcome.exchange.response)[place], owner, outcome.canary)


def place_of_id(people: People, outcome: Outcome, owner: Actor, name: str) -> str | None:
    """Return where the answer has the id: what is read there shows the marker that was sent.

    Where no marker was sent, what is called an id is one.

    Args:
        people: who takes part.
        outcome: the call that created it.
        owner: who created it.
        name: the resource's.
    """
    places = sorted(ids_in(outcome.exchange.response), key=lambda place: not _is_called_id(place, name))
    for place in places[:_MOST_TRIED]:
        shown = people.reading(created(outcome, place, owner, name))
        if is_success(shown) and holds(shown, outcome.canary):
            return place
    return next((place for place in places if _is_called_id(place, name)), None)


def _is_called_id(place: str, name: str) -> bool:
    key = place.rpartition(".")[2].lower()
    return place == _LOCATION or key in ("id", f"{name}_id", f"{name}id", "pk", "uuid") or place == f".{name}"
