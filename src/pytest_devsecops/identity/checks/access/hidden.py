"""The hidden fields that are sent with an operation, by those who may open its page and by those who may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

from pytest_devsecops.identity.antiforgery import is_token, tokens_of
from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.checks.access.answers import is_success
from pytest_devsecops.identity.checks.access.matrix import Row
from pytest_devsecops.identity.pages import PageForm, read_page
from pytest_devsecops.identity.payload import NO_PAYLOAD


class HiddenFields:
    """Finds the hidden fields of the form that leads to an operation.

    Who is refused the page sends what an attacker would, who saw the form at an object of their own: its fields
    with the ids swapped, and the tokens of their own session, which any other page gives them. Without that,
    a token against cross-site requests would hide that nothing looks at who asks.

    Args:
        pages: pages that everybody opens, where the tokens of a session are found.
    """

    def __init__(self, pages: Sequence[str]) -> None:
        self._pages = tuple(pages)
        self._seen: dict[str, tuple[dict[str, str], Mapping[str, Any]]] = {}

    def of(self, browser: Browser, row: Row, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the hidden fields of the form on the operation's page.

        Args:
            browser: who calls.
            row: the operation; its payload names the page.
            values: what the placeholders stand for.
        """
        page = browser.get(NO_PAYLOAD.address(row.payload.page, values), follow=True)
        forms = read_page(page.text).forms
        wanted = browser.url(row.payload.address(row.operation.path, values))
        form = next((one for one in forms if urljoin(page.url, one.action) == wanted), None)
        if form is not None and is_success(page):
            fields = _hidden(form)
            self._seen.setdefault(str(row.operation), (fields, dict(values)))
            return fields
        other = form or next(iter(forms), PageForm())
        return self._borrowed(browser, row, values) | _hidden(other)

    def _borrowed(self, browser: Browser, row: Row, values: Mapping[str, Any]) -> dict[str, str]:
        tokens = tokens_of(browser, *self._pages)
        fields, meant = self._seen.get(str(row.operation), (dict.fromkeys(tokens, ""), {}))
        swaps = {str(value): str(values[name]) for name, value in meant.items() if name in values}
        own = {name: tokens[name] for name in fields if name in tokens}
        return {name: swaps.get(value, value) for name, value in fields.items() if not is_token(name)} | own


def _hidden(form: PageForm) -> dict[str, str]:
    return {one.name: one.value for one in form.fields if one.kind == "hidden"}
