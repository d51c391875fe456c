"""The parcels, in one SQLite file."""

import secrets
import sqlite3
from contextlib import closing

SCHEMA = """
create table if not exists parcel(
    id text primary key, sender text not null, address text not null, cents integer not null check (cents > 0));
create table if not exists session(id text primary key, sender text not null);
"""


def connect(path):
    connection = sqlite3.connect(path, timeout=10)
    connection.execute("pragma journal_mode = wal")
    connection.executescript(SCHEMA)
    return connection


def add_parcel(path, sender, address, cents):
    number = secrets.token_hex(4)
    with closing(connect(path)) as connection, connection:
        connection.execute("insert into parcel values (?, ?, ?, ?)", (number, sender, address, cents))
    return number


def parcel(path, number):
    with closing(connect(path)) as connection:
        return connection.execute("select sender, address, cents from parcel where id = ?", (number,)).fetchone()


def open_session(path, sender):
    session = secrets.token_urlsafe(24)
    with closing(connect(path)) as connection, connection:
        connection.execute("insert into session values (?, ?)", (session, sender))
    return session


def sender_of(path, session):
    with closing(connect(path)) as connection:
        found = connection.execute("select sender from session where id = ?", (session,)).fetchone()
    return found[0] if found else None


def end_session(path, session):
    with closing(connect(path)) as connection, connection:
        connection.execute("delete from session where id = ?", (session,))
