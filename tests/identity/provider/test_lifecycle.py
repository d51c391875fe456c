"""The provider as something that starts, serves over TLS, tells applications of logouts, and ends without a trace."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask, request

from pytest_devsecops.identity.presets.plain import wsgi_target
from pytest_devsecops.identity.provider.app import DISCOVERY
from pytest_devsecops.identity.provider.login import TwoSites
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider


def connected(provider: Provider, issuer: str) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=provider.ca_file)
    connection = http.client.HTTPSConnection("localhost", urlsplit(issuer).port or 0, timeout=5, context=context)
    connection.request("GET", urlsplit(issuer).path + DISCOVERY)
    assert connection.getresponse().read()
    return connection


def test_a_connection_of_its_own_ca_is_trusted_and_no_other() -> None:
    with Provider() as provider, Provider() as other:
        issuer = provider.issuer("/realms/shop")

        connected(provider, issuer).close()
        with pytest.raises(ssl.SSLCertVerificationError):
            connected(other, issuer)
        assert set(provider.environment.values()) == {provider.ca_file}
        assert {"REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"} <= set(provider.environment)


def test_closing_leaves_no_thread_no_port_no_file_and_no_connection() -> None:
    before = set(threading.enumerate())
    provider = Provider()
    issuers = [provider.issuer("/a"), provider.issuer("/b", tls=False)]
    # A client that keeps its connection, and some that say nothing at all and were accepted this very moment.
    kept = connected(provider, issuers[0])
    silent = [socket.create_connection(("127.0.0.1", urlsplit(issuer).port or 0)) for issuer in issuers * 3]

    started = time.monotonic()
    provider.close()
    provider.close()

    assert time.monotonic() - started < 4
    assert set(threading.enumerate()) == before
    for issuer in issuers:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", urlsplit(issuer).port or 0), timeout=1)
    assert not Path(provider.ca_file).exists()
    kept.close()
    for one in silent:
        one.close()


def test_it_starts_within_50_ms_of_processor_time() -> None:
    Provider().close()  # imports what is imported lazily
    spent = []
    for _ in range(5):
        started = time.process_time()
        provider = Provider()
        provider.issuer("/realms/shop")
        spent.append(time.process_time() - started)
        provider.close()

    assert min(spent) < 0.05


def test_a_user_lasts_as_long_as_the_context_and_the_innermost_one_counts(wire: Any, provider: Provider) -> None:
    fields = {"response_type": "code", "client_id": "shop", "redirect_uri": "https://shop.example/callback"}
    with provider.user("outer"), provider.user("inner", email="inner@users.example"):
        wire.send("authorization", fields)
        assert provider.realm(wire.issuer).sessions.popitem()[1].user.sub == "inner"
    with provider.user("outer"), provider.user("inner"):
        wire.send("authorization", {**fields, "login_hint": "outer"})
        assert provider.realm(wire.issuer).sessions.popitem()[1].user.sub == "outer"
    wire.send("authorization", fields)
    assert not provider.realm(wire.issuer).sessions


def test_an_application_in_this_process_is_told_when_somebody_logs_out_at_the_provider(
    wire: Any, provider: Provider
) -> None:
    told: list[dict[str, Any]] = []
    app = Flask("portal")

    @app.post("/backchannel")
    def backchannel() -> str:
        told.append(dict(provider.verify(issuer, request.form["logout_token"]) or {}))
        return ""

    target = wsgi_target(app)
    client = Client(
        "shop",
        "secret",
        ("https://shop.example/callback",),
        backchannel_logout_uri=f"{target.base_url}/backchannel",
    )
    issuer = provider.issuer("/realms/told", clients=(client,))
    way = TwoSites(target.open(), target.base_url, provider=provider)
    wire.issuer = issuer
    wire.ask()
    session = next(iter(provider.realm(issuer).sessions.values()))
    wire.send("end_session")
    provider.wait_for_logouts()
    way.app.close()

    # Back-Channel Logout 1.0, section 2.4.
    assert [(one["iss"], one["aud"], one["sub"], one["sid"]) for one in told] == [(issuer, "shop", "u-1", session.sid)]
    assert "nonce" not in told[0]
    assert "http://schemas.openid.net/event/backchannel-logout" in told[0]["events"]
