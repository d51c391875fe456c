import secrets

import pytest
from bakery.models import Order
from django.contrib.auth.models import User

from pytest_devsecops.identity import Payload, Resource, django_target, form


def make_customer():
    name = f"customer-{secrets.token_hex(4)}"
    return User.objects.create_user(name, f"{name}@mail.example")


def make_staff():
    name = f"staff-{secrets.token_hex(4)}"
    return User.objects.create_user(name, f"{name}@bakery.example", is_staff=True)


def make_order(customer, wish):
    return Order.objects.create(customer_id=customer.data["id"], wish=wish).pk


@pytest.fixture
def identity_target(transactional_db, mailoutbox):
    return django_target(
        personas={"customer": make_customer, "staff": make_staff},
        login=form("/accounts/login/"),
        whoami="/me",
        logout="POST /accounts/logout/",
        request_reset=form("/accounts/forgotten/"),
        mailbox=lambda: [message.body for message in mailoutbox],
        resources={
            "order": Resource(
                create=make_order,
                read="GET /orders/{order}",
                fields={"paid": True, "customer": lambda other: other.data["id"]},
                inspect=lambda order: Order.objects.filter(pk=order).values().first(),
            )
        },
        payloads={"POST /orders/{order}": Payload(form={"wish": "{canary}"}, page="/orders/{order}")},
    )
