"""What the society knows. A dictionary each; a real one has a database."""

import itertools
import secrets
from dataclasses import dataclass

from werkzeug.security import check_password_hash, generate_password_hash


@dataclass
class Member:
    email: str
    digest: str
    committee: bool = False
    failures: int = 0
    reset: str = ""


@dataclass
class Plot:
    number: int
    member: str
    grows: str


members: dict[str, Member] = {}
plots: dict[int, Plot] = {}
sessions: dict[str, dict[str, str]] = {}
#: What was sent, oldest first; a real society has a mail server.
outbox: list[str] = []
_numbers = itertools.count(1)


def add_member(email, password, *, committee=False):
    members[email] = Member(email, generate_password_hash(password), committee)


def add_plot(email, grows):
    number = next(_numbers)
    plots[number] = Plot(number, email, grows)
    return number


def set_password(member, password):
    member.digest = generate_password_hash(password)


def is_password(member, password):
    return check_password_hash(member.digest, password)


def send(email, text):
    outbox.append(f"To: {email}\n\n{text}\n")


def new_session(**content):
    key = secrets.token_urlsafe(32)
    sessions[key] = {"token": secrets.token_urlsafe(16), **content}
    return key
