"""A strict provider with two clients, people who log in by pages, and a clock; and the checks over it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import ClientRegistration, Persona
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.http import Request, Response
from pytest_devsecops.identity.provider.model import Client
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Clock, Hooks, Target

T = TypeVar("T")

ADA = Persona("user", "ada", "correct-horse-battery")
SHOP = ClientRegistration(
    "shop",
    "secret-of-shop",
    redirect_uris=("https://shop.example/cb", "https://shop.example/other"),
    scope="openid profile offline_access",
    auth_method="client_secret_basic",
    post_logout_redirect_uris=("https://shop.example/out",),
    forbidden_scope="roles",
)
SPA = ClientRegistration("spa", redirect_uris=("https://spa.example/cb",), scope="openid offline_access")
BLOG = ClientRegistration("blog", "secret-of-blog", redirect_uris=("https://blog.example/cb",))


def as_registered(one: ClientRegistration) -> Client:
    return Client(
        one.client_id,
        one.secret,
        one.redirect_uris,
        auth_method=one.auth_method,
        scopes=("openid", "profile", "email", "offline_access"),
        post_logout_redirect_uris=one.post_logout_redirect_uris,
    )


class Direct:
    """The way to the provider without a network, an event loop or an HTTP client."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def send(self, request: Request) -> Response:
        return self.provider.app.handle(request)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        raise NotImplementedError(work)

    def close(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture
def target(provider: Provider) -> Target:
    clients = tuple(as_registered(one) for one in (SHOP, SPA, BLOG))
    issuer = provider.issuer("/realms/shop", clients=clients, passwords={ADA.username: ADA.password})
    clock = Clock(
        lambda step: provider.advance(step.total_seconds()), lambda: datetime.fromtimestamp(provider.now(), UTC)
    )
    return Target(
        "asgi",
        lambda: Direct(provider),
        issuer,
        personas={"user": lambda: ADA},
        hooks=Hooks(clock=clock),
    )


@pytest.fixture
def examined() -> Iterator[Callable[..., Verdict]]:
    """Runs the checks and closes the target."""
    opened: list[Identity] = []

    def run(target: Target, **options: Any) -> Verdict:
        opened.append(Identity(target, IdentityPolicy(), record=lambda verdict: verdict))
        return opened[-1].authorization_server_is_safe(
            **{"client": SHOP, "other_client": SPA, "strict": True, **options}
        )

    yield run
    for identity in opened:
        identity.close()


@pytest.fixture
def shop() -> ClientRegistration:
    """The client that the checks use."""
    return SHOP


@pytest.fixture
def blog() -> ClientRegistration:
    """A second client with a secret."""
    return BLOG
