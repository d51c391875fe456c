"""Whether issuer and subject make the account, or a claim that another user can have as well.

OpenID Connect Core, section 5.7: only ``iss`` and ``sub`` together identify a user; e-mail
addresses and usernames change hands.
"""

from __future__ import annotations

import re
import secrets

from pytest_devsecops.identity.checks.relying_party.probe import Party, Person, Visit
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.target import Login

_WORD = re.compile(r"[\w@.+-]+")


class IndistinctError(FlowError):
    """Two users look the same at ``whoami``, so nobody can tell whether they share an account."""


class AccountJudge:
    """Logs two users in who share one claim, and tells whether they share an account.

    Args:
        party: the relying party.
    """

    def __init__(self, party: Party) -> None:
        self._party = party
        self._shared = f"shared{secrets.token_hex(5)}"

    def judge(self, kind: str, *, second_login: Login | None = None) -> Visit | str:
        """Return the second user's visit; it shows the first only if they share the account.

        Args:
            kind: which claim they share.
            second_login: how the second logs in, if not as the first.

        Returns:
            the visit, or why the breakage does not apply.

        Raises:
            IndistinctError: if ``whoami`` shows nothing by which two accounts differ.
        """
        first, second = self._pair(kind)
        mine = [self._party.visit(first) for _ in range(2)]
        if not all(visit.shown for visit in mine):
            return "the application logs no such user in"
        other = self._party.visit(self._party.somebody())
        visit = self._party.visit(second, login=second_login)
        if not visit.shown:
            return visit
        account = self._account_words(first, mine, other)
        words = set(_WORD.findall(visit.page.text))
        if self._took_over(first, second, mine[0]):
            visit.shown = {"the first user's account"}
        elif words & _own_words(first, second) or first.canary in visit.page.text:
            visit.shown = {first.canary}
        elif account & words:
            visit.shown = {"the first user's account"}
        elif words & _own_words(second, first) or second.canary in visit.page.text or account:
            visit.shown = set()
        else:
            raise IndistinctError("whoami shows nothing that tells two accounts apart")
        return visit

    def _took_over(self, first: Person, second: Person, before: Visit) -> bool:
        """Tell whether the first user's session now shows the second: an account whose profile each login renews."""
        page = self._party.whoami(before.browser).text
        return first.canary in before.page.text and first.canary not in page and second.canary in page

    def _account_words(self, first: Person, mine: list[Visit], other: Visit) -> set[str]:
        """Return what whoami says of the first user's account only and looks like an id: it has a digit."""
        always = set(_WORD.findall(mine[0].page.text)) & set(_WORD.findall(mine[1].page.text))
        words = always - set(_WORD.findall(other.page.text)) - set(_WORD.findall(self._party.anonymous().text))
        ids = {word for word in words if any(letter.isdigit() for letter in word)}
        return {word for word in ids if self._shared.lower() not in word.lower() and first.user.sub != word}

    def _pair(self, kind: str) -> tuple[Person, Person]:
        address = f"{self._shared}@users.example"
        shared: dict[str, tuple[dict[str, object], dict[str, object]]] = {
            "same-email": ({"email": address}, {"email": address}),
            "same-email-unverified": ({"email": address}, {"email": address, "email_verified": False}),
            "no-email": ({"email": None, "email_verified": None}, {"email": None, "email_verified": None}),
            "same-username": ({"preferred_username": self._shared}, {"preferred_username": self._shared}),
            "sub-other-case": ({"sub": f"sub-{self._shared}"}, {"sub": f"SUB-{self._shared.upper()}"}),
            "same-sub": ({"sub": f"sub-{self._shared}"}, {"sub": f"sub-{self._shared}"}),
        }
        one, other = shared[kind]
        return self._party.somebody(**one), self._party.somebody(**other)


def _own_words(one: Person, other: Person) -> set[str]:
    """Return the subject of one of two people, unless both have it: letter for letter, as a page would show it."""
    return {one.user.sub} - {other.user.sub}
