"""Whether the application lets pages of other sites read with their visitor's session (CORS).

ASVS 5.0 V3.4.2, WSTG-CLNT-07; Fetch, section "CORS protocol".
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Browser, Credential
from pytest_devsecops.identity.http import Headers, Response


def origins(base_url: str, site: str) -> Iterator[str]:
    """Yield origins that an application may take for its own: any, none, and two that look like it."""
    host = urlsplit(base_url).netloc
    yield from (site, "null", f"https://{host}.attacker.example", f"https://attacker{host}")


def lets_read(response: Response, origin: str) -> bool:
    """Tell whether a page of ``origin`` may read a response that was asked for with credentials.

    ``*`` does not count: browsers refuse it together with credentials.
    """
    allowed = response.header("access-control-allow-origin").strip()
    return allowed == origin and response.header("access-control-allow-credentials").strip().lower() == "true"


def lets_send(browser: Browser, method: str, path: str, origin: str, kind: str) -> bool:
    """Ask as a browser does before it sends what a form cannot (a preflight); returns whether it may."""
    asked: Headers = (
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type"),
    )
    response = browser.replay("OPTIONS", path, Credential(()), headers=asked)
    if not (200 <= response.status < 300 and lets_read(response, origin)):  # noqa: PLR2004 - an "ok status"
        return False
    methods = {one.strip().upper() for one in response.header("access-control-allow-methods").split(",")}
    names = {one.strip().lower() for one in response.header("access-control-allow-headers").split(",")}
    return method in ("POST", *methods) and (not kind or "content-type" in names)
