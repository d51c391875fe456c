"""A small shop with accounts, whose holes can be opened one by one."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest
from werkzeug.security import check_password_hash, generate_password_hash

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Clock, Persona, Target, flask_target, form
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

_PAGE = "<html><body><p>{text}</p><form method=post>{inputs}<button>Go</button></form></body></html>"
_LOGIN = "<input name=username><input name=password type=password>"
_RESET = "<input name=email type=email>"
_NEW = "<input name=password type=password><input name=again type=password>"
_COMMON = {"password", "12345678", "123456789", "1234567890", "qwertyuiop", "iloveyou", "football", "baseball"}


@dataclass
class User:
    name: str
    hash: str
    failures: int = 0
    version: int = 0


@dataclass
class Shop:
    """The application's data and holes.

    Attributes:
        holes: what is broken, by name.
        method: werkzeug's hash method; slow ones show in the time of a login.
    """

    holes: frozenset[str] = frozenset()
    method: str = "pbkdf2:sha256:2"
    users: dict[str, User] = field(default_factory=dict)
    links: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100001))

    def hashed(self, password: str) -> str:
        if "trims" in self.holes:
            password = password.strip()
        if "ignores-case" in self.holes:
            password = password.lower()
        if "truncates" in self.holes:
            password = password[:20]
        return generate_password_hash(password, self.method)

    def matches(self, user: User | None, password: str) -> bool:
        if "trims" in self.holes:
            password = password.strip()
        if "ignores-case" in self.holes:
            password = password.lower()
        if "truncates" in self.holes:
            password = password[:20]
        if user is None:
            if "skips-hash" not in self.holes:
                check_password_hash(self.dummy, password)
            return False
        return check_password_hash(user.hash, password)

    @property
    def dummy(self) -> str:
        if not hasattr(self, "_dummy"):
            self._dummy = generate_password_hash("nobody", self.method)
        return self._dummy

    def create(self, name: str, password: str) -> User:
        self.users[name] = User(name, self.hashed(password))
        return self.users[name]

    def persona(self) -> Persona:
        name = f"{secrets.token_hex(5)}@shop.example"
        password = secrets.token_urlsafe(12)
        self.create(name, password)
        return Persona("customer", name, password)

    def refuses(self, name: str, password: str) -> bool:
        if "takes-anything" in self.holes:
            return False
        if "composition" in self.holes and password == password.lower():
            return True
        if "short-maximum" in self.holes and len(password) > 32:
            return True
        if "no-spaces" in self.holes and " " in password:
            return True
        common = password in _COMMON or len(set(password)) < 3
        common = common or password in ("sunshine", "princess", "superman", "trustno1", "password1", "1q2w3e4r")
        return len(password) < 8 or (common and "common" not in self.holes) or name in password

    def secret(self, name: str) -> str:
        if "counts-up" in self.holes:
            return str(next(self.numbers))
        if "hash-of-name" in self.holes:
            return hashlib.sha256(name.encode()).hexdigest()
        return secrets.token_urlsafe(24)


def application(shop: Shop) -> flask.Flask:  # noqa: C901, PLR0915 - a whole application, so that a test reads in one place
    app = flask.Flask("shop")
    app.config.update(SECRET_KEY=secrets.token_hex(), SESSION_COOKIE_SECURE=True)

    def page(text: str, inputs: str, status: int = 200) -> tuple[str, int]:
        return _PAGE.format(text=text, inputs=inputs), status

    def current() -> User | None:
        user = shop.users.get(flask.session.get("user", ""))
        alive = user is not None and (flask.session.get("version") == user.version or "sessions-survive" in shop.holes)
        return user if alive else None

    @app.get("/me")
    def me() -> Any:
        user = current()
        return {"name": user.name} if user else ({"error": "nobody"}, 401)

    def address() -> str:
        """Return where a request comes from; behind a proxy this is what the proxy added at the end."""
        forwarded = flask.request.headers.get("X-Forwarded-For", "").split(", ")
        if forwarded != [""] and "believes-client" in shop.holes:
            return forwarded[0]
        return forwarded[-1] if forwarded != [""] and "behind-proxy" in shop.holes else str(flask.request.remote_addr)

    def throttled(user: User | None) -> bool:
        if "no-throttle" in shop.holes:
            return False
        if "throttles-in-cookie" in shop.holes:
            return bool(flask.session.get("failures", 0) >= 5)
        if "locks-everybody" in shop.holes:
            return sum(shop.failures.values()) >= 5
        if "by-address" in shop.holes:
            return shop.failures.get(address(), 0) >= 5
        if "by-spelling" in shop.holes:
            return shop.failures.get(flask.request.form["username"], 0) >= 5
        return user is not None and user.failures >= 5

    @app.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        if flask.request.method == "GET":
            return page("Log in", _LOGIN)
        name, password = flask.request.form["username"].strip().lower(), flask.request.form["password"]
        user = shop.users.get(name)
        good = shop.matches(user, password)
        if throttled(user):
            return page("The name or the password is wrong", _LOGIN, 200)
        if user is None or not good:
            for key in (address(), flask.request.form["username"]):
                shop.failures[key] = shop.failures.get(key, 0) + 1
            flask.session["failures"] = flask.session.get("failures", 0) + 1
            if user is not None:
                user.failures += 1
            if user is None and "names-strangers" in shop.holes:
                return page("There is no such account", _LOGIN)
            status = 404 if user is None and "status-of-strangers" in shop.holes else 200
            return page("The name or the password is wrong", _LOGIN, status)
        user.failures = 0
        flask.session.clear()
        flask.session.update(user=user.name, version=user.version)
        return flask.redirect("/me")

    @app.route("/register", methods=["GET", "POST"])
    def register() -> Any:
        if flask.request.method == "GET":
            return page("Register", _LOGIN)
        name, password = flask.request.form["username"], flask.request.form["password"]
        if shop.refuses(name, password):
            return page("Choose another password", _LOGIN)
        if name in shop.users:
            if "register-tells" in shop.holes:
                return page("This name is taken", _LOGIN, 409)
            shop.hashed(password)
            return page("We sent you a mail", "")
        shop.create(name, password)
        return page("We sent you a mail", "")

    @app.route("/forgot", methods=["GET", "POST"])
    def forgot() -> Any:
        if flask.request.method == "GET":
            return page("Forgot your password?", _RESET)
        name = flask.request.form["email"]
        if name not in shop.users:
            return page("Nobody has this address" if "reset-tells" in shop.holes else "We sent you a mail", "")
        secret = shop.secret(name)
        shop.links[secret] = (name, shop.now)
        host = flask.request.host if "link-from-host" in shop.holes else "shop.example"
        query = f"?for={name}&secret={secret}" if "binding" in shop.holes else f"?secret={secret}"
        shop.mails.append(f"Hello {name},\nset a new password at https://{host}/reset{query}.\n")
        return page(f"We sent you a mail {secret if 'secret-in-answer' in shop.holes else ''}", "")

    @app.route("/reset", methods=["GET", "POST"])
    def reset() -> Any:
        secret = flask.request.args.get("secret", "")
        if "compares-start" in shop.holes:
            secret = next((one for one in shop.links if secret and one.startswith(secret[:8])), secret)
        name, made = shop.links.get(secret, ("", shop.now))
        name = flask.request.args.get("for", name) if name else ""
        owner = name
        if name and "form-decides" in shop.holes:
            name = flask.request.form.get("account", name)
        late = shop.now - made > timedelta(hours=1) and "never-expires" not in shop.holes
        if name not in shop.users or late:
            return page("This link does not work", "", 400)
        if flask.request.method == "GET":
            hidden = f"<input type=hidden name=account value='{owner}'>" if "form-names" in shop.holes else ""
            typed = "<input type=email name=account required>" if "form-asks" in shop.holes else ""
            return page("Set a new password", _NEW + hidden + typed)
        names = {"form-names", "form-asks"} & shop.holes and "form-decides" not in shop.holes
        if names and flask.request.form["account"] != owner:
            return page("This link is not for this account", "", 400)
        user = shop.users[name]
        user.hash = shop.hashed(flask.request.form["password"])
        user.version += 1
        user.failures = 0
        if "link-stays" not in shop.holes:
            kept = name if "older-link-stays" in shop.holes else ""
            shop.links = {key: one for key, one in shop.links.items() if key != secret and (one[0] != name or kept)}
        return flask.redirect("/login")

    return app


@pytest.fixture
def shop_target() -> Callable[..., Target]:
    """Return a target over a shop with holes; hooks can be left out or replaced."""

    def make(*holes: str, method: str = "pbkdf2:sha256:2", **flows: Any) -> Target:
        shop = Shop(frozenset(holes), method)

        def advance(by: timedelta) -> None:
            shop.now += by

        given: dict[str, Any] = {
            "personas": {"customer": shop.persona},
            "login": form("/login"),
            "whoami": "/me",
            "register": form("/register"),
            "request_reset": form("/forgot"),
            "mailbox": lambda: shop.mails,
            "clock": Clock(advance, lambda: shop.now),
            **flows,
        }
        return flask_target(application(shop), **{name: value for name, value in given.items() if value is not None})

    return make


@pytest.fixture
def checks() -> Callable[[Target | None], Identity]:
    """Return the checks over a target, without a test run around them."""

    def make(target: Target | None) -> Identity:
        return Identity(target, IdentityPolicy(), record=_as_it_is)

    return make


def _as_it_is(verdict: Verdict) -> Verdict:
    return verdict
