import secrets

import pytest
from parcel_desk import store
from parcel_desk.web import OPERATIONS, Desk

from pytest_devsecops.identity import Resource, idp_login, wsgi_target
from pytest_devsecops.recovery import procedure, sqlite


@pytest.fixture
def identity_target(idp, tmp_path):
    database = tmp_path / "parcels.sqlite3"
    return wsgi_target(
        Desk(database, idp.issuer(), idp.ca_file),
        inventory=OPERATIONS,
        personas={"sender": lambda: (f"sender-{secrets.token_hex(4)}", "")},
        login=idp_login("/sign-in", idp),
        whoami="/me",
        logout="POST /sign-out",
        resources={
            "parcel": Resource(
                create=lambda sender, address: store.add_parcel(database, sender.username, address, 450),
                read="GET /parcels/{parcel}",
            )
        },
    )


def seed(environment):
    for number in range(200):
        store.add_parcel(environment["DATABASE"], f"sender-{number % 7}", f"{number} Harbour Street", 450)


@pytest.fixture(scope="session")
def parcels():
    return sqlite(prepare=seed, env={"DATABASE": "{path}"}, empty={"session": "nobody is signed in"})


@pytest.fixture(scope="session")
def nightly():
    return procedure("sh ops/backup.sh", "sh ops/restore.sh", every="24h")
