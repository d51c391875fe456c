"""FastAPI in process, with OAuth 2.0 password flow and bearer tokens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import fastapi
import pytest
from fastapi.security import HTTPBearer, OAuth2PasswordBearer

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import bearer, fastapi_target
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

SCHEME = OAuth2PasswordBearer(tokenUrl="auth/token")


class Store:
    """Users and tokens, usable only on the loop on which the application started."""

    def __init__(self) -> None:
        self.starts = 0
        self.loop: asyncio.AbstractEventLoop | None = None
        self.users: dict[str, str] = {}
        self.tokens: dict[str, str] = {}

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[None]:
        self.starts += 1
        self.loop = asyncio.get_running_loop()
        yield
        self.loop = None

    def here(self) -> None:
        assert asyncio.get_running_loop() is self.loop, "on another loop than the application's"

    async def make_user(self) -> Persona:
        self.here()
        await asyncio.sleep(0)
        name = f"user-{secrets.token_hex(4)}"
        self.users[name] = secrets.token_hex(8)
        return Persona("user", name, self.users[name])

    async def delete(self, persona: Persona) -> None:
        self.here()
        del self.users[persona.username]


async def current(request: fastapi.Request, token: Annotated[str, fastapi.Depends(SCHEME)]) -> str:
    store: Store = request.app.state.store
    store.here()
    name = store.tokens.get(token, "")
    if name not in store.users:
        raise fastapi.HTTPException(401)
    return name


def application() -> Any:
    store = Store()
    app = fastapi.FastAPI(lifespan=store.lifespan)
    app.state.store = store

    async def token(username: Annotated[str, fastapi.Form()], password: Annotated[str, fastapi.Form()]) -> Any:
        store.here()
        if store.users.get(username) != password:
            raise fastapi.HTTPException(400)
        made = secrets.token_urlsafe()
        store.tokens[made] = username
        return {"access_token": made, "token_type": "bearer"}

    async def me(name: Annotated[str, fastapi.Depends(current)]) -> dict[str, str]:
        return {"name": name}

    async def logout(request: fastapi.Request, _name: Annotated[str, fastapi.Depends(current)]) -> dict[str, str]:
        store.tokens.pop(request.headers["Authorization"].removeprefix("Bearer "))
        return {}

    app.add_api_route("/auth/token", token, methods=["POST"])
    app.add_api_route("/me", me)
    app.add_api_route("/logout", logout, methods=["POST"])
    return app


def target_of(app: Any, **changes: Any) -> Target:
    store = app.state.store
    given = {"personas": {"user": store.make_user}, "whoami": "/me", "logout": "POST /logout", "delete": store.delete}
    return fastapi_target(app, **{**given, **changes})


def judged(target: Target, check: Callable[[Identity], Verdict]) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return check(checks)
    finally:
        checks.close()


def test_the_password_flow_is_found_and_hooks_run_on_the_applications_loop_whose_lifespan_runs_once() -> None:
    app = application()
    with Live(target_of(app)) as live:
        persona = live.persona()
        browser = live.log_in(persona)
        assert browser.headers["Authorization"].startswith("Bearer ")
        assert live.controls(persona, browser) == ""
        live.target.hooks.delete(persona)  # type: ignore[misc] # it was given
        assert not live.is_logged_in(browser, persona)
    assert app.state.store.starts == 1
    assert app.state.store.loop is None


def test_sessions_that_end_are_fine() -> None:
    verdict = judged(target_of(application()), lambda identity: identity.ends_sessions(on=("logout", "delete")))
    assert verdict.status is Status.MET, verdict.explain()


@pytest.mark.parametrize(
    "check",
    [
        lambda one: one.starts_new_session_at_login(),
        lambda one: one.cookies_are_safe(),
        lambda one: one.refuses_cross_site_writes(),
    ],
)
def test_what_concerns_cookies_is_told_not_to_apply(check: Callable[[Identity], Verdict]) -> None:
    verdict = judged(target_of(application()), check)
    assert verdict.status is Status.UNVERIFIED
    assert {found.rule for found in verdict.findings} >= {"not-applicable"}


def test_tokens_that_the_suite_makes_itself_do_as_well() -> None:
    app = application()
    store: Store = app.state.store

    def mint(persona: Persona) -> str:
        store.tokens["made"] = persona.username
        return "made"

    with Live(target_of(app, login=bearer(mint))) as live:
        live.log_in(live.persona())


def test_an_application_without_a_password_flow_names_the_remedy() -> None:
    app = fastapi.FastAPI()
    app.state.store = Store()
    app.router.lifespan_context = app.state.store.lifespan

    @app.get("/me")
    async def me(token: Annotated[Any, fastapi.Depends(HTTPBearer())]) -> str:
        return str(token)

    with Live(target_of(app)) as live, pytest.raises(FlowError, match="password flow") as caught:
        live.log_in(live.persona())
    assert "TokenLogin" in caught.value.remedy


def test_an_overridden_dependency_that_says_who_is_asking_is_named() -> None:
    app = application()
    app.dependency_overrides[current] = lambda: "somebody"
    verdict = judged(target_of(app), lambda identity: identity.ends_sessions(on="logout"))
    assert verdict.status is Status.UNVERIFIED
    assert "dependency_overrides[current]" in verdict.explain()


def test_an_overridden_dependency_of_another_kind_is_left_alone() -> None:
    app = application()
    app.dependency_overrides[dict] = dict
    assert judged(target_of(app), lambda identity: identity.ends_sessions(on="logout"))
