"""Targets for applications of any framework: ASGI, WSGI, a process, a URL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from pytest_devsecops.identity.http import Transport, is_loopback
from pytest_devsecops.identity.loading import lazily, must_take
from pytest_devsecops.identity.presets.common import IN_PROCESS, isolated
from pytest_devsecops.identity.target import Flows, Operation, Target, describe

AsgiApp = Callable[..., Awaitable[None]]
WsgiApp = Callable[..., Iterable[bytes]]
#: Operations given as text or read from an OpenAPI document.
Inventory = Sequence[str | Operation] | Mapping[str, Any] | Callable[[], Sequence[Operation]]


def asgi_target(
    app: AsgiApp | str,
    *,
    base_url: str = IN_PROCESS,
    timeout: float = 10.0,
    inventory: Inventory | None = None,
    **flows: Unpack[Flows],
) -> Target:
    """Return an ASGI application as a target.

    Args:
        app: the application, or ``"package.module:app"``, imported when the target is opened.
        base_url: the address that it believes to have; ``https``, because cookies may be ``Secure``.
        timeout: seconds after which a request counts as hanging.
        inventory: its operations, if its routes do not tell them: texts or an OpenAPI document.
        flows: personas, login and hooks; see ``Target``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    load = lazily(app)

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.asgi import AsgiTransport

        app = load()
        must_take(app, 3, "ASGI", "wsgi_target or flask_target")
        return AsgiTransport(app, timeout=timeout)

    def routes() -> Sequence[Operation] | None:
        from pytest_devsecops.identity.inventory.starlette import operations_of_starlette

        return operations_of_starlette(load())

    target = Target(
        "asgi",
        opened,
        base_url,
        inventory=_inventory(inventory) or routes,
        refusal=lambda: isolated("an ASGI application on its own event loop"),
    )
    return describe(target, flows)


def wsgi_target(
    app: WsgiApp | str,
    *,
    base_url: str = IN_PROCESS,
    timeout: float = 10.0,
    inventory: Inventory | None = None,
    **flows: Unpack[Flows],
) -> Target:
    """Return a WSGI application as a target; the arguments are those of ``asgi_target``."""
    load = lazily(app)

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.wsgi import WsgiTransport

        app = load()
        must_take(app, 2, "WSGI", "asgi_target or fastapi_target")
        return WsgiTransport(app, timeout=timeout)

    return describe(Target("wsgi", opened, base_url, inventory=_inventory(inventory)), flows)


def url_target(
    url: str,
    *,
    timeout: float = 10.0,
    verify: bool | str = True,
    inventory: Inventory | None = None,
    **flows: Unpack[Flows],
) -> Target:
    """Return a running application as a target.

    Args:
        url: its address. One beyond this machine must be named in the policy.
        timeout: seconds after which a request counts as hanging.
        verify: whether certificates are checked: true, false, or the path of a CA file.
        inventory: its operations: texts or an OpenAPI document.
        flows: personas, login and hooks; see ``Target``.
    """

    def opened() -> Transport:
        from pytest_devsecops.identity.transports.url import UrlTransport

        return UrlTransport(timeout=timeout, verify=verify, home=url)

    target = Target("url", opened, url, inventory=_inventory(inventory), loopback=is_loopback(url))
    return describe(target, flows)


def process_target(  # noqa: PLR0913 - each has a default of its own
    command: str | Sequence[str],
    *,
    env: Mapping[str, object] | None = None,
    cwd: str | Path = "",
    ready: str = "/",
    patience: float = 30.0,
    base_url: str = "http://127.0.0.1:{port}",
    timeout: float = 10.0,
    verify: bool | str = True,
    inventory: Inventory | None = None,
    **flows: Unpack[Flows],
) -> Target:
    """Return an application in a process of its own as a target.

    It starts when a check first needs it, in a process group of its own, and ends when the fixture
    that returned it is done, or however else the test run ends.

    Args:
        command: what to run, without a shell. ``{port}`` is a free port of the loopback interface.
        env: more environment variables; ``{port}`` and ``{base_url}`` are filled in.
        cwd: the folder to run in.
        ready: the path that is asked until it answers with anything but a gateway's error.
        patience: seconds it may take to answer for the first time.
        base_url: its address.
        timeout: seconds after which a request counts as hanging.
        verify: whether certificates are checked: true, false, or the path of a CA file.
        inventory: its operations: texts or an OpenAPI document.
        flows: personas, login and hooks; see ``Target``.

    Raises:
        UsageError: if an argument cannot mean anything.
    """
    from pytest_devsecops.identity.transports.process import Command, ProcessKeeper, free_port, split

    port = free_port()
    address = base_url.replace("{port}", str(port))
    texts = {name: str(value) for name, value in (env or {}).items()}
    keeper = ProcessKeeper(
        Command(split(command), port, address, texts, str(cwd), ready, patience, timeout, verify),
    )
    target = Target(
        "process",
        keeper.open,
        address,
        inventory=_inventory(inventory),
        refusal=lambda: isolated("another process"),
        loopback=is_loopback(address),
        restart=keeper.restart,
    )
    return describe(target, flows)


def _inventory(given: Inventory | None) -> Callable[[], Sequence[Operation] | None] | None:
    if given is None:
        return None
    if isinstance(given, Mapping):
        from pytest_devsecops.identity.inventory.openapi import operations_of_openapi

        return lambda: operations_of_openapi(given)
    if callable(given):
        return given
    return lambda: [Operation.parse(one) if isinstance(one, str) else one for one in given]
