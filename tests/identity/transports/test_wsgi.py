"""WSGI applications in process, as objects and as import strings."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import flask
import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.identity import flask_target, form, wsgi_target
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.live import Live


def application() -> flask.Flask:
    app = flask.Flask("app")
    app.config.update(TESTING=True)

    @app.get("/")
    def root() -> dict[str, Any]:
        flask.g.count = flask.g.get("count", 0) + 1
        return {"client": flask.request.remote_addr, "scheme": flask.request.scheme, "count": flask.g.count}

    @app.get("/hang")
    def hang() -> str:
        time.sleep(5)
        return ""

    @app.get("/crash")
    def crash() -> str:
        raise RuntimeError("on purpose")

    return app


def test_requests_are_https_and_can_come_from_any_address() -> None:
    with Live(wsgi_target(application())) as live:
        answer = live.browser("127.0.0.9").get("/").json()
    assert (answer["client"], answer["scheme"]) == ("127.0.0.9", "https")


def test_an_exception_that_flask_lets_through_under_testing_is_a_500() -> None:
    with Live(wsgi_target(application())) as live:
        assert live.browser().get("/crash").status == 500


def test_a_request_that_hangs_ends_with_a_message() -> None:
    start = time.monotonic()
    with (
        Live(wsgi_target(application(), timeout=0.2)) as live,
        pytest.raises(
            UnreachableError, match=r"GET https://testserver/hang: the application did not answer within 0.2"
        ),
    ):
        live.browser().get("/hang")
    assert time.monotonic() - start < 3


def test_flasks_g_does_not_leak_between_requests_under_an_open_context() -> None:
    app = application()
    with app.app_context(), Live(flask_target(app)) as live:
        assert [live.browser().get("/").json()["count"] for _ in range(2)] == [1, 1]


def test_a_string_is_imported_when_the_target_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_shop.py").write_text(
        "import flask\n"
        "def create_app():\n"
        "    app = flask.Flask('late')\n"
        "    app.get('/')(lambda: 'late')\n"
        "    return app\n"
    )
    target = wsgi_target("late_shop:create_app()")
    monkeypatch.syspath_prepend(tmp_path)
    with Live(target) as live:
        assert live.browser().get("/").text == "late"


def test_a_string_that_cannot_be_imported_is_told() -> None:
    with pytest.raises(UnreachableError, match=r"no_such_module:app: the application cannot be imported"):
        Live(wsgi_target("no_such_module:app"))


def test_a_string_without_a_name_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="names no application"):
        wsgi_target("package.module")


def test_an_unknown_keyword_is_a_mistake_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean request_reset"):
        wsgi_target(application(), request_rest=form("/"))  # type: ignore[call-arg]


def test_header_values_that_are_not_ascii_pass_in_both_directions() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Name", "Zo\xeb"), ("Set-Cookie", "a=\xff")])
        return [environ["HTTP_AUTHORIZATION"].encode("latin-1")]

    with Live(wsgi_target(application)) as live:
        response = live.browser().request("GET", "/", headers=(("Authorization", "Bearer \xff"),))

    assert (response.status, response.body) == (200, b"Bearer \xff")
    assert (response.header("x-name"), response.every("set-cookie")) == ("Zo\xeb", ["a=\xff"])
