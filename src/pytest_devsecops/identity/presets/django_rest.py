"""Django REST framework in process: tokens of its own, of Simple JWT, or Django's sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import TokenLogin
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.presets.common import IN_PROCESS, with_defaults
from pytest_devsecops.identity.presets.django import django_target, log_in_by_form
from pytest_devsecops.identity.target import Flows, Target

#: Views that give a token for a password: their base class, the key of the token, and its scheme.
_GIVERS = (
    ("rest_framework.authtoken.views.ObtainAuthToken", "token", "Token"),
    ("rest_framework_simplejwt.views.TokenObtainPairView", "access", "Bearer"),
    ("rest_framework_simplejwt.views.TokenObtainSlidingView", "token", "Bearer"),
)
_REFRESHER = "rest_framework_simplejwt.views.TokenRefreshView"


def django_rest_target(*, base_url: str = IN_PROCESS, timeout: float = 10.0, **flows: Unpack[Flows]) -> Target:
    """Return the configured project with Django REST framework as a target.

    Left out, ``login`` posts to the view of the project that gives tokens (the framework's own, or
    Simple JWT's) and sends the token as the framework expects it; without such a view it fills in
    Django's form at ``LOGIN_URL``. ``refresh`` uses Simple JWT's view if the project has it. The rest
    is as in ``django_target``.

    Args:
        base_url: the address that it believes to have; ``https``, because cookies may be ``Secure``.
        timeout: seconds after which a request counts as hanging.
        flows: personas, login and hooks; see ``Target``.
    """
    defaults: dict[str, Any] = {"login": _log_in}
    if _is_ready() and _path_of(_REFRESHER):
        defaults["refresh"] = _refresh
    return django_target(base_url=base_url, timeout=timeout, **with_defaults(flows, defaults))


def _is_ready() -> bool:
    from django.apps import apps

    return bool(apps.ready)


def _log_in(browser: Browser, persona: Persona) -> Response:
    found = _giver()
    return found(browser, persona) if found is not None else log_in_by_form(browser, persona)


def _giver() -> TokenLogin | None:
    for base, key, scheme in _GIVERS:
        path = _path_of(base)
        if path:
            return TokenLogin(path, as_json=True, fields=_fields(), token=key, scheme=_keyword(scheme))
    return None


def _fields() -> dict[str, str]:
    from django.contrib.auth import get_user_model

    # The framework's own view always says "username"; Simple JWT follows the user model.
    names = {"username", str(get_user_model().USERNAME_FIELD)}
    return {**dict.fromkeys(sorted(names), "{username}"), "password": "{password}"}


def _keyword(scheme: str) -> str:
    """Return the word before the token, which a project can choose by a class of its own."""
    from rest_framework.settings import api_settings

    if scheme != "Token":
        return scheme
    words = [getattr(one, "keyword", "") for one in api_settings.DEFAULT_AUTHENTICATION_CLASSES]
    return next((str(word) for word in words if word), scheme)


def _refresh(browser: Browser) -> None:
    path = _path_of(_REFRESHER)
    if not path:
        raise FlowError("the project has no view that refreshes tokens", remedy="pass refresh=…")
    given = (one.response.json() for one in reversed(browser.history))
    token = next((one["refresh"] for one in given if isinstance(one, dict) and "refresh" in one), None)
    if token is None:
        raise FlowError("the login gave no refresh token", remedy="pass refresh=…")
    answer = browser.post_json(path, {"refresh": token}).json()
    if not isinstance(answer, dict) or "access" not in answer:
        raise FlowError("the refresh token is refused")
    browser.headers["Authorization"] = f"Bearer {answer['access']}"


def _path_of(base: str) -> str:
    """Return the path of the project's first view that is, or is made from, a class; empty if there is none."""
    from pytest_devsecops.identity.inventory.django import views_of_django

    module, _, name = base.rpartition(".")
    return next((path for path, view in views_of_django() if _is_made_from(view, module, name)), "")


def _is_made_from(view: Callable[..., Any], module: str, name: str) -> bool:
    made = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return isinstance(made, type) and any((one.__module__, one.__name__) == (module, name) for one in made.__mro__)
