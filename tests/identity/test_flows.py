"""Steps that are given as an operation, as the application's own page would take them."""

from __future__ import annotations

import secrets
from typing import Any

import flask
import pytest

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.flows import form, operate
from pytest_devsecops.identity.transports.wsgi import WsgiTransport

TOKEN = secrets.token_hex(16)
LOGOUT = '<form method="post" action="/logout"><input type="hidden" name="{name}" value="{token}">{more}</form>'
OTHER = '<form method="post" action="/other"><input type="hidden" name="{name}" value="{token}">{more}</form>'


def _browser(page: str, name: str, **wanted: str) -> Browser:
    """Return a browser in front of an application that takes the token in its form's field, and nowhere else."""
    app = flask.Flask("site", static_folder=None)

    @app.get("/")
    def home() -> str:
        return page.format(name=name, token=TOKEN, more='<input type="hidden" name="next" value="/bye">')

    @app.post("/logout")
    def logout() -> Any:
        form = flask.request.form
        fits = form.get(name) == TOKEN and all(form.get(key) == value for key, value in wanted.items())
        return ("", 204) if fits else ("", 403)

    browser = Browser(WsgiTransport(app), "https://site.example")
    browser.get("/")
    return browser


@pytest.mark.parametrize("name", ["csrf_token", "csrfmiddlewaretoken", "authenticity_token", "_token", "_csrf", "xsrf"])
def test_a_button_sends_the_hidden_fields_of_its_own_form(name: str) -> None:
    assert operate(_browser(LOGOUT, name, next="/bye"), "POST", "/logout").status == 204


def test_without_a_form_of_its_own_it_sends_the_token_of_another_and_nothing_else() -> None:
    browser = _browser(OTHER, "csrf_token")
    assert operate(browser, "POST", "/logout").status == 204
    assert browser.history[-1].request.body == f"csrf_token={TOKEN}".encode()


def test_no_token_is_made_up() -> None:
    browser = _browser("<p>no form</p>", "csrf_token")
    assert operate(browser, "POST", "/logout").status == 403
    assert browser.history[-1].request.body == b""


def test_a_field_is_named_by_its_name_or_given_its_text() -> None:
    assert dict(form("/login", username="mail", password="secret").fields) == {  # noqa: S106 - names of fields
        "mail": "{username}",
        "secret": "{password}",
    }
    assert dict(form("/login", password="{password}", action="login").fields) == {  # noqa: S106 - no password
        "password": "{password}",
        "action": "login",
    }
