"""Who is known, and what is booked. A dictionary each; a real house has a database."""

import hashlib
import itertools
import secrets
from dataclasses import dataclass, field

RATE = 95_00


@dataclass
class Account:
    name: str
    salt: bytes
    digest: bytes
    staff: bool = False
    locked: bool = False
    failures: int = 0
    sessions: set[str] = field(default_factory=set)


@dataclass
class Booking:
    number: int
    guest: str
    nights: int
    wishes: str
    price: int


class House:
    """All that the house knows."""

    def __init__(self):
        self.accounts = {}
        self.bookings = {}
        self._numbers = itertools.count(1001)

    def add_account(self, name, password, *, staff=False):
        salt = secrets.token_bytes(16)
        self.accounts[name] = Account(name, salt, _digest(password, salt), staff)
        return self.accounts[name]

    def set_password(self, account, password):
        account.digest = _digest(password, account.salt)

    def add_booking(self, guest, wishes, nights=2):
        number = next(self._numbers)
        self.bookings[number] = Booking(number, guest, nights, wishes, nights * RATE)
        return number


def is_password(account, password):
    return secrets.compare_digest(account.digest, _digest(password, account.salt))


def _digest(password, salt):
    return hashlib.scrypt(password.encode(), salt=salt, n=2**12, r=8, p=1)


house = House()
