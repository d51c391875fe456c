"""What people get wrong at first: each mistake is told in one sentence, with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fastapi
import flask
import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import asgi_target, fastapi_target, flask_target, form, process_target, wsgi_target
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target


def _plain(_environ: dict[str, Any], _start: Any) -> Iterable[bytes]:
    return []


async def _asynchronous(_scope: Any, _receive: Any, _send: Any) -> None:
    """Answer nothing."""


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "path for a login": ({"login": "/login"}, r"says no way to log in \(pass login=form\('/login'\)\)"),
    "login of another kind": ({"login": 4}, "login= is int"),
    "user for a factory": ({"personas": {"customer": ("ann", "secret")}}, "'customer' is tuple, and must be a func"),
    "users in a list": ({"personas": [("ann", "secret")]}, "personas= is list"),
    "number for a hook": ({"disable": 4}, "disable= is int"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_no_function_is_told_at_once(mistake: str) -> None:
    flows, told = MISTAKES[mistake]
    with pytest.raises(UsageError, match=told):
        wsgi_target(_plain, **flows)


def test_what_is_one_is_taken() -> None:
    target = wsgi_target(_plain, login=form("/in"), personas={"customer": lambda: ("a", "b")}, logout="POST /out")
    assert set(target.personas) == {"customer"}


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (lambda: asgi_target(flask.Flask("shop")), "Flask does not take the 3 arguments of ASGI"),  # type: ignore[arg-type]
        (lambda: fastapi_target(flask.Flask("shop")), "use wsgi_target or flask_target"),
        (lambda: wsgi_target(fastapi.FastAPI()), "use asgi_target or fastapi_target"),  # type: ignore[arg-type]
        (lambda: flask_target(fastapi.FastAPI()), "FastAPI is no Flask application"),
        (lambda: wsgi_target(object()), "object is no WSGI application"),  # type: ignore[arg-type]
    ],
)
def test_an_application_of_the_other_interface_is_told(target: Callable[[], Target], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Live(target()).close()


@pytest.mark.parametrize("target", [lambda: asgi_target(_asynchronous), lambda: wsgi_target(_plain)])
def test_a_plain_function_is_an_application(target: Callable[[], Target]) -> None:
    Live(target()).close()


def test_an_application_that_cannot_be_imported_is_unverified(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "crashing_shop.py").write_text("raise RuntimeError('no DATABASE_URL')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    target = flask_target("crashing_shop:app", personas={"customer": lambda: ("a", "b")}, login=form("/in"))
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    verdict = checks.cookies_are_safe()
    checks.close()
    assert verdict.status is Status.UNVERIFIED
    assert "no DATABASE_URL" in verdict.explain()


def test_a_command_that_does_not_exist_is_told_without_a_traceback() -> None:
    with pytest.raises(UnreachableError) as told:
        Live(process_target("no-such-server --port {port}"))
    assert "no-such-server cannot be run: No such file or directory" in str(told.value)
    assert "Traceback" not in str(told.value)
    assert "run the command by hand" in told.value.remedy
