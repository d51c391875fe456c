"""Tokens against cross-site requests, as somebody finds them in their own session."""

from __future__ import annotations

import re

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.flows import csrf_headers
from pytest_devsecops.identity.pages import read_page

_NAMES = re.compile(r"csrf|xsrf|anti.?forgery|authenticity|request.?verification|(^|_)nonce$|^_?token$", re.IGNORECASE)
#: The field that a framework takes in place of its header.
_FIELDS = {"X-CSRFToken": ("csrfmiddlewaretoken", "csrf_token")}


def is_token(name: str) -> bool:
    """Tell whether a field is called like a token against cross-site requests."""
    return _NAMES.search(name) is not None


def tokens_of(browser: Browser, *paths: str) -> dict[str, str]:
    """Return the tokens by field that whoever sits at ``browser`` is given.

    Args:
        browser: the one to look with.
        paths: pages to open first.
    """
    for path in paths:
        browser.get(path, follow=True)
    found: dict[str, str] = {}
    for exchange in browser.history:
        if "html" in exchange.response.header("content-type"):
            fields = [one for form in read_page(exchange.response.text).forms for one in form.fields]
            found.update({one.name: one.value for one in fields if is_token(one.name) and one.value})
    for name, value in csrf_headers(browser):
        for one in _FIELDS.get(name, ("csrf_token", "_csrf")):
            found.setdefault(one, value)
    return found
