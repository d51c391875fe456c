"""FastAPI in process, with OAuth 2.0 password flow and bearer tokens unless told otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Unpack, get_args
from urllib.parse import urljoin

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import TokenLogin
from pytest_devsecops.identity.http import Response, Transport
from pytest_devsecops.identity.loading import lazily, must_take
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.presets.common import IN_PROCESS, isolated, weakness, with_defaults
from pytest_devsecops.identity.target import Flows, Operation, Target, Weakness, describe

#: An overridden dependency that says who is asking hides what every one of these looks at.
_AUTHENTICATED = (
    "access_matches",
    "ends_sessions",
    "expires_sessions",
    "refuses_forged_tokens",
    "starts_new_session_at_login",
    "refuses_cross_site_writes",
    "throttles_login",
    "reset_is_safe",
)
_DEPTH = 5


def fastapi_target(
    app: Any,  # noqa: ANN401 - a FastAPI application or its import string
    *,
    base_url: str = IN_PROCESS,
    timeout: float = 10.0,
    **flows: Unpack[Flows],
) -> Target:
    """Return a FastAPI application as a target.

    Left out, ``login`` posts username and password to the ``tokenUrl`` of the application's OAuth 2.0
    password flow (RFC 6749, section 4.3) and sends the access token as a bearer token (RFC 6750).

    Args:
        app: the application, ``"package.module:app"`` or ``"package.module:create_app()"``.
        base_url: the address that it believes to have; ``https``, because cookies may be ``Secure``.
        timeout: seconds after which a request counts as hanging.
        flows: personas, login and hooks; see ``Target``.
    """
    load = lazily(app)

    def log_in(browser: Browser, persona: Persona) -> Response:
        return TokenLogin(_token_path(load()))(browser, persona)

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.asgi import AsgiTransport

        app = load()
        must_take(app, 3, "ASGI", "wsgi_target or flask_target")
        return AsgiTransport(app, timeout=timeout)

    def operations() -> Sequence[Operation] | None:
        from pytest_devsecops.identity.inventory.starlette import operations_of_starlette

        return operations_of_starlette(load())

    target = Target(
        "asgi",
        opened,
        base_url,
        inventory=operations,
        weaknesses=lambda: [*_weaknesses(load())],
        refusal=lambda: isolated("an ASGI application on its own event loop"),
    )
    return describe(target, with_defaults(flows, {"login": log_in}))


def _token_path(app: Any) -> str:  # noqa: ANN401 - a FastAPI application
    schemes = app.openapi().get("components", {}).get("securitySchemes", {})
    for scheme in schemes.values():
        path = scheme.get("flows", {}).get("password", {}).get("tokenUrl")
        if path is not None:
            return urljoin("/", str(path))
    raise FlowError(
        "the application's OpenAPI document describes no OAuth 2.0 password flow",
        remedy="pass login=TokenLogin('/login') or another one",
    )


def _weaknesses(app: Any) -> Iterator[Weakness]:  # noqa: ANN401 - a FastAPI application
    for dependency in getattr(app, "dependency_overrides", {}):
        if _authenticates(dependency):
            name = f"dependency_overrides[{getattr(dependency, '__name__', dependency)}]"
            yield weakness(name, "the test says who is asking, not the application", *_AUTHENTICATED)
    limiter = getattr(getattr(app, "state", None), "limiter", None)
    if getattr(limiter, "enabled", True) is False:
        yield weakness("limiter.enabled = False", "logins are not throttled here", "throttles_login")


def _authenticates(dependency: Callable[..., Any], depth: int = _DEPTH) -> bool:
    """Tell whether a dependency is, or depends on, a security scheme."""
    from fastapi.security.base import SecurityBase

    if isinstance(dependency, SecurityBase):
        return True
    if not depth or not callable(dependency):
        return False
    try:
        parameters = inspect.signature(dependency, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError):
        return False
    markers = [mark for one in parameters for mark in (one.default, *get_args(one.annotation)[1:])]
    inner = [getattr(mark, "dependency", None) for mark in markers]
    return any(_authenticates(one, depth - 1) for one in inner if one is not None)
