"""Django in process, on the test's own database connection, as Django's own test client does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Unpack

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.flows import form
from pytest_devsecops.identity.http import Response, Transport
from pytest_devsecops.identity.personas import Persona, PersonaFactory
from pytest_devsecops.identity.presets.common import IN_PROCESS, insecure_cookie, weakness, with_defaults
from pytest_devsecops.identity.target import Flows, Operation, Target, Weakness, describe

#: PBKDF2 with fewer rounds than this is a test's; Django 1.7 of 2014 had 12,000, and 5.2 has 1,000,000.
_FEW_ITERATIONS = 100_000
_FAST_HASHES = ("md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt")


def django_target(*, base_url: str = IN_PROCESS, timeout: float = 10.0, **flows: Unpack[Flows]) -> Target:
    """Return the configured Django project as a target. Protection against cross-site requests is on.

    Left out, ``login`` fills in the form at ``LOGIN_URL``, ``mailbox`` is Django's test outbox, and
    ``disable`` and ``delete`` work on ``AUTH_USER_MODEL``. A persona's factory may return a user of that
    model; it gets a password.

    Args:
        base_url: the address that it believes to have; ``https``, because cookies may be ``Secure``.
        timeout: seconds after which a request counts as hanging.
        flows: personas, login and hooks; see ``Target``.
    """

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.wsgi import WsgiTransport

        return WsgiTransport(_Handler(), timeout=timeout)

    defaults = {"login": log_in_by_form, "mailbox": _outbox, "disable": _disable, "delete": _delete}
    target = Target("wsgi", opened, base_url, inventory=_operations, weaknesses=_weaknesses)
    given = with_defaults(flows, defaults)
    given["personas"] = {kind: _with_password(kind, factory) for kind, factory in flows.get("personas", {}).items()}
    return describe(target, given)


def _operations() -> Sequence[Operation]:
    from pytest_devsecops.identity.inventory.django import operations_of_django

    return operations_of_django()


class _Handler:
    """Django's WSGI handler with the database connection kept open between requests.

    Django closes old connections around each request. In a test this would close the connection
    that holds the test's transaction, so Django's test client takes those receivers out as well.
    """

    def __init__(self) -> None:
        from django.apps import apps
        from django.core.handlers.wsgi import WSGIHandler
        from django.core.wsgi import get_wsgi_application

        self._handler: Callable[..., Iterable[bytes]] = WSGIHandler() if apps.ready else get_wsgi_application()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with _connections_kept():
            response = self._handler(environ, start_response)
            try:
                return [*response]
            finally:
                close = getattr(response, "close", None)
                if close is not None:
                    close()


@contextmanager
def _connections_kept() -> Iterator[None]:
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections

    signals = [one for one in (request_started, request_finished) if one.disconnect(close_old_connections)]
    try:
        yield
    finally:
        for one in signals:
            one.connect(close_old_connections)


def log_in_by_form(browser: Browser, persona: Persona) -> Response:
    """Fill in the form at ``LOGIN_URL``."""
    from django.conf import settings
    from django.shortcuts import resolve_url

    return form(resolve_url(settings.LOGIN_URL))(browser, persona)


def _outbox() -> list[str]:
    from django.core import mail

    return [str(message.body) for message in getattr(mail, "outbox", [])]


def _disable(persona: Persona) -> None:
    user = _user(persona)
    user.is_active = False
    user.save()


def _delete(persona: Persona) -> None:
    _user(persona).delete()


def _user(persona: Persona) -> Any:  # noqa: ANN401 - the project's own user model
    from django.contrib.auth import get_user_model

    return get_user_model()._default_manager.get_by_natural_key(persona.username)  # noqa: SLF001 - Django's documented name


def _with_password(kind: str, factory: PersonaFactory) -> PersonaFactory:
    def made() -> object:
        user = factory()
        password = ""
        if isinstance(user, tuple) and len(user) == 2 and not isinstance(user[0], str):  # noqa: PLR2004 - a pair
            user, password = user
        if isinstance(user, Persona | Mapping | tuple) or not hasattr(user, "set_password"):
            return user
        return _persona(kind, user, password)

    return made


def _persona(kind: str, user: Any, password: str) -> Persona:  # noqa: ANN401 - the project's own user model
    from django.utils.crypto import get_random_string

    if not password:
        password = get_random_string(20)
        user.set_password(password)
        user.save()
    data = {"id": user.pk, "email": getattr(user, "email", "") or user.get_username(), "user": user}
    return Persona(kind, user.get_username(), password, data=MappingProxyType(data))


def _weaknesses() -> list[Weakness]:
    from django.conf import settings

    return [*_of_passwords(settings), *_of_cookies(settings), *_of_throttles(settings)]


def _of_passwords(settings: Any) -> Iterator[Weakness]:  # noqa: ANN401 - Django's settings
    from django.contrib.auth.hashers import get_hasher

    hasher = get_hasher()
    if hasher.algorithm in _FAST_HASHES or getattr(hasher, "iterations", _FEW_ITERATIONS) < _FEW_ITERATIONS:
        name = f"PASSWORD_HASHERS[0] = {settings.PASSWORD_HASHERS[0]}"
        yield weakness(name, "so fast a hash leaves nothing to measure in the time of a login", "reveals_no_accounts")
    if not settings.AUTH_PASSWORD_VALIDATORS:
        why = "no password is judged; if production has no validators either, that is the finding"
        yield weakness("AUTH_PASSWORD_VALIDATORS = []", why, "passwords_follow_policy")


def _of_cookies(settings: Any) -> Iterator[Weakness]:  # noqa: ANN401 - Django's settings
    for kind in ("SESSION", "CSRF"):
        if not getattr(settings, f"{kind}_COOKIE_SECURE", False):
            yield insecure_cookie(f"{kind}_COOKIE_SECURE = False", getattr(settings, f"{kind}_COOKIE_NAME", ""))


def _of_throttles(settings: Any) -> Iterator[Weakness]:  # noqa: ANN401 - Django's settings
    for name in ("AXES_ENABLED", "RATELIMIT_ENABLE", "DEFENDER_ENABLED"):
        if getattr(settings, name, True) is False:
            yield weakness(f"{name} = False", "logins are not throttled here", "throttles_login")
    rates = getattr(settings, "REST_FRAMEWORK", {}).get("DEFAULT_THROTTLE_RATES")
    if rates and not any(rates.values()):
        name = "REST_FRAMEWORK['DEFAULT_THROTTLE_RATES']"
        yield weakness(name, "every rate is None, so nothing is throttled here", "throttles_login")
    backend = settings.CACHES.get("default", {}).get("BACKEND", "")
    if backend.endswith("DummyCache"):
        yield weakness(
            f"CACHES['default'] = {backend}", "a throttle that counts in it counts nothing", "throttles_login"
        )
