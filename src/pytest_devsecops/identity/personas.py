"""Personas: users of the application that a check may create, log in, lock out and delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from types import MappingProxyType
from typing import Any

from pytest_devsecops.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Persona:
    """One user of the application.

    Attributes:
        kind: the role that the policy speaks of, such as ``customer``.
        username: what the login form wants.
        password: the password in clear.
        shown_as: a text that only this user's ``whoami`` page has; the username by default.
        data: what else the test suite knows of the user, such as an id, an e-mail or a tenant.
    """

    kind: str
    username: str
    password: str = field(repr=False)
    shown_as: str = ""
    data: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def marker(self) -> str:
        """The text that shows who is logged in."""
        return self.shown_as or self.username


#: Makes a new user in the application's store at each call; it may take ``tenant=``.
PersonaFactory = Callable[..., object]


def takes_tenant(factory: PersonaFactory) -> bool:
    """Tell whether a factory can make a user of a given tenant."""
    return "tenant" in signature(factory).parameters


def make(kind: str, factory: PersonaFactory, *, tenant: object = None) -> Persona:
    """Return a new persona.

    Args:
        kind: its kind.
        factory: makes it.
        tenant: the tenant that it is to belong to, for a factory that takes one.

    Raises:
        UsageError: if the factory returns something else than a persona or a table of one.
    """
    made = factory() if tenant is None else factory(tenant=tenant)
    if isinstance(made, Persona):
        return made if made.kind == kind else Persona(kind, made.username, made.password, made.shown_as, made.data)
    if isinstance(made, tuple) and len(made) == 2 and all(isinstance(part, str) for part in made):  # noqa: PLR2004 - a pair
        return Persona(kind, *made)
    if isinstance(made, Mapping) and {"username", "password"} <= set(made):
        rest = {key: value for key, value in made.items() if key not in ("username", "password", "shown_as")}
        return Persona(kind, made["username"], made["password"], made.get("shown_as", ""), MappingProxyType(rest))
    raise UsageError(
        f"the factory of the persona {kind!r} returned {type(made).__name__}",
        remedy="return Persona(kind, username, password), (username, password) or {'username': …, 'password': …, …}",
    )
