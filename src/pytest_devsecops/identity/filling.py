"""How a person fills in a form: what belongs into a field, told by what the field is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_devsecops.identity.pages import FormField, PageForm

_EMAIL = re.compile(r"e-?mail", re.IGNORECASE)
_USERNAME = re.compile(r"user|login|ident|account|nick|name|handle", re.IGNORECASE)
_OLD = re.compile(r"old|current|existing|previous", re.IGNORECASE)
_NEW = re.compile(r"new", re.IGNORECASE)
_REPEATED = re.compile(r"confirm|repeat|again|re-?type|re-?enter|verif|second|2", re.IGNORECASE)
_SEARCH = ("q", "query", "search", "s")
_TEXT = ("text", "email", "tel", "url", "textarea", "")


def choose_form(forms: Sequence[PageForm], wanted: set[str], values: Mapping[str, str]) -> PageForm | None:
    """Return the form that has the wanted fields and is most likely the one; None if none fits.

    Args:
        forms: those of the page.
        wanted: the names that it must have.
        values: what there is to fill in.
    """
    fitting = [form for form in forms if wanted <= form.names and (wanted or _score(form, values) > 0)]
    return max(fitting, key=lambda form: _score(form, values), default=None)


def fill(form: PageForm, wanted: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return what the form sends: the wanted texts, and for every other field what it asks for."""
    sent: dict[str, str] = dict([form.submit]) if form.submit else {}
    sole = [one for one in form.fields if one.kind in _TEXT and one.name not in _SEARCH]
    secret = [one.name for one in form.fields if one.kind == "password"]
    for one in form.fields:
        text = wanted.get(one.name)
        if text is None and one.kind == "password" and _is_old(one.name, secret):
            text = values.get("password", "")
        if text is None:
            text = _text_for(one, values, alone=len(sole) == 1)
        if text is not None:
            sent[one.name] = text
    return sent


def _is_old(name: str, others: Sequence[str]) -> bool:
    """Tell whether a field asks for the password of now: it says so, or others say that they ask for the new one."""
    if _OLD.search(name):
        return True
    return any(_NEW.search(other) for other in others) and not (_NEW.search(name) or _REPEATED.search(name))


def _text_for(one: FormField, values: Mapping[str, str], *, alone: bool) -> str | None:
    """Return what a field sends, or None if nothing."""
    if one.kind == "password":
        return values.get("new_password", "") or values.get("password", "")
    if one.kind in ("checkbox", "radio"):
        return one.value if one.checked or one.required else None
    return _line_for(one, values, alone=alone) if one.kind in _TEXT else one.value


def _line_for(one: FormField, values: Mapping[str, str], *, alone: bool) -> str:
    """Return what goes into a field for a line of text."""
    if one.name in values:
        return values[one.name]
    if one.kind == "email" or _EMAIL.search(one.name):
        return values.get("email", one.value)
    if _USERNAME.search(one.name) or alone:
        return values.get("username", one.value)
    return one.value or ("Example" if one.required else "")


def _score(form: PageForm, values: Mapping[str, str]) -> int:
    """Return how likely this is the form of a login, a registration or a reset; zero for none of them."""
    passwords = sum(one.kind == "password" for one in form.fields)
    named = sum(
        one.kind in _TEXT
        and one.name not in _SEARCH
        and (one.kind == "email" or one.name in values or bool(_EMAIL.search(one.name) or _USERNAME.search(one.name)))
        for one in form.fields
    )
    return 10 * bool(passwords) + named
