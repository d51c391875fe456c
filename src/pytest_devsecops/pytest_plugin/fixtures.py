"""The fixtures. Those of a host suite with the same name win; ``devsecops`` offers ours all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_devsecops.pytest_plugin.waking import wake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_devsecops.dependencies.family import Dependencies
    from pytest_devsecops.identity.family import Identity
    from pytest_devsecops.identity.provider.provider import Provider
    from pytest_devsecops.identity.target import Target
    from pytest_devsecops.pytest_plugin.umbrella import DevSecOps
    from pytest_devsecops.recovery.family import Recovery


@pytest.fixture(scope="session")
def devsecops(request: pytest.FixtureRequest) -> DevSecOps:
    """Everything in one place: ``devsecops.verdict(…)`` for own checks, ``devsecops.dependencies``."""
    return wake(request.config).umbrella


@pytest.fixture(scope="session")
def dependencies(request: pytest.FixtureRequest) -> Dependencies:
    """Checks on what the project depends on, such as ``dependencies.allowed()``."""
    return wake(request.config).umbrella.dependencies


@pytest.fixture
def identity_target() -> Target | None:
    """The application whose identity flows are examined; override it in your conftest.py."""
    return None


@pytest.fixture
def identity(identity_target: Target | None, request: pytest.FixtureRequest) -> Iterator[Identity]:
    """Checks on identity flows, such as ``identity.refuses_forged_tokens(at="/me")``.

    ``identity_target`` is requested statically: looked up late, it would be set up after fixtures
    that have to come after it, such as a test framework's database.
    """
    checks = wake(request.config).umbrella.identity_of(identity_target)
    yield checks
    checks.close()


@pytest.fixture(scope="session")
def idp() -> Iterator[Provider]:
    """An OpenID provider on loopback: ``idp.issuer(path="/realms/shop")``, ``with idp.user(email=…)``."""
    from pytest_devsecops.identity.provider.provider import Provider

    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def recovery(request: pytest.FixtureRequest) -> Iterator[Recovery]:
    """Checks that what was backed up comes back, such as ``recovery.round_trip(store, by=procedure)``."""
    checks = wake(request.config).umbrella.recovery()
    yield checks
    checks.close()
