"""Targets: how an application is reached, and what of its identity flows a check may use.

A target is a recipe without a connection. A check whose hook is missing is unverified and names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import wraps
from inspect import isawaitable
from types import MappingProxyType
from typing import Any, Protocol, TypedDict

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.http import Response, Transport
from pytest_devsecops.identity.payload import Payload
from pytest_devsecops.identity.personas import Persona, PersonaFactory


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the application: ``POST /orders/{order}``.

    Attributes:
        method: in upper case; ``*`` in an inventory whose framework does not say.
        path: with parameters in braces.
        provided: whether the framework brings it along (its documentation pages, static files).
        payload: what the inventory knows about what is sent with it.
    """

    method: str
    path: str
    provided: bool = field(default=False, compare=False)
    payload: Payload | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str) -> Operation:
        """Parse ``"METHOD /path"``; a path alone is a GET.

        Raises:
            UsageError: if it is neither.
        """
        method, _, path = text.strip().rpartition(" ")
        method = (method or "GET").strip()
        if not path.startswith("/") or not method.isalpha():
            raise UsageError(f"{text!r} is no operation", remedy="write for example 'POST /orders/{order}'")
        return cls(method.upper(), path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Login(Protocol):
    """A way to log in. It leaves the browser with cookies or an ``Authorization`` header."""

    def __call__(self, browser: Browser, persona: Persona, /) -> Response:
        """Try to log ``persona`` in; returns the last response, refused or not.

        A function that returns nothing is taken to have returned what its browser saw last.
        """


#: A step of a flow: an operation as text, or a function of browser and persona.
Step = str | Callable[[Browser, Persona], Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """The application's faked clock.

    Attributes:
        advance: moves it forward.
        now: reads it as the application does; a clock that does not move makes checks unverified.
    """

    advance: Callable[[timedelta], Any]
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What a test suite can do besides sending requests. All are optional.

    Attributes:
        logout: ends the browser's session.
        register: creates an account through the application: ``(browser, persona) -> Response``.
        request_reset: asks for a reset link for the persona.
        confirm_reset: uses a link or a code: ``(browser, link, new_password) -> Response``; it may take the
            persona as a fourth argument, where the request names the account beside the code.
        change_password: ``(browser, persona, new_password) -> Response`` as the logged-in user.
        disable: locks the account out.
        delete: removes the account.
        end_other_sessions: what users do to end their sessions elsewhere.
        terminate: what an administrator does to end every session of a persona: ``(persona)``.
        set_role: ``(persona, role)``.
        refresh: exchanges the browser's refresh token for a new session.
        mint: issues a token with these claims, signed with the issuer's key: ``(claims) -> str``.
        mailbox: the messages that the application sent, oldest first.
        clock: the application's faked clock.
        reset: clears throttles and counters between checks.
    """

    logout: Step | None = None
    register: Callable[[Browser, Persona], Response] | None = None
    request_reset: Step | None = None
    confirm_reset: Callable[..., Response] | None = None
    change_password: Callable[[Browser, Persona, str], Response] | None = None
    disable: Callable[[Persona], Any] | None = None
    delete: Callable[[Persona], Any] | None = None
    end_other_sessions: Step | None = None
    terminate: Callable[[Persona], Any] | None = None
    set_role: Callable[[Persona, str], Any] | None = None
    refresh: Callable[[Browser], Any] | None = None
    mint: Callable[[Mapping[str, Any]], str] | None = None
    mailbox: Callable[[], Sequence[str]] | None = None
    clock: Clock | None = None
    reset: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Weakness:
    """A test setting that weakens what a check would examine, so that its answer would mislead.

    Attributes:
        setting: the setting's name and value, such as ``PASSWORD_HASHERS = MD5PasswordHasher``.
        affects: the names of the checks.
        why: what it hides.
        rule: the one rule that it hides the answer to; the whole check by default.
        subject: what that rule's finding is about, such as a cookie's name.
    """

    setting: str
    affects: tuple[str, ...]
    why: str
    rule: str = ""
    subject: str = ""

    def hides(self, check: str, found: Finding) -> bool:
        """Tell whether a finding of a check may only be there because of the setting."""
        return check in self.affects and (self.rule, self.subject) == (found.rule, found.subject)


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that a user owns, for checks on who may see and change it.

    Attributes:
        create: makes one that belongs to the persona and holds the canary text; returns its id:
            ``(persona, canary) -> id``.
        read: the operation that shows it, such as ``"GET /orders/{order}"``.
        fields: fields that its owner may not set, with a value to try (mass assignment); a function
            of another persona gives a value such as that persona's id.
        inspect: reads all of it from the application's store, where ``read`` does not show it all:
            ``(id) -> value``.
    """

    create: Callable[[Persona, str], Any]
    read: str
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    inspect: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """An application under test.

    Attributes:
        kind: ``asgi``, ``wsgi``, ``process`` or ``url``.
        open: opens the way to it.
        base_url: its address; ``https`` in process, because cookies may be ``Secure``.
        personas: factories by kind.
        login: how one logs in.
        whoami: the operation that shows who is logged in; an anonymous caller is refused there.
        hooks: what else the suite can do.
        resources: what users own, by the name of the path parameter.
        payloads: what is sent with operations: ``{"POST /orders": Payload(json=…)}``.
        inventory: every operation that the application has; None if it cannot be known.
        weaknesses: tells which test settings weaken checks, as they are now.
        refusal: tells why nothing can be examined here at all, such as rollback isolation, with the
            remedy; an empty text if nothing is in the way.
        loopback: whether every address of it is on this machine.
        restart: starts it anew at the same address, for what it only asks when it starts; None if that cannot be done.
    """

    kind: str
    open: Callable[[], Transport]
    base_url: str
    personas: Mapping[str, PersonaFactory] = field(default_factory=dict)
    login: Login | None = None
    whoami: Operation | None = None
    hooks: Hooks = field(default_factory=Hooks)
    resources: Mapping[str, Resource] = field(default_factory=dict)
    inventory: Callable[[], Sequence[Operation] | None] | None = None
    weaknesses: Callable[[], Sequence[Weakness]] = tuple
    refusal: Callable[[], str] = str
    loopback: bool = True
    payloads: Mapping[str, Payload] = field(default_factory=dict)
    restart: Callable[[], None] | None = None


class Flows(TypedDict, total=False):
    """What every function that makes a target takes by keyword; see ``Target`` and ``Hooks``."""

    personas: Mapping[str, PersonaFactory]
    login: Login
    whoami: str | Operation
    resources: Mapping[str, Resource]
    payloads: Mapping[str, Payload]
    logout: Step
    register: Callable[[Browser, Persona], Response]
    request_reset: Step
    confirm_reset: Callable[..., Response]
    change_password: Callable[[Browser, Persona, str], Response]
    disable: Callable[[Persona], Any]
    delete: Callable[[Persona], Any]
    end_other_sessions: Step
    terminate: Callable[[Persona], Any]
    set_role: Callable[[Persona, str], Any]
    refresh: Callable[[Browser], Any]
    mint: Callable[[Mapping[str, Any]], str]
    mailbox: Callable[[], Sequence[str]]
    clock: Clock
    reset: Callable[[], Any]


_HOOKS = tuple(one.name for one in fields(Hooks))


def describe(target: Target, flows: Flows) -> Target:
    """Return the target with what a test suite says about its flows; what is left out stays as it is.

    Raises:
        UsageError: if a keyword is unknown, or ``whoami`` is no operation.
    """
    given: dict[str, Any] = {name: value for name, value in flows.items() if value is not None}
    unknown = given.keys() - Flows.__annotations__.keys()
    if unknown:
        name = min(unknown)
        near = get_close_matches(name, Flows.__annotations__, n=1)
        hint = f"did you mean {near[0]}?" if near else "see the reference of targets"
        raise UsageError(f"a target takes no {name!r}", remedy=hint)
    hooks = replace(target.hooks, **{name: given.pop(name) for name in _HOOKS if name in given})
    if isinstance(given.get("whoami"), str):
        given["whoami"] = Operation.parse(given["whoami"])
    described = replace(target, hooks=hooks, **given)
    _must_be_callable(described)
    return described


def _must_be_callable(target: Target) -> None:
    """Refuse what is given in place of a function, before a check falls over it."""
    if isinstance(target.login, str):
        raise UsageError(f"login={target.login!r} says no way to log in", remedy=f"pass login=form({target.login!r})")
    if target.login is not None and not callable(target.login):
        raise UsageError(f"login= is {type(target.login).__name__}", remedy="pass login=form('/login') or a function")
    if not isinstance(target.personas, Mapping):
        kind = type(target.personas).__name__
        raise UsageError(f"personas= is {kind}", remedy="pass personas={'customer': make_customer}")
    for kind, factory in target.personas.items():
        if not callable(factory):
            raise UsageError(
                f"the persona {kind!r} is {type(factory).__name__}, and must be a function that makes a new user",
                remedy=f"pass personas={{{kind!r}: make_{kind}}}: checks lock and change the users that they get",
            )
    for name in _HOOKS:
        hook = getattr(target.hooks, name)
        if not (hook is None or callable(hook) or isinstance(hook, str | Clock)):
            raise UsageError(f"{name}= is {type(hook).__name__}", remedy=f"pass {name}= a function")


def settled(target: Target, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Target:
    """Return the target with every hook, factory and flow synchronous; ``run`` waits for those that are not."""

    def sync(function: Any) -> Any:  # noqa: ANN401 - any hook
        if not callable(function):
            return function

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the hook takes and gives
            answer = function(*args, **kwargs)
            return run(_awaited(answer)) if isawaitable(answer) else answer

        return call

    hooks = {name: sync(getattr(target.hooks, name)) for name in _HOOKS}
    clock = target.hooks.clock
    if clock is not None:
        hooks["clock"] = Clock(sync(clock.advance), sync(clock.now))
    return replace(
        target,
        login=_answered(sync(target.login)) if target.login is not None else None,
        hooks=Hooks(**hooks),
        personas={kind: sync(factory) for kind, factory in target.personas.items()},
        resources={
            name: replace(one, create=sync(one.create), inspect=sync(one.inspect))
            for name, one in target.resources.items()
        },
        payloads={name: replace(one, observe=sync(one.observe)) for name, one in target.payloads.items()},
    )


def _answered(login: Callable[[Browser, Persona], Any]) -> Login:
    """Return a login that answers what its browser saw last, where it returns nothing itself."""

    @wraps(login)
    def log_in(browser: Browser, persona: Persona) -> Response:
        answer = login(browser, persona)
        if isinstance(answer, Response):
            return answer
        return browser.history[-1].response if browser.history else Response(200, (), b"", browser.base_url)

    return log_in


async def _awaited(answer: Awaitable[Any]) -> Any:  # noqa: ANN401 - what the hook gives
    return await answer
