"""Flask and Flask-Login in process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import flask
import flask_login
import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import flask_login_target, flask_target, form
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

#: Flask-Login's own, on Python 3.12 and newer.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:flask_login")

FORM = """<form method=post><input name=username><input name=password type=password>
<input type=checkbox name=remember required></form>"""


class User(flask_login.UserMixin):  # type: ignore[misc] # Flask-Login ships no types
    """A user of the shop, in memory."""

    def __init__(self, name: str, password: str) -> None:
        self.id = name
        self.password = password


def application(**config: Any) -> Any:
    app = flask.Flask("shop", static_folder=None)
    app.config.update(
        SECRET_KEY=secrets.token_hex(16), SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_NAME="__Host-session", REMEMBER_COOKIE_SECURE=True, REMEMBER_COOKIE_SAMESITE="Lax",
        REMEMBER_COOKIE_NAME="__Host-remember", REMEMBER_COOKIE_HTTPONLY=True, SESSION_COOKIE_PATH="/", **config,
    )  # fmt: skip
    manager = flask_login.LoginManager(app)
    manager.login_view = "log_in"
    users: dict[str, User] = {}
    app.extensions["users"] = users
    manager.user_loader(users.get)

    @app.route("/sign-in", methods=["GET", "POST"])
    def log_in() -> Any:
        if flask.request.method == "GET":
            return FORM
        user = users.get(flask.request.form["username"])
        if user is None or user.password != flask.request.form["password"]:
            return "no", 401
        flask_login.login_user(user, remember="remember" in flask.request.form)
        return flask.redirect("/me")

    @app.get("/me")
    @flask_login.login_required  # type: ignore[untyped-decorator] # Flask-Login ships no types
    def me() -> str:
        return str(flask_login.current_user.id)

    @app.post("/logout")
    def log_out() -> str:
        flask_login.logout_user()
        return "bye"

    return app


def make_user() -> dict[str, str]:
    user = User(f"user-{secrets.token_hex(4)}", secrets.token_hex(8))
    flask.current_app.extensions["users"][user.id] = user  # a factory runs in an application context
    return {"username": user.id, "password": user.password}


def remove_user(persona: Any) -> None:
    del flask.current_app.extensions["users"][persona.username]


def target_of(app: Any, **changes: Any) -> Target:
    given = {"personas": {"user": make_user}, "whoami": "/me", "logout": "POST /logout", "delete": remove_user}
    return flask_login_target(app, **{**given, **changes})


def judged(target: Target, check: Callable[[Identity], Verdict]) -> Verdict:
    checks = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
    try:
        return check(checks)
    finally:
        checks.close()


def test_the_login_view_is_found_and_filled_in() -> None:
    with Live(target_of(application())) as live:
        persona = live.persona()
        browser = live.log_in(persona)
        assert live.controls(persona, browser) == ""
        assert {one.name for one in browser.cookies.all()} == {"__Host-session", "__Host-remember"}


def test_a_user_does_not_leak_from_a_context_that_the_test_keeps_open() -> None:
    app = application()
    with app.app_context(), Live(target_of(app)) as live:
        persona = live.persona()
        assert live.controls(persona, live.log_in(persona)) == ""


def test_deleted_users_are_gone_and_signed_cookies_are_told_as_such() -> None:
    app = application()
    assert judged(target_of(app), lambda identity: identity.ends_sessions(on="delete"))
    verdict = judged(target_of(app), lambda identity: identity.ends_sessions(on="logout"))
    assert {found.rule for found in verdict.findings} == {"stateless-session"}


def test_both_cookies_of_a_login_are_judged() -> None:
    verdict = judged(target_of(application()), lambda identity: identity.cookies_are_safe())
    assert verdict.status is Status.MET, verdict.explain()
    assert set(verdict.evidence["session_cookies"]) == {"__Host-session", "__Host-remember"}
    app = application()
    app.config["REMEMBER_COOKIE_HTTPONLY"] = False
    verdict = judged(target_of(app), lambda identity: identity.cookies_are_safe())
    assert {(found.rule, found.subject) for found in verdict.findings} == {("script-readable", "__Host-remember")}


def test_without_a_login_view_the_remedy_is_named() -> None:
    app = application()
    app.login_manager.login_view = None
    with Live(target_of(app)) as live, pytest.raises(FlowError, match="login_view"):
        live.log_in(live.persona())
    with Live(flask_target(app, personas={"user": make_user}, login=form("/sign-in"), whoami="/me")) as live:
        live.log_in(live.persona())


@pytest.mark.parametrize(
    ("config", "check", "named"),
    [
        ({"LOGIN_DISABLED": True}, lambda one: one.ends_sessions(on="logout"), "LOGIN_DISABLED = True"),
        ({"WTF_CSRF_ENABLED": False}, lambda one: one.refuses_cross_site_writes(), "WTF_CSRF_ENABLED = False"),
        ({"RATELIMIT_ENABLED": False}, lambda one: one.throttles_login(after=3), "RATELIMIT_ENABLED = False"),
        ({"BCRYPT_LOG_ROUNDS": 4}, lambda one: one.reveals_no_accounts(flows=["login"]), "BCRYPT_LOG_ROUNDS = 4"),
    ],
)
def test_settings_of_the_tests_that_hide_the_answer_are_named(
    config: dict[str, Any], check: Callable[[Identity], Verdict], named: str
) -> None:
    verdict = judged(target_of(application(**config)), check)
    assert verdict.status is Status.UNVERIFIED
    assert named in verdict.explain()


def test_an_insecure_cookie_of_the_test_settings_is_unverified_and_named() -> None:
    app = application()
    app.config.update(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="__Http-session")
    verdict = judged(target_of(app), lambda identity: identity.cookies_are_safe())
    assert "SESSION_COOKIE_SECURE = False" in verdict.explain()
    unverified = {found.rule for found in verdict.findings if found.status is Status.UNVERIFIED}
    assert unverified == {"not-secure"}
