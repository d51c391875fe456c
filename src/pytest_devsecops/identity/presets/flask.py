"""Flask in process, and Flask-Login."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from typing import Any, Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import form
from pytest_devsecops.identity.http import Response, Transport
from pytest_devsecops.identity.loading import lazily
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.presets.common import IN_PROCESS, insecure_cookie, weakness, with_defaults
from pytest_devsecops.identity.target import Flows, Operation, Target, Weakness, describe

#: Hooks that work on the application's data rather than through requests.
_DATA_HOOKS = ("disable", "delete", "terminate", "set_role", "mailbox", "reset", "mint")
_FEW_ROUNDS = 10


def flask_target(
    app: Any,  # noqa: ANN401 - a Flask application or its import string
    *,
    base_url: str = IN_PROCESS,
    timeout: float = 10.0,
    **flows: Unpack[Flows],
) -> Target:
    """Return a Flask application as a target.

    Each request runs in a context of its own: under an application context that a test keeps open,
    ``flask.g`` and with it Flask-Login's user would leak from one request into the next. Factories
    and hooks that work on data run in an application context.

    Args:
        app: the application, ``"package.module:app"`` or ``"package.module:create_app()"``.
        base_url: the address that it believes to have; ``https``, because cookies may be ``Secure``.
        timeout: seconds after which a request counts as hanging.
        flows: personas, login and hooks; see ``Target``.
    """
    return _target(lazily(app), base_url, timeout, flows)


def _target(loader: Callable[[], Any], base_url: str, timeout: float, flows: Flows) -> Target:
    def load() -> Any:  # noqa: ANN401 - a Flask application
        app = loader()
        if not (hasattr(app, "app_context") and hasattr(app, "config")):
            remedy = "pass the Flask object, or use wsgi_target, asgi_target or fastapi_target"
            raise UsageError(f"{type(app).__name__} is no Flask application", remedy=remedy)
        return app

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.wsgi import WsgiTransport

        return WsgiTransport(_isolated(load()), timeout=timeout)

    def operations() -> Sequence[Operation] | None:
        from pytest_devsecops.identity.inventory.flask import operations_of_flask

        return operations_of_flask(load())

    def weaknesses() -> list[Weakness]:
        return [*_weaknesses(load().config)]

    target = Target("wsgi", opened, base_url, inventory=operations, weaknesses=weaknesses)
    return _in_context(describe(target, flows), load)


def flask_login_target(
    app: Any,  # noqa: ANN401 - a Flask application or its import string
    *,
    base_url: str = IN_PROCESS,
    timeout: float = 10.0,
    **flows: Unpack[Flows],
) -> Target:
    """Return a Flask application with Flask-Login as a target.

    Left out, ``login`` fills in the form of Flask-Login's ``login_view``. The arguments are those
    of ``flask_target``.
    """
    load = lazily(app)

    def log_in(browser: Browser, persona: Persona) -> Response:
        return form(_login_path(load()))(browser, persona)

    return _target(load, base_url, timeout, with_defaults(flows, {"login": log_in}))


def _isolated(app: Any) -> Callable[..., Iterable[bytes]]:  # noqa: ANN401 - a Flask application
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        response = app(environ, start_response)
        try:
            return [*response]
        finally:
            if hasattr(response, "close"):
                response.close()

    return lambda environ, start_response: Context().run(serve, environ, start_response)


def _in_context(target: Target, load: Callable[[], Any]) -> Target:
    def within(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what the hook takes and gives
            with load().app_context():
                return function(*args, **kwargs)

        return call

    hooks: dict[str, Any] = {
        name: within(getattr(target.hooks, name)) for name in _DATA_HOOKS if getattr(target.hooks, name)
    }
    return replace(
        target,
        hooks=replace(target.hooks, **hooks),
        personas={kind: within(factory) for kind, factory in target.personas.items()},
        resources={
            name: replace(one, create=within(one.create), inspect=one.inspect and within(one.inspect))
            for name, one in target.resources.items()
        },
        payloads={
            name: replace(one, observe=one.observe and within(one.observe)) for name, one in target.payloads.items()
        },
    )


def _login_path(app: Any) -> str:  # noqa: ANN401 - a Flask application
    manager = getattr(app, "login_manager", None)
    view = getattr(manager, "login_view", None) or next(
        iter(getattr(manager, "blueprint_login_views", {}).values()), ""
    )
    if "/" in view:
        return str(view)
    for rule in app.url_map.iter_rules():
        if rule.endpoint == view:
            return str(rule.rule)
    raise FlowError("Flask-Login has no login_view", remedy="pass login=form('/login')")


def _weaknesses(config: Mapping[str, Any]) -> Iterator[Weakness]:
    if config.get("WTF_CSRF_ENABLED", True) is False:
        yield weakness(
            "WTF_CSRF_ENABLED = False", "forms take requests of other sites here", "refuses_cross_site_writes"
        )
    if config.get("SESSION_COOKIE_SECURE") is False:
        yield insecure_cookie("SESSION_COOKIE_SECURE = False", config.get("SESSION_COOKIE_NAME", "session"))
    if config.get("REMEMBER_COOKIE_SECURE", config.get("SESSION_COOKIE_SECURE")) is False:
        name = config.get("REMEMBER_COOKIE_NAME", "remember_token")
        yield insecure_cookie("REMEMBER_COOKIE_SECURE = False", name)
    if config.get("LOGIN_DISABLED"):
        why = "login_required lets everybody in here"
        yield weakness("LOGIN_DISABLED = True", why, "access_matches", "ends_sessions", "expires_sessions")
    if config.get("RATELIMIT_ENABLED", True) is False:
        yield weakness("RATELIMIT_ENABLED = False", "logins are not throttled here", "throttles_login")
    hashing = config.get("SECURITY_PASSWORD_HASH")
    if config.get("BCRYPT_LOG_ROUNDS", _FEW_ROUNDS) < _FEW_ROUNDS or hashing == "plaintext":
        name = "SECURITY_PASSWORD_HASH = plaintext" if hashing else f"BCRYPT_LOG_ROUNDS = {config['BCRYPT_LOG_ROUNDS']}"
        yield weakness(name, "so fast a hash leaves nothing to measure in the time of a login", "reveals_no_accounts")
