"""A small shop with seven operations and two kinds of users, whose holes can be opened one by one.

The same store is served by Flask and by FastAPI, so that checks are shown on both.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import fastapi
import flask
import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.inventory.flask import operations_of_flask
from pytest_devsecops.identity.inventory.starlette import operations_of_starlette
from pytest_devsecops.identity.payload import Payload
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Operation, Resource, Target
from pytest_devsecops.identity.transports.asgi import AsgiTransport
from pytest_devsecops.identity.transports.wsgi import WsgiTransport

MATRIX = {
    "GET /me": {"customer": "own", "staff": "own", "anonymous": "none"},
    "GET /orders": {"customer": "own", "staff": "all", "anonymous": "none"},
    "POST /orders": {"customer": "own", "staff": "none", "anonymous": "none"},
    "GET /orders/{order}": {"customer": "own", "staff": "all", "anonymous": "none"},
    "PUT /orders/{order}": {"customer": "own", "staff": "none", "anonymous": "none"},
    "DELETE /orders/{order}": {"customer": "own", "staff": "all", "anonymous": "none"},
    "GET /admin/stats": {"customer": "none", "staff": "all", "anonymous": "none"},
}
IGNORE = {"POST /login": "everybody may try to log in"}


@dataclass
class Shop:
    """What the shop keeps, and which of its rules are broken.

    Attributes:
        holes: names of rules that are not kept.
        refusal: how a refusal looks: a status, or ``page`` for a login page with 200, ``redirect``.
    """

    holes: frozenset[str] = frozenset()
    refusal: str = "403"
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_user(self, role: str, tenant: str = "") -> Persona:
        name = f"{role}-{secrets.token_hex(4)}"
        self.users[name] = {"password": secrets.token_hex(8), "role": role, "tenant": tenant or name}
        return Persona(role, name, self.users[name]["password"], data={"tenant": self.users[name]["tenant"]})

    def new_order(self, persona: Persona, note: str) -> int:
        number = next(self.numbers)
        self.orders[number] = {"id": number, "owner": persona.username, "note": note, "paid": False}
        return number

    def log_in(self, name: str, password: str) -> str | None:
        user = self.users.get(name)
        if user is None or user["password"] != password:
            return None
        session = secrets.token_hex(16)
        self.sessions[session] = name
        return session

    def answer(
        self, operation: str, session: str, number: int = 0, body: Mapping[str, Any] | None = None
    ) -> tuple[int, Any]:
        """Return status and JSON content of an operation for whoever the session belongs to."""
        name = self.sessions.get(session)
        if name is None and f"anonymous {operation}" not in self.holes:
            return self._no()
        role = self.users[name]["role"] if name else "nobody"
        handler: Callable[..., tuple[int, Any]] = {
            "GET /me": self._me,
            "GET /orders": self._list,
            "POST /orders": self._create,
            "GET /orders/{order}": self._read,
            "PUT /orders/{order}": self._write,
            "DELETE /orders/{order}": self._delete,
            "GET /admin/stats": self._stats,
        }[operation]
        return handler(name or "nobody", role, number, body or {})

    def _no(self) -> tuple[int, Any]:
        if self.refusal == "page":
            return 200, {"please": "log in"}
        return int(self.refusal), {"error": "no"}

    def _me(self, name: str, role: str, _number: int, _body: Mapping[str, Any]) -> tuple[int, Any]:
        return 200, {"name": name, "role": role}

    def _list(self, name: str, role: str, _number: int, _body: Mapping[str, Any]) -> tuple[int, Any]:
        everything = role == "staff" or "lists all" in self.holes
        return 200, [order for order in self.orders.values() if everything or order["owner"] == name]

    def _create(self, name: str, role: str, _number: int, body: Mapping[str, Any]) -> tuple[int, Any]:
        if role != "customer" and "anybody creates" not in self.holes:
            return self._no()
        number = next(self.numbers)
        self.orders[number] = {"id": number, "owner": name, "note": body.get("note", ""), "paid": False}
        if "mass assignment" in self.holes:
            self.orders[number].update({key: value for key, value in body.items() if key != "id"})
        return 201, self.orders[number]

    def _read(self, name: str, role: str, number: int, _body: Mapping[str, Any]) -> tuple[int, Any]:
        order = self.orders.get(number)
        if order is None or (role != "staff" and order["owner"] != name and "reads foreign" not in self.holes):
            return self._no()
        return 200, order

    def _write(self, name: str, role: str, number: int, body: Mapping[str, Any]) -> tuple[int, Any]:
        order = self.orders.get(number)
        if order is None or role != "customer" or order["owner"] != name:
            if order is not None and "writes foreign" in self.holes:
                order["note"] = body.get("note", "")
                return self._no()  # it says no, and does it
            return (200, {"ok": True}) if "polite refusal" in self.holes else self._no()
        order["note"] = body.get("note", "")
        if "mass assignment" in self.holes:
            order.update({key: value for key, value in body.items() if key != "id"})
        return 200, {"ok": True}

    def _delete(self, name: str, role: str, number: int, _body: Mapping[str, Any]) -> tuple[int, Any]:
        order = self.orders.get(number)
        if order is None or (role != "staff" and order["owner"] != name and "deletes foreign" not in self.holes):
            return self._no()
        del self.orders[number]
        return 204, None

    def _stats(self, _name: str, role: str, _number: int, _body: Mapping[str, Any]) -> tuple[int, Any]:
        if role != "staff" and "stats for all" not in self.holes:
            return self._no()
        return 200, {"orders": len(self.orders), "users": len(self.users)}


def cookie_login(browser: Browser, persona: Persona) -> Response:
    return browser.post_json("/login", {"username": persona.username, "password": persona.password})


def flask_app(shop: Shop, extra: Callable[[Any], None] | None = None) -> Any:
    app = flask.Flask("shop", static_folder=None)

    def respond(operation: str, number: int = 0) -> Any:
        session = flask.request.cookies.get("session", "")
        status, content = shop.answer(operation, session, number, flask.request.get_json(silent=True))
        if status == 302:
            return flask.redirect("/login")
        return flask.jsonify(content), status

    @app.post("/login")
    def login() -> Any:
        given = flask.request.get_json()
        session = shop.log_in(given["username"], given["password"])
        answer = flask.jsonify(ok=session is not None)
        if session:
            answer.set_cookie("session", session, secure=True, httponly=True, samesite="Lax")
        return answer

    app.add_url_rule("/me", "me", lambda: respond("GET /me"))
    app.add_url_rule("/orders", "list", lambda: respond("GET /orders"))
    app.add_url_rule("/orders", "create", lambda: respond("POST /orders"), methods=["POST"])
    for method in ("GET", "PUT", "DELETE"):
        view = lambda order, method=method: respond(f"{method} /orders/{{order}}", order)  # noqa: E731 - one for each
        app.add_url_rule("/orders/<int:order>", method, view, methods=[method])
    app.add_url_rule("/admin/stats", "stats", lambda: respond("GET /admin/stats"))
    if extra is not None:
        extra(app)
    return app


def fastapi_app(shop: Shop) -> Any:
    from fastapi.responses import JSONResponse, RedirectResponse

    app = fastapi.FastAPI()
    router = fastapi.APIRouter()

    async def respond(request: Any, operation: str, number: int = 0) -> Any:
        body = await request.json() if await request.body() else None
        status, content = shop.answer(operation, request.cookies.get("session", ""), number, body)
        return RedirectResponse("/login", 302) if status == 302 else JSONResponse(content, status)

    async def login(request: fastapi.Request) -> Any:
        given = await request.json()
        session = shop.log_in(given["username"], given["password"])
        answer = JSONResponse({"ok": session is not None})
        if session:
            answer.set_cookie("session", session, secure=True, httponly=True, samesite="lax")
        return answer

    def route(target: Any, method: str, path: str, operation: str) -> None:
        if "{order}" in path:

            async def one(order: int, request: fastapi.Request) -> Any:
                return await respond(request, operation, order)

            target.add_api_route(path, one, methods=[method], response_model=None)
            return

        async def plain(request: fastapi.Request) -> Any:
            return await respond(request, operation)

        target.add_api_route(path, plain, methods=[method], response_model=None)

    app.add_api_route("/login", login, methods=["POST"], response_model=None)
    for text in MATRIX:
        method, _, path = text.partition(" ")
        route(router, method, path, text)
    app.include_router(router)
    return app


class Kit:
    """What the tests of this folder share."""

    MATRIX = MATRIX
    IGNORE = IGNORE
    flask_app = staticmethod(flask_app)

    @staticmethod
    def shop(*holes: str, refusal: str = "403") -> Shop:
        return Shop(frozenset(holes), refusal)

    @staticmethod
    def target(shop: Shop, kind: str = "wsgi", *, extra: Callable[[Any], None] | None = None, **changes: Any) -> Target:
        app = flask_app(shop, extra) if kind == "wsgi" else fastapi_app(shop)
        parts: dict[str, Any] = {
            "personas": {"customer": lambda: shop.new_user("customer"), "staff": lambda: shop.new_user("staff")},
            "login": cookie_login,
            "whoami": Operation.parse("/me"),
            "resources": {"order": Resource(shop.new_order, "GET /orders/{order}")},
            "payloads": {
                "POST /orders": Payload(json={"note": "{canary}"}),
                "PUT /orders/{order}": Payload(json={"note": "{canary}"}),
            },
            "inventory": lambda: operations_of_flask(app) if kind == "wsgi" else operations_of_starlette(app),
            **changes,
        }
        opener = (lambda: WsgiTransport(app)) if kind == "wsgi" else (lambda: AsgiTransport(app))
        return Target(kind, opener, "https://shop.example", **parts)

    @staticmethod
    def check(target: Target, matrix: Any = None, ignore: Any = None) -> Verdict:
        checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
        try:
            return checks.access_matches(
                MATRIX if matrix is None else matrix, ignore=IGNORE if ignore is None else ignore
            )
        finally:
            checks.close()

    @staticmethod
    def rules(verdict: Verdict) -> set[tuple[str, str]]:
        return {(found.rule, found.subject) for found in verdict.findings}


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


@pytest.fixture(params=["wsgi", "asgi"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
