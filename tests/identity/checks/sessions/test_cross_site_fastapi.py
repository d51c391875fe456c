"""Requests that pages of other sites start, on a FastAPI application whose operations take JSON."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import fastapi
import pydantic
import pytest
from fastapi.middleware.cors import CORSMiddleware

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Resource, call, fastapi_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target


class Order(pydantic.BaseModel):
    """What an order takes."""

    note: str


class Credentials(pydantic.BaseModel):
    """What a login takes."""

    username: str
    password: str


class Shop:
    """Orders in memory, and a session in a cookie that every site's requests carry."""

    def __init__(self, *, any_type: bool = False) -> None:
        self.any_type = any_type
        self.users: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.orders: dict[int, dict[str, str]] = {}

    def persona(self) -> Persona:
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    def new_order(self, persona: Persona, canary: str) -> int:
        self.orders[len(self.orders) + 1] = {"owner": persona.username, "note": canary}
        return len(self.orders)

    def app(self) -> Any:
        app = fastapi.FastAPI(strict_content_type=not self.any_type)
        app.state.shop = self

        async def login(given: Credentials, response: fastapi.Response) -> dict[str, bool]:
            if self.users.get(given.username) != given.password:
                raise fastapi.HTTPException(401)
            sid = secrets.token_hex(16)
            self.sessions[sid] = given.username
            response.set_cookie("sid", sid, secure=True, httponly=True, samesite="none")
            return {"ok": True}

        app.add_api_route("/login", login, methods=["POST"])
        app.add_api_route("/me", me)
        app.add_api_route("/orders/{order}", read)
        app.add_api_route("/orders/{order}", write, methods=["PUT"])
        app.add_api_route("/orders/{order}/note", write, methods=["POST"])
        return app

    def target(self, app: Any = None) -> Target:
        return fastapi_target(
            app or self.app(),
            personas={"user": self.persona},
            login=call("POST /login", json={"username": "{username}", "password": "{password}"}),
            whoami="/me",
            resources={"order": Resource(self.new_order, "GET /orders/{order}")},
        )


def current(request: fastapi.Request) -> str:
    name: str | None = request.app.state.shop.sessions.get(request.cookies.get("sid"))
    if name is None:
        raise fastapi.HTTPException(401)
    return name


def own(order: int, request: fastapi.Request, name: Annotated[str, fastapi.Depends(current)]) -> dict[str, str]:
    found: dict[str, str] = request.app.state.shop.orders.get(order, {})
    if found.get("owner") != name:
        raise fastapi.HTTPException(404)
    return found


async def me(name: Annotated[str, fastapi.Depends(current)]) -> dict[str, str]:
    return {"name": name}


async def read(found: Annotated[dict[str, str], fastapi.Depends(own)]) -> dict[str, str]:
    return found


async def write(given: Order, found: Annotated[dict[str, str], fastapi.Depends(own)]) -> dict[str, str]:
    found["note"] = given.note
    return found


def refuses(target: Target) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.refuses_cross_site_writes()
    finally:
        checks.close()


def rules(verdict: Verdict) -> set[tuple[str, str]]:
    return {(found.rule, found.subject) for found in verdict.findings}


def test_json_that_must_be_called_json_is_out_of_reach_of_other_sites() -> None:
    verdict = refuses(Shop().target())
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["judged_by"] == {
        "POST /orders/{order}/note": "read-back",
        "PUT /orders/{order}": "read-back",
    }


def test_json_that_may_be_called_anything_is_told() -> None:
    verdict = refuses(Shop(any_type=True).target())
    assert rules(verdict) == {("cross-site-write", "POST /orders/{order}/note"), ("cross-site-login", "login")}


@pytest.mark.parametrize(
    ("options", "reads"),
    [
        ({"allow_origin_regex": ".*"}, True),
        ({"allow_origins": ["*"]}, True),  # with credentials, Starlette sends the asking origin back
        ({"allow_origins": ["https://shop.example"]}, False),
        ({"allow_origin_regex": r"https://testserver.*"}, True),
    ],
)
def test_origins_that_may_read_with_the_visitors_session_are_told(options: dict[str, Any], reads: bool) -> None:  # noqa: FBT001 - expected
    shop = Shop()
    app = shop.app()
    app.add_middleware(CORSMiddleware, allow_credentials=True, allow_methods=["*"], allow_headers=["*"], **options)
    found = rules(refuses(shop.target(app)))
    expected = {
        ("cors-reads", "GET /me"),
        ("cors-writes", "POST /orders/{order}/note"),
        ("cors-writes", "PUT /orders/{order}"),
    }
    assert found == (expected if reads else set())
