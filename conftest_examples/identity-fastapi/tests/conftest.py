import secrets

import pytest
from guesthouse.main import app
from guesthouse.store import house

from pytest_devsecops.identity import Resource, TokenLogin, call, fastapi_target


def somebody(*, staff=False):
    name, password = f"guest-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    house.add_account(name, password, staff=staff)
    return name, password


@pytest.fixture
def identity_target():
    return fastapi_target(
        app,
        personas={"guest": somebody, "staff": lambda: somebody(staff=True)},
        login=TokenLogin("/token", as_json=True, fields={"name": "{username}", "password": "{password}"}),
        whoami="/me",
        logout="POST /sign-out",
        register=call("POST /accounts", json={"name": "{username}", "password": "{password}"}),
        change_password=call("POST /password", json={"old": "{password}", "new": "{new_password}"}),
        disable=lambda guest: setattr(house.accounts[guest.username], "locked", True),
        resources={
            "booking": Resource(
                create=lambda guest, wishes: house.add_booking(guest.username, wishes),
                read="GET /bookings/{booking}",
                fields={"price": 1, "guest": lambda other: other.username},
            )
        },
    )
