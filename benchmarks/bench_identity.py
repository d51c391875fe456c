"""The battery of forged tokens in process, and the start of the embedded OpenID provider, beside their peers.

The battery runs with the issuer's key against a small ASGI application whose verifier is joserfc, pinned. "plain
request" is one request with a valid token to the same application, through the ASGI transport of httpx2 and through
Starlette's TestClient: what an attack cannot be cheaper than. The provider is compared with the start of uvicorn
serving nothing, and with npm's oidc-provider where ``OIDC_PROVIDER_FOLDER`` names a folder with it in
``node_modules``. All are wall times after imports, the best of several rounds; keys of the attacker's own are made in
the first round, once per session.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Persona, asgi_target, bearer
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.section import IdentityPolicy

ROUNDS = 5
PLAIN_REQUESTS = 500
BATTERY_SECONDS = 3.0
PROVIDER_SECONDS = 0.05
_DEADLINE = 30.0

_KEY = ECKey.generate_key("P-256", {"kid": "current"})
_RULES = jwt.JWTClaimsRegistry(iss={"essential": True, "value": "https://issuer.example"}, exp={"essential": True})
_NPM = """
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
const server = createServer(new Provider('http://localhost').callback());
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def main() -> None:
    """Print the seconds of the battery and of a start, and the ratios to their peers."""
    first, seconds, attacks = _battery()
    each = seconds / attacks
    print(f"forged tokens: {attacks} attacks on an ASGI application in process, best of {ROUNDS}")
    print(f"  whole battery          {seconds:8.3f} s, {_compared(seconds, BATTERY_SECONDS)}; the first {first:.3f} s")
    print(f"  an attack              {each * 1e3:8.3f} ms")
    for name, peer in (("ASGITransport", _transport()), ("TestClient", _test_client())):
        print(f"  {name + ' request':<22} {peer * 1e3:8.3f} ms, ratio {each / peer:.2f}")
    ours = _best(_provider)
    print(f"start of an OpenID provider until it answers, best of {ROUNDS}")
    print(f"  embedded provider      {ours * 1e3:8.1f} ms, {_compared(ours, PROVIDER_SECONDS)}")
    peers = {"uvicorn, no application": _best(_uvicorn), "npm oidc-provider": _npm()}
    for name, seconds_of_peer in peers.items():
        if seconds_of_peer is None:
            print(f"  {name:<22} not measured: OIDC_PROVIDER_FOLDER names no folder that has it")
        else:
            print(f"  {name:<22} {seconds_of_peer * 1e3:8.1f} ms, ratio {ours / seconds_of_peer:.3f}")


def _compared(value: float, budget: float) -> str:
    return f"{'within' if value <= budget else 'ABOVE'} the budget of {budget:g} s"


def _best(once: Callable[[], float]) -> float:
    return min(once() for _ in range(ROUNDS))


def _mint(persona: Persona) -> str:
    now = int(time.time())
    claims = {"sub": persona.username, "iss": "https://issuer.example", "iat": now, "exp": now + 600}
    return jwt.encode({"alg": "ES256", "kid": "current"}, claims, _KEY)


def _subject(token: str) -> str:
    claims = jwt.decode(token, _KEY, algorithms=["ES256"]).claims
    _RULES.validate(claims)
    if not isinstance(claims["sub"], str):
        raise TypeError(claims)
    return claims["sub"]


async def _application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own callables
    """Show the subject of a bearer token."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    token = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1").removeprefix("Bearer ")
    try:
        status, body = 200, json.dumps({"name": _subject(token)}).encode()
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        status, body = 401, b"sign in"
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body})


def _battery() -> tuple[float, float, int]:
    """Return the seconds of the first and of the best round, and the number of attacks."""
    target = asgi_target(
        _application,
        personas={"customer": lambda: (f"customer-{secrets.token_hex(4)}", "unused")},
        login=bearer(_mint),
        whoami="/me",
    )
    seconds, attacks = [], 0
    for _ in range(ROUNDS):
        identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
        started = time.perf_counter()
        verdict = identity.refuses_forged_tokens(
            at="/me", jwks={"keys": [_KEY.as_dict(private=False)]}, issuer_key=_KEY.as_pem(private=True).decode()
        )
        seconds.append(time.perf_counter() - started)
        identity.close()
        assert verdict.status is Status.MET, verdict.explain()
        attacks = int(str(verdict.examined["attacks"]))
    return seconds[0], min(seconds), attacks


def _headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {_mint(Persona('customer', 'customer-1', 'unused'))}"}


def _transport() -> float:
    async def ask() -> float:
        transport = httpx2.ASGITransport(app=_application)
        async with httpx2.AsyncClient(transport=transport, base_url="https://testserver") as client:
            started = time.perf_counter()
            for _ in range(PLAIN_REQUESTS):
                response = await client.get("/me", headers=headers)
                assert response.status_code == httpx2.codes.OK
            return (time.perf_counter() - started) / PLAIN_REQUESTS

    headers = _headers()
    return _best(lambda: asyncio.run(ask()))


def _test_client() -> float:
    def ask() -> float:
        with TestClient(_application) as client:
            started = time.perf_counter()
            for _ in range(PLAIN_REQUESTS):
                assert client.get("/me", headers=headers).status_code == httpx2.codes.OK
            return (time.perf_counter() - started) / PLAIN_REQUESTS

    headers = _headers()
    return _best(ask)


def _provider() -> float:
    started = time.perf_counter()
    with Provider() as provider:
        port = int(provider.issuer(tls=False).rpartition(":")[2])
        _discovery(port)
        return time.perf_counter() - started


def _discovery(port: int, path: str = "/.well-known/openid-configuration") -> None:
    """Ask once, as soon as the port is there, over a bare socket: no client's cost is in it."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 ")


def _uvicorn() -> float:
    started = time.perf_counter()
    server = uvicorn.Server(uvicorn.Config(_application, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert time.perf_counter() - started < _DEADLINE
        time.sleep(0.0005)
    _discovery(server.servers[0].sockets[0].getsockname()[1])
    seconds = time.perf_counter() - started
    server.should_exit = True
    thread.join()
    return seconds


def _npm() -> float | None:
    """Return the seconds from the start of its process, which is how anybody starts it from Python."""
    folder = Path(os.environ.get("OIDC_PROVIDER_FOLDER", ""))
    node = shutil.which("node")
    if node is None or not (folder / "node_modules" / "oidc-provider").is_dir():
        return None

    def once() -> float:
        started = time.perf_counter()
        command = [node, "--input-type=module", "--eval", _NPM]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            while not line.strip().isdigit():
                assert line, "oidc-provider ended"
                line = process.stdout.readline()
            _discovery(int(line))
            seconds = time.perf_counter() - started
            process.kill()
        return seconds

    return _best(once)


if __name__ == "__main__":
    main()
