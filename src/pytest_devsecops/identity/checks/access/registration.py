"""Fields that nobody may set who registers: a role, an approval, somebody else's tenant (WSTG-INPV-20)."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from pytest_devsecops.identity.checks.access.answers import of_response
from pytest_devsecops.identity.checks.access.created import key_of
from pytest_devsecops.identity.checks.access.ledger import Ledger
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, People, Thing
from pytest_devsecops.identity.checks.credentials.attempts import (
    addresses,
    clear_throttles,
    decisive,
    stranger,
    strong_password,
)
from pytest_devsecops.identity.errors import FlowError, IdentityError
from pytest_devsecops.identity.http import Request, Response, Transport
from pytest_devsecops.identity.inventory.paths import shape
from pytest_devsecops.identity.payload import with_fields
from pytest_devsecops.identity.target import Operation

T = TypeVar("T")
_FIELDS = "asvs:v5.0.0-8.2.3"
_READABLE = "let whoami show the field, or remove it from the resource that is read there"


def examine_registration(people: People, ledger: Ledger, name: str) -> bool:
    """Register with each protected field of the account, and look at it as whoever registered.

    Nothing is done without the hook ``register``, and for a resource that is not the account itself: the one that
    ``whoami`` reads.

    Returns:
        Whether registration was examined.
    """
    target, resource = people.live.target, people.live.target.resources[name]
    whoami = target.whoami
    if target.hooks.register is None or whoami is None:
        return False
    if shape(Operation.parse(resource.read).path) != shape(whoami.path):
        return False
    row = Row(whoami, {})
    try:
        template = people.actor(people.owners(name)[0])
        plain = _Newcomer.of(people, template, {})
        row = Row(plain.operation, {})
        for field, given in resource.fields.items():
            value = given(template.persona) if callable(given) else given
            ledger.attempts += 1
            _examine(people, ledger, row, (name, field, value), plain, template)
    except IdentityError as error:
        ledger.unknown(row, "control-failed", f"registration: {error}", error.remedy)
    return True


def _examine(
    people: People, ledger: Ledger, row: Row, tried: tuple[str, str, Any], plain: _Newcomer, template: Actor
) -> None:
    name, field, value = tried
    before = plain.shown(field)
    if before is None:
        ledger.unknown(row, "field-not-readable", f"whoami shows nobody's {field}", _READABLE)
        return
    if str(before) == str(value):
        message = f"{field} is {value!r} for everybody who registers, so setting it would show nothing"
        ledger.unknown(row, "field-already-set", message, "name another value in Resource(fields=…)")
        return
    ledger.exercised.add(_FIELDS)
    try:
        newcomer = _Newcomer.of(people, template, {field: value})
    except FlowError:
        return  # refused because of the field: without it, registration works
    if str(newcomer.shown(field)) == str(value):
        thing = Thing(name, newcomer.actor.name, newcomer.actor, "")
        message = f"registers with {field} set to {value!r}"
        ledger.violated("protected-field", row, newcomer.actor, message, newcomer.outcome, [thing], part=field)


@dataclass(frozen=True, slots=True)
class _Newcomer:
    """Somebody who registered and is logged in.

    Attributes:
        actor: who.
        outcome: the request that registered them.
        values: what ``whoami`` shows them.
    """

    actor: Actor
    outcome: Outcome
    values: Mapping[str, Any]

    @property
    def operation(self) -> Operation:
        request = self.outcome.exchange.request
        return Operation(request.method, urlsplit(request.url).path)

    def shown(self, field: str) -> Any:  # noqa: ANN401 - any JSON value
        """Return a field as it is shown to them; None if it is not."""
        key = key_of(self.values, field)
        return None if key is None else self.values[key]

    @classmethod
    def of(cls, people: People, template: Actor, extra: Mapping[str, Any]) -> _Newcomer:
        """Register somebody like ``template``, with fields that the form does not have.

        Raises:
            FlowError: if this does not register anybody who could log in.
        """
        live, hook = people.live, people.live.target.hooks.register
        assert hook is not None  # noqa: S101 - examine_registration asked
        assert template.persona is not None  # noqa: S101 - an owner is no anonymous caller
        clear_throttles(live)
        persona = replace(stranger(template.persona, strong_password()), kind=template.kind)
        browser = live.browser(next(addresses()))
        adding = _Adding(browser.transport, extra)
        browser.transport = adding
        hook(browser, persona)
        browser.transport = adding.inner
        if extra and not adding.added:
            raise IdentityError("registration sends neither JSON nor a form, so no field can be added to it")
        registered = decisive(browser)
        whoami = live.target.whoami
        assert whoami is not None  # noqa: S101 - examine_registration asked
        logged_in = live.log_in(persona)
        shown = of_response(logged_in.request(whoami.method, whoami.path, follow=True))
        return cls(Actor(template.kind, logged_in, persona), Outcome(registered, registered.response, ""), shown)


class _Adding:
    """A transport that adds fields to every JSON object and form that is sent."""

    def __init__(self, inner: Transport, extra: Mapping[str, Any]) -> None:
        self.inner = inner
        self.added = False
        self._extra = extra

    def send(self, request: Request) -> Response:
        """Send one request, with the fields if it has a body for them."""
        body = _with(request, self._extra) if self._extra and request.body else None
        if body is None:
            return self.inner.send(request)
        self.added = True
        return self.inner.send(replace(request, body=body))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something asynchronous."""
        return self.inner.run(work)

    def close(self) -> None:
        """Close the way to the application."""
        self.inner.close()


def _with(request: Request, extra: Mapping[str, Any]) -> bytes | None:
    kind = next((value for name, value in request.headers if name.lower() == "content-type"), "")
    if "json" in kind:
        document = json.loads(request.body)
        return json.dumps(with_fields(document, extra)).encode() if isinstance(document, dict) else None
    if "x-www-form-urlencoded" in kind:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True)
        return urlencode([*pairs, *((name, str(value)) for name, value in extra.items())]).encode()
    return None
