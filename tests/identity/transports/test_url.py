"""Applications at a URL: what is sent where."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import form, url_target
from pytest_devsecops.identity.errors import ElsewhereError
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.live import Live
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target


class _Away(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "https://elsewhere.example/welcome")
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Away)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_redirect_to_a_host_beyond_this_machine_is_not_followed(address: str) -> None:
    with Live(url_target(address)) as live:
        response = live.browser().get("/", follow=True)
        assert (response.status, response.location) == (302, "https://elsewhere.example/welcome")
        with pytest.raises(ElsewhereError, match="beyond this machine"):
            live.browser().get("https://elsewhere.example/")


def remote() -> Target:
    return url_target(
        "https://shop.example", personas={"user": lambda: ("a", "b")}, login=form("/login"), whoami="/me", logout="/out"
    )


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        (IdentityPolicy(), "destructive_urls"),
        (IdentityPolicy(urls=("https://shop.example",)), "destructive_urls"),
        (IdentityPolicy(destructive_urls=("https://shop.example.test",)), "destructive_urls"),
    ],
)
def test_nothing_is_sent_to_an_address_that_the_policy_does_not_name(policy: IdentityPolicy, named: str) -> None:
    verdict = Identity(remote(), policy, record=lambda one: one).ends_sessions(on="logout")
    assert verdict.status is Status.UNVERIFIED
    assert {found.rule for found in verdict.findings} >= {"address-not-allowed"}
    assert named in verdict.explain()


def test_throttles_are_cleared_before_each_check(address: str) -> None:
    cleared: list[int] = []
    target = url_target(
        address, personas={"user": lambda: ("a", "b")}, login=form("/"), whoami="/", reset=lambda: cleared.append(1)
    )
    checks = Identity(target, IdentityPolicy(), record=lambda one: one)
    checks.cookies_are_safe()
    checks.starts_new_session_at_login()
    checks.close()
    assert len(cleared) == 2
