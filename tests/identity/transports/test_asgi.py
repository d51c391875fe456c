"""ASGI applications in process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from pytest_devsecops.identity import Persona, asgi_target
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.live import Live


async def whoami(request: StarletteRequest) -> JSONResponse:
    client = request.client.host if request.client else ""
    return JSONResponse({"client": client, "made": request.state.made, "scheme": request.url.scheme})


async def hang(_: StarletteRequest) -> JSONResponse:
    await asyncio.sleep(60)
    return JSONResponse({})


async def crash(_: StarletteRequest) -> JSONResponse:
    raise RuntimeError("on purpose")


def application(events: list[str]) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        events.append("started")
        yield {"made": id(asyncio.get_running_loop())}
        events.append("ended")

    routes = [Route("/", whoami), Route("/hang", hang), Route("/crash", crash)]
    return Starlette(routes=routes, lifespan=lifespan)


def test_lifespan_runs_once_and_its_state_reaches_requests() -> None:
    events: list[str] = []
    with Live(asgi_target(application(events))) as live:
        first, second = live.browser().get("/").json(), live.browser().get("/").json()
        assert events == ["started"]
        assert first["made"] == second["made"]
        assert first["scheme"] == "https"
    assert events == ["started", "ended"]


def test_asynchronous_factories_and_hooks_run_on_the_applications_own_loop() -> None:
    seen: list[int] = []

    async def make() -> Persona:
        seen.append(id(asyncio.get_running_loop()))
        return Persona("customer", "kim", "secret")

    async def disable(_: Persona) -> None:
        seen.append(id(asyncio.get_running_loop()))

    with Live(asgi_target(application([]), personas={"customer": make}, disable=disable)) as live:
        persona = live.persona()
        assert persona.username == "kim"
        assert live.target.hooks.disable is not None
        live.target.hooks.disable(persona)
        assert set(seen) == {live.browser().get("/").json()["made"]}


def test_a_request_that_hangs_ends_with_a_message() -> None:
    with (
        Live(asgi_target(application([]), timeout=0.2)) as live,
        pytest.raises(
            UnreachableError, match=r"GET https://testserver/hang: the application did not answer within 0.2"
        ),
    ):
        live.browser().get("/hang")


def test_a_crash_is_the_500_that_a_server_makes_of_it() -> None:
    with Live(asgi_target(application([]))) as live:
        assert live.browser().get("/crash").status == 500


def test_requests_can_come_from_any_loopback_address() -> None:
    with Live(asgi_target(application([]))) as live:
        assert live.browser("127.0.0.9").get("/").json()["client"] == "127.0.0.9"


def test_a_lifespan_that_fails_is_told() -> None:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no database")
        yield

    with pytest.raises(UnreachableError, match="no database"):
        Live(asgi_target(Starlette(lifespan=lifespan)))


def test_an_application_without_lifespan_is_served() -> None:
    async def app(scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with Live(asgi_target(app)) as live:
        assert live.browser().get("/").status == 204
