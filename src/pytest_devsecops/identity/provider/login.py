"""Logging in at an application by way of a provider: the test browser follows the redirects."""

from __future__ import annotations

import base64
import json
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import csrf_headers
from pytest_devsecops.identity.http import Headers, Request, Response, Transport
from pytest_devsecops.identity.pages import PageForm, read_page
from pytest_devsecops.identity.personas import Persona
from pytest_devsecops.identity.provider.app import USER_HEADER
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.target import Operation

T = TypeVar("T")
_HOPS = 10


class TwoSites:
    """A way to an application and to its provider, for a browser that is sent from one to the other.

    Args:
        app: the way to the application.
        base_url: the application's address; everything else is the provider's.
        provider: the provider, which is then asked without a network; otherwise over HTTP.
        user: claims of the user whom the provider is to log in; its current user if empty.
    """

    def __init__(
        self, app: Transport, base_url: str, *, provider: Provider | None = None, user: dict[str, Any] | None = None
    ) -> None:
        self.app = app
        self._home = urlsplit(base_url).netloc
        self._provider = provider
        self._user = base64.urlsafe_b64encode(json.dumps(user).encode()).decode() if user else ""
        self._remote: Transport | None = None
        if provider is not None:
            provider.reach(base_url, app)

    def send(self, request: Request) -> Response:
        """Send one request to whichever site it is for."""
        if urlsplit(request.url).netloc == self._home:
            return self.app.send(request)
        if self._user:
            request = replace(request, headers=(*request.headers, (USER_HEADER, self._user)))
        if self._provider is not None:
            return self._provider.app.handle(request)
        if self._remote is None:
            from pytest_devsecops.identity.transports.url import UrlTransport

            # The certificate is of a CA that only the application was told of.
            self._remote = UrlTransport(verify=False)
        return self._remote.send(request)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something asynchronous where the application runs."""
        return self.app.run(work)

    def close(self) -> None:
        """Close the way to the provider; the application's is its target's to close."""
        if self._remote is not None:
            self._remote.close()


@dataclass(frozen=True, slots=True)
class IdpLogin:
    """Logs in by starting the application's login and following where it leads.

    A page of the application on the way that has nothing to fill in is passed as a person does: its
    button is pressed. Applications ask for it against cross-site requests that start a login.

    Attributes:
        start: the operation with which the application starts a login at the provider.
        page: a page that is opened before: its form for ``start`` is submitted, or gives the token that is sent along.
        provider: the provider, if it runs in this process.
    """

    start: Operation
    page: str = ""
    provider: Provider | None = None

    def __call__(self, browser: Browser, persona: Persona) -> Response:
        """Log ``persona`` in; the provider makes a user of it.

        In a browser that reaches both sites already, whoever opened it chose the user.
        """
        if isinstance(browser.transport, TwoSites):
            return self._follow(browser)
        app = browser.transport
        both = TwoSites(app, browser.base_url, provider=self.provider, user=claims_of(persona))
        browser.transport = both
        try:
            return self._follow(browser)
        finally:
            both.close()
            browser.transport = app

    def leave(self, browser: Browser) -> Response:
        """Start the login; returns the answer that leads out of the application, or where it ended.

        Raises:
            FlowError: if the application sends the browser round in a circle.
        """
        home = urlsplit(browser.base_url).netloc
        response = self._begin(browser)
        for _ in range(_HOPS):
            if response.location:
                if urlsplit(response.location).netloc != home:
                    return response
                response = browser.get(response.location)
            elif pressed := _button(response):
                response = _press(browser, response, pressed)
            else:
                return response
        raise FlowError(f"the login at {self.start} goes round in a circle", place=response.url)

    def _begin(self, browser: Browser) -> Response:
        if self.page:
            opened = browser.get(self.page, follow=True)
            for form in read_page(opened.text).forms:
                if form.method == self.start.method and _path(opened, form) == self.start.path:
                    return _press(browser, opened, form)
        headers: Headers = ()
        if self.start.method != "GET":
            headers = (("Content-Type", "application/x-www-form-urlencoded"), *csrf_headers(browser))
        return browser.request(self.start.method, self.start.path, headers=headers)

    def _follow(self, browser: Browser) -> Response:
        left = self.leave(browser)
        return browser.get(left.location, follow=True) if left.location else left


def _button(response: Response) -> PageForm | None:
    """Return the form of a page that has nothing but a button; None if there is none, or more than one."""
    if not 200 <= response.status < 300 or "html" not in response.header("content-type"):  # noqa: PLR2004 - success
        return None
    forms = [one for one in read_page(response.text).forms if all(field.kind == "hidden" for field in one.fields)]
    return forms[0] if len(forms) == 1 else None


def _path(page: Response, form: PageForm) -> str:
    return urlsplit(urljoin(page.url, form.action)).path


def _press(browser: Browser, page: Response, pressed: PageForm) -> Response:
    values = {one.name: one.value for one in pressed.fields} | dict([pressed.submit] if pressed.submit else [])
    address = urljoin(page.url, pressed.action)
    if pressed.method == "GET":
        return browser.get(f"{address.partition('?')[0]}?{urlencode(values)}")
    return browser.post_form(address, values)


def idp_login(path: str, provider: Provider | None = None, *, page: str = "") -> IdpLogin:
    """Return the login of an application that leaves it to a provider.

    Args:
        path: where the application starts it, such as ``/login`` or ``"POST /auth/login/oidc/"``.
        provider: the fixture ``idp``, if it is at hand; found by the redirect otherwise.
        page: the page with the form that is sent there, if ``path`` is a POST with a token against cross-site requests.

    Raises:
        UsageError: if ``path`` is no operation.
    """
    return IdpLogin(Operation.parse(path), page, provider)


def claims_of(persona: Persona) -> dict[str, Any]:
    """Return what the provider says of a persona; ``data={"claims": …}`` adds to it."""
    name = persona.username
    email = persona.data.get("email") or (name if "@" in name else f"{name}@users.example")
    return {
        "sub": str(persona.data.get("sub", name)),
        "preferred_username": name,
        "name": name,
        "email": email,
        "email_verified": True,
        **persona.data.get("claims", {}),
    }
