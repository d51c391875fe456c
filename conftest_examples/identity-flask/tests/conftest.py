import secrets

import pytest
from allotments import store
from allotments.main import app
from werkzeug.security import generate_password_hash

from pytest_devsecops.identity import Payload, Resource, flask_target, form


def somebody(*, committee=False):
    email, password = f"m{secrets.token_hex(6)}@members.example", secrets.token_urlsafe(16)
    # A thousand rounds for a test's account, because none of the tests measures how long a sign-in takes.
    store.members[email] = store.Member(email, generate_password_hash(password, "pbkdf2:sha256:1000"), committee)
    return email, password


@pytest.fixture
def identity_target():
    return flask_target(
        app,
        personas={"member": somebody, "committee": lambda: somebody(committee=True)},
        login=form("/sign-in"),
        whoami="/",
        logout="POST /sign-out",
        request_reset=form("/forgotten"),
        mailbox=lambda: store.outbox,
        resources={
            "plot": Resource(
                create=lambda member, grows: store.add_plot(member.username, grows),
                read="GET /plots/{plot}",
            )
        },
        payloads={"POST /plots/{plot}": Payload(form={"grows": "{canary}"}, page="/plots/{plot}")},
    )
