"""Orders in PostgreSQL, and a picture of each in a folder."""

import secrets
from pathlib import Path

import psycopg


def connect(environment):
    return psycopg.connect(environment["DATABASE_URL"])


def place_order(environment):
    """Write the picture first, then the order that refers to it: an order without its picture is never seen."""
    name = f"{secrets.token_hex(8)}.png"
    Path(environment["MEDIA_ROOT"], name).write_bytes(secrets.token_bytes(200))
    with connect(environment) as connection:
        connection.execute("insert into orders(picture) values (%s)", (name,))


def can_order(environment):
    """Answer whether the newest order and its picture can be read, after placing one."""
    place_order(environment)
    with connect(environment) as connection:
        (name,) = connection.execute("select picture from orders order by id desc limit 1").fetchone()
    return Path(environment["MEDIA_ROOT"], name).is_file()


def every_order_has_its_file(environment):
    """Return the pictures that orders refer to and that are not there."""
    with connect(environment) as connection:
        names = [name for (name,) in connection.execute("select picture from orders")]
    return [name for name in names if not Path(environment["MEDIA_ROOT"], name).is_file()]
