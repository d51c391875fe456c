"""One person's client: keeps cookies, follows redirects, remembers every exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from pytest_devsecops.identity.cookies import Cookie, CookieStore
from pytest_devsecops.identity.errors import ElsewhereError, FlowError
from pytest_devsecops.identity.http import Headers, Request, Response, Transport, form_body, json_body

_MAX_REDIRECTS = 20
#: RFC 9110, sections 15.4.2 to 15.4.4: a browser repeats these as GET.
_SEE_OTHER = (301, 302, 303)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and what came back; the evidence of a finding."""

    request: Request
    response: Response


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves to the application who is asking, as raw headers, so that it can be replayed.

    A replay never goes through a jar: a jar drops what it believes expired, but what counts is
    whether the server still accepts it.
    """

    headers: Headers

    @property
    def is_empty(self) -> bool:
        """Whether it proves nothing."""
        return not self.headers


@dataclass(slots=True)
class Browser:
    """A client that behaves like one person's browser or API client.

    Attributes:
        transport: the way to the application.
        base_url: the application's address; relative paths start here.
        headers: sent with every request, such as ``Authorization``.
        cookies: the cookies kept.
        history: every exchange, in order.
        page: the address of the page that is open; it gives ``Origin`` and ``Referer``.
        client: the address that requests come from, where the transport can choose it.
    """

    transport: Transport
    base_url: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: CookieStore = field(default_factory=CookieStore)
    history: list[Exchange] = field(default_factory=list)
    page: str = ""
    client: str = ""

    def get(self, path: str, *, follow: bool = False) -> Response:
        """Send a GET."""
        return self.request("GET", path, follow=follow)

    def post_form(self, path: str, fields: dict[str, str], *, follow: bool = False) -> Response:
        """Submit an HTML form."""
        body, header = form_body(fields)
        return self.request("POST", path, headers=(header,), body=body, follow=follow)

    def post_json(self, path: str, value: object) -> Response:
        """Send a JSON document with POST."""
        body, header = json_body(value)
        return self.request("POST", path, headers=(header,), body=body)

    def request(
        self, method: str, path: str, *, headers: Headers = (), body: bytes = b"", follow: bool = False
    ) -> Response:
        """Send a request with the browser's cookies and headers.

        Args:
            method: the HTTP method.
            path: a path below the base URL, or an absolute URL.
            headers: more headers; they win over the browser's.
            body: the encoded body.
            follow: whether redirects are followed.

        Raises:
            UnreachableError: if no response came.
            FlowError: if redirects run in a circle.
        """
        url = self.url(path)
        response: Response | None = None
        for _ in range(_MAX_REDIRECTS):
            try:
                response = self._send(Request(method, url, self._headers(method, url, headers), body, self.client))
            except ElsewhereError:
                if response is None:
                    raise
                return response  # the redirect leads away from the application
            if not (follow and response.location):
                return response
            url = response.location
            if response.status in _SEE_OTHER and method != "HEAD":
                method, body, headers = "GET", b"", ()
        raise FlowError(f"more than {_MAX_REDIRECTS} redirects, the last to {url}")

    def replay(
        self, method: str, path: str, credential: Credential, *, headers: Headers = (), body: bytes = b""
    ) -> Response:
        """Send a request with exactly ``credential`` and neither this browser's cookies nor headers."""
        return self._send(
            Request(method, self.url(path), (*credential.headers, *headers), body, self.client), keep=False
        )

    def credential(self, path: str = "/") -> Credential:
        """Return what this browser would prove itself with at ``path``, as raw headers."""
        sent = "; ".join(f"{one.name}={one.value}" for one in self.cookies.for_url(self.url(path)))
        cookie = (("Cookie", sent),) if sent else ()
        return Credential((*cookie, *self.headers.items()))

    def url(self, path: str) -> str:
        """Return the absolute address of ``path``."""
        return urljoin(self.base_url.rstrip("/") + "/", path.lstrip("/") if path.startswith("/") else path)

    def fresh(self) -> Browser:
        """Return another person's browser to the same application: no cookies, no headers."""
        return Browser(self.transport, self.base_url, client=self.client)

    def plant(self, name: str, value: str) -> None:
        """Put a cookie of the application's host in, as an attacker can who controls a sibling host."""
        self.cookies.plant(Cookie(name, value, {}, urlsplit(self.base_url).hostname or ""))

    def _headers(self, method: str, url: str, extra: Headers) -> Headers:
        cookies = "; ".join(f"{one.name}={one.value}" for one in self.cookies.for_url(url))
        sent = {"accept": ("Accept", "text/html,application/json;q=0.9,*/*;q=0.8")}
        if self.page:
            sent["referer"] = ("Referer", self.page)
        if method not in ("GET", "HEAD", "OPTIONS"):
            parts = urlsplit(self.page or url)
            sent["origin"] = ("Origin", f"{parts.scheme}://{parts.netloc}")
            sent.setdefault("referer", ("Referer", self.page or url))
        if cookies:
            sent["cookie"] = ("Cookie", cookies)
        for name, value in (*self.headers.items(), *extra):
            sent[name.lower()] = (name, value)
        return tuple(sent.values())

    def _send(self, request: Request, *, keep: bool = True) -> Response:
        response = self.transport.send(request)
        self.history.append(Exchange(request, response))
        if keep:
            self.cookies.receive(response)
            if request.method == "GET" and not response.location:
                self.page = request.url
        return response
