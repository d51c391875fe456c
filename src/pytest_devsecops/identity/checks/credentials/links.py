"""Reset links: found in messages, opened, changed, and judged by whether anybody could guess them."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from email import message_from_string, policy
from inspect import signature
from itertools import pairwise
from urllib.parse import urlsplit

from pytest_devsecops.identity.browser import Browser
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.flows import Call, secret_of, submit, texts_of
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.pages import FormField, read_page
from pytest_devsecops.identity.personas import Persona

_URL = re.compile(r"https?://[^\s\"'<>)\]]+")
_CODE = re.compile(r"(?<![\w.-])(?=[\w.-]*\d)[\w.-]{4,}(?![\w-])")
_SUSPECT = re.compile(r"reset|recover|password|passwort|token|confirm|forgot", re.IGNORECASE)
#: What tells one account from another, in what is known of a persona.
_NAMES = ("username", "email", "id")
_TYPED_NAME = re.compile(r"e-?mail|user|login|account", re.IGNORECASE)
_ID_FIELD = re.compile(r"user|account|member|customer|uid|^id$", re.IGNORECASE)
#: Fewer bits than this can be guessed even where guesses are throttled (ASVS 5.0, V6.5.1 and appendix on
#: cryptography: codes that are sent need 20 bits).
MINIMUM_BITS = 6 * math.log2(10)  # six decimal digits count as 20 bits
#: Seconds that a message may take to arrive.
PATIENCE = 5.0
_CLOCK_SLACK = 120
_NEAR = 1000
_BY_CHANCE = 1e-5


def new_messages(
    mailbox: Callable[[], Sequence[str]], act: Callable[[], object], *, patience: float | None = None
) -> list[str]:
    """Return the messages that arrive because of ``act``; waits up to ``patience`` seconds for the first."""
    before = list(mailbox())
    act()
    until = time.monotonic() + (PATIENCE if patience is None else patience)
    while True:
        after = list(mailbox())
        fresh = after[len(before) :] if after[: len(before)] == before else [one for one in after if one not in before]
        if fresh or time.monotonic() > until:
            return [_readable(one) for one in fresh]
        time.sleep(0.05)


def link_in(messages: Sequence[str]) -> str:
    """Return the reset link in the newest message that has one, or else its code.

    Raises:
        FlowError: if there is neither.
    """
    for message in reversed(messages):
        urls: list[str] = [found.rstrip(".,;:!?") for found in _URL.findall(message)]
        if urls:
            return max(urls, key=lambda url: (bool(_SUSPECT.search(url)), len(secret_of(url))))
        codes: list[str] = [found.strip(".-") for found in _CODE.findall(message)]
        if codes:
            return max(codes, key=len)
    seen = f"{len(messages)} new messages without a link or a code" if messages else "no new message"
    raise FlowError(f"the request for a reset link sent {seen}", remedy="check request_reset= and mailbox=")


def use_link(browser: Browser, link: str, new_password: str, owner: Persona, account: Persona) -> Response:
    """Open a link as its receiver does, and fill in the form for the new password that it leads to.

    Args:
        browser: a new one.
        link: from the message.
        new_password: what to set.
        owner: who got the link.
        account: whose account the form is to name, where it names one: the owner's, or an attacker's victim.

    Raises:
        FlowError: if it leads to no such form.
    """
    page = open_link(browser, link)
    values = {**texts_of(account), "password": new_password, "new_password": new_password}
    return submit(browser, page, _renamed(page, owner, account), values)


def form_names_account(browser: Browser, link: str, owner: Persona) -> bool:
    """Tell whether the form behind a link says whose password it sets, beside the secret."""
    page = open_link(browser, link)
    typed = [one for one in _fields_beside_password(page) if one.kind in ("text", "email")]
    return bool(_fields_naming(page, owner)) or any(_TYPED_NAME.search(one.name) for one in typed)


def _renamed(page: Response, owner: Persona, account: Persona) -> dict[str, str]:
    """Return the fields of the form that name the owner, with the account's names in them."""
    known, others = texts_of(owner), texts_of(account)
    named = _fields_naming(page, owner) if owner is not account else {}
    return {field: others.get(meaning, known[meaning]) for field, meaning in named.items()}


def _fields_naming(page: Response, owner: Persona) -> dict[str, str]:
    """Return fields of the form for a new password that have a name of the owner, and which it is."""
    known = {name: text for name, text in texts_of(owner).items() if name in _NAMES and text}
    return {
        field.name: meaning
        for field in _fields_beside_password(page)
        for meaning, text in known.items()
        if field.value == text and (meaning != "id" or _ID_FIELD.search(field.name))
    }


def _fields_beside_password(page: Response) -> list[FormField]:
    forms = [one for one in read_page(page.text).forms if any(field.kind == "password" for field in one.fields)]
    return [field for one in forms for field in one.fields if field.kind != "password"]


def open_link(browser: Browser, link: str) -> Response:
    """Open a link at the target's own address, whatever host it names."""
    parts = urlsplit(link)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return browser.get(path or "/", follow=True)


def altered(link: str) -> Iterator[str]:
    """Return the link with another secret: one letter changed in its middle, and without its end."""
    secret = secret_of(link)
    middle = len(secret) // 2
    other = "a" if secret[middle] != "a" else "b"
    if secret[middle].isdigit():
        other = "1" if secret[middle] != "1" else "2"
    for changed in (secret[:middle] + other + secret[middle + 1 :], secret[: max(1, middle)]):
        yield link.replace(secret, changed)


def swapped(link: str, other: str) -> str:
    """Return ``other`` with the secret of ``link``, or an empty text if the secret is all they differ in."""
    mine, theirs = secret_of(link), secret_of(other)
    if mine == theirs or link.replace(mine, "") == other.replace(theirs, ""):
        return ""
    return other.replace(theirs, mine)


def takes_account(confirm: Callable[..., object] | None) -> bool:
    """Tell whether a hook that uses a code names the account in its request, beside the code."""
    step = getattr(confirm, "__wrapped__", confirm)
    if isinstance(step, Call):
        return step.names_account()
    if step is None:
        return False
    try:
        signature(step).bind("browser", "link", "new password", "persona")
    except TypeError:
        return False
    return True


def guessable(secret: str, persona: Persona, secrets: Sequence[str]) -> str:
    """Return why anybody could guess ``secret``, or an empty text.

    Args:
        secret: the secret part of the persona's link.
        persona: who got it.
        secrets: it and those of other links, in the order in which they were asked for.
    """
    known = {persona.username, str(persona.data.get("email", "")), str(persona.data.get("id", ""))} - {""}
    for name in known:
        if secret.lower() in {spelling.lower() for spelling in _derived(name)}:
            return f"it is made from {name!r} alone"
    if bits_of(secret) < MINIMUM_BITS:
        return f"it has {bits_of(secret):.0f} bits"
    if _is_time(secret):
        return "it is the time of the request"
    if _counts(secrets):
        return "it counts up"
    return ""


def bits_of(secret: str) -> float:
    """Return at most how many bits a secret has, by its length and alphabet."""
    alphabets = (("0123456789", 10), ("0123456789abcdef-", 16), ("0123456789ABCDEF-", 16))
    size = next((size for letters, size in alphabets if set(secret) <= set(letters)), 64)
    return len(secret.replace("-", "")) * math.log2(size)


def _derived(name: str) -> Iterator[str]:
    raw = name.encode()
    yield name
    yield from (hashlib.new(kind, raw, usedforsecurity=False).hexdigest() for kind in ("md5", "sha1", "sha256"))
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode):
        text = encode(raw).decode()
        yield from (text, text.rstrip("="))
    yield raw.hex()


def _is_time(secret: str) -> bool:
    try:
        if uuid.UUID(secret).version == 1 and "-" in secret:
            return True
    except ValueError:
        pass
    now = time.time()
    return secret.isdigit() and any(abs(int(secret) / scale - now) < _CLOCK_SLACK for scale in (1, 1e3, 1e6, 1e9))


def _counts(secrets: Sequence[str]) -> bool:
    """Tell whether secrets that were asked for one after the other count up or down, which chance does not explain.

    Codes of six digits are near each other by chance once in five hundred times.
    """
    for base in (10, 16):
        try:
            numbers = [int(one.replace("-", ""), base) for one in secrets]
        except ValueError:
            continue
        steps = [later - earlier for earlier, later in pairwise(numbers) if later != earlier]
        if not steps or (min(steps) < 0 < max(steps)):
            return False
        widest = max(map(abs, steps))
        space = base ** max(len(one.replace("-", "")) for one in secrets)
        return widest < _NEAR and (2 * widest / space) ** len(steps) < _BY_CHANCE
    return False


def _readable(message: str) -> str:
    """Return the text of a message; of a whole MIME message, its decoded parts."""
    if "content-type:" not in message.lower():
        return message
    parsed = message_from_string(message, policy=policy.default)
    parts = [part.get_content() for part in parsed.walk() if part.get_content_maintype() == "text"]
    return "\n".join(parts) or message
