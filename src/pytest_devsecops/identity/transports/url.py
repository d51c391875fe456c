"""A running application at a URL."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pytest_devsecops.identity.errors import ElsewhereError, UnreachableError
from pytest_devsecops.identity.http import Request, Response, is_loopback
from pytest_devsecops.identity.transports.client import decoded, encoded, load_client
from pytest_devsecops.identity.transports.loop import LoopThread

T = TypeVar("T")


class UrlTransport:
    """Sends requests over HTTP.

    Args:
        timeout: seconds after which a request counts as hanging.
        verify: whether certificates are checked: true, false, or the path of a CA file.
        explain: what else is known when no response comes, such as the output of the process.
        home: the target's address. Nothing is sent to another host, unless it is on this machine.
    """

    def __init__(
        self,
        *,
        timeout: float = 10.0,
        verify: bool | str = True,
        explain: Callable[[], str] | None = None,
        home: str = "",
    ) -> None:
        self._library: Any = load_client()
        self._verify: Any = verify
        if isinstance(verify, str):
            import ssl

            self._verify = ssl.create_default_context(cafile=verify)
        self._timeout = timeout
        self._explain = explain
        self._home = urlsplit(home).hostname
        self._loop = LoopThread()
        self._by_client: dict[str, Any] = {}

    def send(self, request: Request) -> Response:
        """Send one request on a connection of its own.

        A kept-alive loopback connection costs 40 ms a request (delayed acknowledgements), and a
        connection that an attack broke must not take the next request down.

        Raises:
            ElsewhereError: if it is for a host beyond this machine other than the target's.
            UnreachableError: if no response came.
        """
        if not is_loopback(request.url) and urlsplit(request.url).hostname != self._home:
            raise ElsewhereError(
                "this host is beyond this machine, and not the target's",
                place=request.url,
                remedy="test it as a target of its own, which the policy has to name",
            )
        sent = encoded(self._library, request, ("Connection", "close"))
        sent.extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)}
        try:
            response = self._transport(request).handle_request(sent)
            body = response.read()
        except self._library.TransportError as error:
            more = f"\n{self._explain()}" if self._explain else ""
            why = f"no response within {self._timeout:g} seconds" if _is_timeout(error) else "no response"
            message = f"{why}: {type(error).__name__}: {error}{more}"
            raise UnreachableError(message, place=f"{request.method} {request.url}") from error
        response.request = sent
        return decoded(response, body)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` on a loop of our own and wait for it."""
        return self._loop.run(work)

    def close(self) -> None:
        """Close the connection pools."""
        for transport in self._by_client.values():
            transport.close()
        self._by_client.clear()
        self._loop.close()

    def _transport(self, request: Request) -> Any:  # noqa: ANN401 - the client's transport
        # Only a loopback connection can come from any of 127.0.0.0/8; elsewhere the wish is ignored.
        client = request.client if (urlsplit(request.url).hostname or "").startswith("127.") else ""
        if client not in self._by_client:
            self._by_client[client] = self._library.HTTPTransport(
                verify=self._verify, trust_env=False, local_address=client or None
            )
        return self._by_client[client]


def _is_timeout(error: Exception) -> bool:
    return "Timeout" in type(error).__name__
