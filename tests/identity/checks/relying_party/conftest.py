"""A portal that leaves its logins to the provider, and what runs the check over it."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.presets.plain import wsgi_target
from pytest_devsecops.identity.provider.login import idp_login
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Target

PORTAL = Path(__file__).parents[3] / "assets" / "identity" / "portal.py"


@pytest.fixture(scope="module")
def create_portal() -> Callable[..., Any]:
    create: Callable[..., Any] = runpy.run_path(str(PORTAL))["create_app"]
    return create


@pytest.fixture
def portal(create_portal: Callable[..., Any], idp: Provider) -> Callable[..., Target]:
    """A portal with some bugs, in this process."""

    def make(bugs: str = "", *, other: bool = False, **more: str) -> Target:
        settings = {"OIDC_ISSUER": idp.issuer(path="/realms/shop"), "CA_FILE": idp.ca_file, "BUGS": bugs, **more}
        if other:
            settings["OIDC_OTHER_ISSUER"] = idp.issuer(path="/realms/other")
        return wsgi_target(create_portal(settings), login=idp_login("/login"), whoami="/me")

    return make


@pytest.fixture
def examined() -> Iterator[Callable[..., Verdict]]:
    """Runs the check and closes its target."""
    opened: list[Identity] = []

    def run(target: Target, idp: Provider, **options: Any) -> Verdict:
        opened.append(Identity(target, IdentityPolicy(), record=lambda verdict: verdict))
        return opened[-1].refuses_broken_providers(idp, **options)

    yield run
    for identity in opened:
        identity.close()
