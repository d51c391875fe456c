"""The provider's sessions, and its login and consent pages (Core 1.0, sections 3.1.2.1, 3.1.2.3 and 3.1.2.4).

Without passwords nobody has to click anything: whoever is the provider's current user is logged in.
With passwords people log in by a form and allow each client what it asks for.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from pytest_devsecops.identity.http import Headers, Request, Response
from pytest_devsecops.identity.provider.messages import NO_STORE, OAuthError, cookie_of, header_of
from pytest_devsecops.identity.provider.model import Session, User
from pytest_devsecops.identity.provider.realm import Realm

COOKIE = "devsecops_idp"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an authorization request asks for, as far as pages are concerned.

    Attributes:
        given: its parameters, and the form's if a page was answered.
        client_id: who asks.
        scope: what is granted if the user agrees.
    """

    given: dict[str, str]
    client_id: str
    scope: tuple[str, ...]

    @property
    def prompts(self) -> list[str]:
        """The values of ``prompt``."""
        return self.given.get("prompt", "").split()


def session_for(realm: Realm, request: Request, wish: Wish, user: User | None) -> tuple[Session, Headers] | Response:
    """Return the browser's session at the provider with headers for the answer, or a page to look at first.

    Raises:
        OAuthError: if the request allows no page, or the user refuses.
    """
    session = realm.sessions.get(cookie_of(request, COOKIE))
    if session is not None and _too_old(realm, session, wish):
        session = None
    if "none" in wish.prompts:
        return _silently(realm, session, wish, user)
    if realm.passwords:
        return _with_pages(realm, request, session, wish)
    renew = bool({"login", "select_account"} & set(wish.prompts)) and not realm.lax("prompt-login-ignored")
    if session is not None and not renew:
        return session, ()
    if user is None:
        raise OAuthError("access_denied", "no user of the provider is there to log in; use idp.user(…)")
    return _opened(realm, user)


def _too_old(realm: Realm, session: Session, wish: Wish) -> bool:
    age = wish.given.get("max_age", "")
    # `isdecimal` also accepts digits of other scripts, which `int` reads as well; ASCII only.
    if not (age.isascii() and age.isdecimal()) or realm.lax("max-age-ignored"):
        return False
    return realm.now() - session.auth_time > int(age[:9])


def _silently(realm: Realm, session: Session | None, wish: Wish, user: User | None) -> tuple[Session, Headers]:
    """Answer ``prompt=none``: no page, whatever is missing."""
    if len(wish.prompts) > 1 and not realm.lax("prompt-none-mixed"):
        raise OAuthError("invalid_request", "prompt=none stands alone")
    if session is None:
        if realm.lax("prompt-none-ignored"):
            return _opened(realm, user or User("anybody"))
        raise OAuthError("login_required", "nobody is logged in at the provider")
    if realm.passwords and not _consented(realm, session, wish):
        raise OAuthError("consent_required", "the user has not agreed yet")
    return session, ()


def _opened(realm: Realm, user: User) -> tuple[Session, Headers]:
    session = realm.open_session(user)
    secure = "; Secure" if realm.url.startswith("https") else ""
    cookie = f"{COOKIE}={session.sid}; Path={realm.path or '/'}; HttpOnly; SameSite=Lax{secure}"
    return session, (("Set-Cookie", cookie),)


def _with_pages(
    realm: Realm, request: Request, session: Session | None, wish: Wish
) -> tuple[Session, Headers] | Response:
    answered = request.method == "POST" and _own_origin(realm, request)
    headers: Headers = ()
    ticket = wish.given.get("ticket", "") if answered else ""
    if ticket:
        return _decided(realm, session, wish, ticket)
    if answered and "password" in wish.given:
        known = realm.passwords.get(wish.given.get("username", ""), "")
        if not known or not hmac.compare_digest(known.encode(), wish.given["password"].encode()):
            return _login_page(realm, "This is not the password.")
        session, headers = _opened(realm, User(wish.given["username"]))
    elif session is None or ("login" in wish.prompts and not realm.lax("prompt-login-ignored")):
        return _login_page(realm, "")
    if _consented(realm, session, wish) and ("consent" not in wish.prompts or realm.lax("prompt-consent-ignored")):
        return session, headers
    return _consent_page(realm, session, wish, headers)


def _own_origin(realm: Realm, request: Request) -> bool:
    """Tell whether a form was sent from the provider's own page; another site could log its own user in."""
    own = "{0.scheme}://{0.netloc}".format(urlsplit(realm.url))
    return header_of(request, "origin") in ("", own)


def _decided(realm: Realm, session: Session | None, wish: Wish, ticket: str) -> tuple[Session, Headers]:
    """Take the answer to a consent page, which only the browser can give that got the page."""
    if session is None or realm.tickets.pop(ticket, "") != session.sid:
        raise OAuthError("access_denied", "this page was made for another session")
    if wish.given.get("answer") != "allow":
        raise OAuthError("access_denied", "the user refused")
    realm.consents.setdefault((session.user.sub, wish.client_id), set()).update(wish.scope)
    return session, ()


def _consented(realm: Realm, session: Session, wish: Wish) -> bool:
    return set(wish.scope) <= realm.consents.get((session.user.sub, wish.client_id), set())


def _login_page(realm: Realm, message: str) -> Response:
    fields = (
        '<label>Name <input name="username" autocomplete="username"></label>'
        '<label>Password <input name="password" type="password" autocomplete="current-password"></label>'
        "<button>Log in</button>"
    )
    return _html(realm, f"<p>{escape(message)}</p><form method=post>{fields}</form>", ())


def _consent_page(realm: Realm, session: Session, wish: Wish, headers: Headers) -> Response:
    ticket = secrets.token_urlsafe(16)
    realm.tickets[ticket] = session.sid
    what = ", ".join(wish.scope) or "nothing in particular"
    form = (
        f'<form method=post><input type=hidden name=ticket value="{ticket}">'
        "<button name=answer value=deny>Refuse</button><button name=answer value=allow>Allow</button></form>"
    )
    return _html(realm, f"<p>{escape(wish.client_id)} asks for {escape(what)}.</p>{form}", headers)


def _html(realm: Realm, body: str, headers: Headers) -> Response:
    """Return a page that no site can frame (RFC 9700, section 4.16) and that hands its address to none (4.2.4)."""
    framing = () if realm.lax("pages-framable") else (("Content-Security-Policy", "frame-ancestors 'none'"),)
    kept = tuple(pair for pair in NO_STORE if pair[0] != "Referrer-Policy" or not realm.lax("pages-leak-referrer"))
    leak = (("Referrer-Policy", "unsafe-url"),) if realm.lax("pages-leak-referrer") else ()
    shown = (("Content-Type", "text/html; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    text = f"<!doctype html><title>Provider</title>{body}"
    return Response(200, (*shown, *framing, *kept, *leak, *headers), text.encode(), "")
