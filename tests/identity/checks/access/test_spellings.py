"""Operations that are refused at their address and reached by another spelling of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import fastapi
import flask
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Payload, Resource, asgi_target, bearer, flask_target
from pytest_devsecops.identity.checks.access.spelled import SPELLINGS
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

MATRIX = {
    "GET /me": {"clerk": "own", "chief": "own"},
    "GET /files/{file}": {"clerk": "own", "chief": "all"},
    "GET /chief/files": {"clerk": "none", "chief": "all"},
    "GET /chief/numbers": {"clerk": "none", "chief": "all"},
    "PUT /chief/files/{file}": {"clerk": "none", "chief": "all"},
    "POST /chief/files": {"clerk": "none", "chief": "all"},
}
RULE = "reached-by-another-spelling"
READ = {("GET /chief/files", who) for who in ("clerk", "anonymous")} | {
    ("GET /chief/numbers", who) for who in ("clerk", "anonymous")
}
CHANGED = {("PUT /chief/files/{file}", who) for who in ("clerk", "anonymous")}
ADDED = {("POST /chief/files", who) for who in ("clerk", "anonymous")}

#: What is let through although only the chief may: a guard that compares, and a router that is lenient.
Lets = Callable[[dict[str, Any]], bool]
Router = Callable[[dict[str, Any]], None]


def _is_elsewhere(environ: dict[str, Any]) -> bool:
    return not environ["PATH_INFO"].startswith("/chief/")


def _lower(environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = environ["PATH_INFO"].lower()


def _merged(environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = "/" + "/".join(part for part in environ["PATH_INFO"].split("/") if part)


def _unescaped(environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = unquote(environ["PATH_INFO"])


def _without_parameters(environ: dict[str, Any]) -> None:
    parts = [part.partition(";")[0] for part in environ["PATH_INFO"].split("/")]
    environ["PATH_INFO"] = "/" + "/".join(part for part in parts if part)


def _suffix(environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = environ["PATH_INFO"].removesuffix(".json")


def _original(environ: dict[str, Any]) -> None:
    environ["PATH_INFO"] = environ.get("HTTP_X_ORIGINAL_URL", environ["PATH_INFO"])


def _overridden(environ: dict[str, Any]) -> None:
    environ["REQUEST_METHOD"] = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", environ["REQUEST_METHOD"])


def _any_as_get(environ: dict[str, Any]) -> None:
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "POST", "PUT"):
        environ["REQUEST_METHOD"] = "GET"


def _as_it_is(environ: dict[str, Any]) -> None:
    """Leave the request alone."""


HOLES: dict[str, tuple[Lets, Router, set[tuple[str, str]]]] = {
    "capitals": (_is_elsewhere, _lower, READ | CHANGED | ADDED),
    "slashes": (_is_elsewhere, _merged, READ | CHANGED | ADDED),
    "escaped twice": (_is_elsewhere, _unescaped, READ | CHANGED | ADDED),
    "path parameters": (_is_elsewhere, _without_parameters, READ | CHANGED | ADDED),
    "suffix": (lambda environ: environ["PATH_INFO"].endswith(".json"), _suffix, READ | CHANGED | ADDED),
    "original address": (_is_elsewhere, _original, READ | CHANGED | ADDED),
    "overridden method": (lambda environ: "HTTP_X_HTTP_METHOD_OVERRIDE" in environ, _overridden, CHANGED),
    "made-up method": (lambda environ: environ["REQUEST_METHOD"] == "JEFF", _any_as_get, READ),
    "own machine": (lambda environ: environ.get("HTTP_X_FORWARDED_FOR") == "127.0.0.1", _as_it_is, READ | CHANGED),
}


class Office:
    """Files; the chief sees and writes all. A guard in front knows who may, and a router follows it."""

    def __init__(self, lets: Lets, router: Router, *, checks_in_views: bool = False) -> None:
        self.lets, self.router, self.checks_in_views = lets, router, checks_in_views
        self.files: dict[str, dict[str, str]] = {}

    def add(self, owner: str, text: str) -> str:
        number = secrets.token_hex(4)
        self.files[number] = {"owner": owner, "text": text}
        return number

    def app(self) -> flask.Flask:
        app = flask.Flask("office", static_folder=None)
        app.url_map.merge_slashes = False
        app.add_url_rule("/", "home", lambda: {"hello": "you"})
        app.add_url_rule("/me", "me", lambda: {"name": _caller() or flask.abort(401)})
        app.add_url_rule("/files/<file>", "file", self._file)
        app.add_url_rule("/chief/files", "all", lambda: list(self.files.values()))
        app.add_url_rule("/chief/numbers", "numbers", lambda: {"count": len(self.files), "most": "clerks"})
        app.add_url_rule("/chief/files/<file>", "write", self._write, methods=["PUT"])
        app.add_url_rule("/chief/files", "new", self._new, methods=["POST"])
        inner = app.wsgi_app

        @app.before_request
        def check() -> None:
            for_chief = flask.request.endpoint in ("all", "numbers", "write", "new")
            if self.checks_in_views and for_chief and not _caller().startswith("chief"):
                flask.abort(403)

        def guarded(environ: dict[str, Any], start: Any) -> Any:
            who = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
            is_guarded = environ["PATH_INFO"].startswith("/chief/")
            if is_guarded and not who.startswith("chief") and not self.lets(environ):
                start("403 Forbidden", [("Content-Type", "application/json")])
                return [b'{"error": "no"}']
            self.router(environ)
            return inner(environ, start)

        app.wsgi_app = guarded  # type: ignore[method-assign,assignment]
        return app

    def _file(self, file: str) -> Any:
        found, who = self.files.get(file), _caller()
        may = found is not None and (who == found["owner"] or who.startswith("chief"))
        return found if found is not None and may else flask.abort(404)

    def _write(self, file: str) -> Any:
        self.files[file]["text"] = flask.request.get_json()["text"]
        return {"ok": True}

    def _new(self) -> Any:
        return {"id": self.add("nobody", flask.request.get_json()["text"])}, 201

    def check(self) -> Verdict:
        target = flask_target(
            self.app(),
            personas={kind: lambda kind=kind: (f"{kind}-{secrets.token_hex(4)}", "") for kind in ("clerk", "chief")},
            login=bearer(lambda persona: persona.username),
            whoami="/me",
            resources={"file": Resource(lambda owner, text: self.add(owner.username, text), "GET /files/{file}")},
            payloads={
                "PUT /chief/files/{file}": Payload(json={"text": "{canary}"}),
                "POST /chief/files": Payload(json={"text": "{canary}"}),
            },
        )
        return _checked(target, MATRIX, {"GET /": "a greeting"})


def _caller() -> str:
    return flask.request.headers.get("Authorization", "").removeprefix("Bearer ")


def _checked(target: Any, matrix: Any, ignore: Any) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return checks.access_matches(matrix, ignore=ignore)
    finally:
        checks.close()


@pytest.mark.parametrize("hole", HOLES)
def test_a_refused_operation_that_another_spelling_reaches_is_told(hole: str) -> None:
    lets, router, wanted = HOLES[hole]
    verdict = Office(lets, router).check()
    told = {one.subject for one in verdict.findings if one.rule == RULE}
    assert {f"{operation} for {kind}" for operation, kind in wanted} <= told, verdict.explain()
    assert {one.rule for one in verdict.findings} == {RULE}, verdict.explain()


@pytest.mark.parametrize(
    "router",
    [_as_it_is, _lower, _merged, _unescaped, _without_parameters, _suffix, _overridden, _any_as_get],
    ids=lambda router: router.__name__,
)
def test_a_lenient_router_behind_which_the_caller_is_checked_is_fine(router: Router) -> None:
    office = Office(lambda _environ: True, router, checks_in_views=True)
    verdict = office.check()
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.evidence["spellings"] > len(SPELLINGS)
    assert verdict.evidence["spellings_not_judged"] == []


def test_a_page_that_stands_for_every_address_is_no_way_in() -> None:
    """A single-page application answers every address with the same page."""
    office = Office(lambda _environ: False, _as_it_is)
    app = fastapi.FastAPI()

    def caller(request: fastapi.Request) -> str:
        return request.headers.get("Authorization", "").removeprefix("Bearer ") or _refuse(401)

    @app.get("/me")
    def me(request: fastapi.Request) -> dict[str, str]:
        return {"name": caller(request)}

    @app.get("/chief/numbers")
    def numbers(request: fastapi.Request) -> dict[str, Any]:
        return {"count": len(office.files)} if caller(request).startswith("chief") else _refuse(403)

    @app.get("/{path:path}")
    def page(path: str) -> dict[str, int]:
        return {"count": len(path)}

    target = asgi_target(
        app,
        personas={kind: lambda kind=kind: (f"{kind}-{secrets.token_hex(4)}", "") for kind in ("clerk", "chief")},
        login=bearer(lambda persona: persona.username),
        whoami="/me",
    )
    matrix = {key: MATRIX[key] for key in ("GET /me", "GET /chief/numbers")}
    verdict = _checked(target, matrix, {"GET /{path}": "the page"})
    assert verdict.status is Status.MET, verdict.explain()


def _refuse(status: int) -> Any:
    raise fastapi.HTTPException(status)


def test_what_shows_nothing_of_what_it_did_is_listed(kit: Any) -> None:
    def extra(app: flask.Flask) -> None:
        app.add_url_rule("/ping", "ping", lambda: {"pong": True}, methods=["POST"])

    matrix = {**kit.MATRIX, "POST /ping": {"customer": "all", "staff": "all", "anonymous": "none"}}
    verdict = kit.check(kit.target(kit.shop(), extra=extra), matrix)
    assert verdict.evidence["spellings_not_judged"] == ["POST /ping"]
