"""The checks on the life of sessions that the fixture ``identity`` offers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.checks.examiner import Examiner

if TYPE_CHECKING:
    from pytest_devsecops.identity.checks.session.model import Explore


class SessionChecks(Examiner):
    """Predicates over how sessions begin and end."""

    @abstractmethod
    def left_out(self) -> Mapping[str, str]:
        """Return the operations that the policy leaves out, with the reason."""

    @abstractmethod
    def explorer(self) -> Explore | None:
        """Return what draws sequences of what users do; None outside a test run."""

    def starts_new_session_at_login(self, *, persona: str = "", reauthentication: bool = False) -> Verdict:
        """Tell whether what was known before a login does not get in after it.

        Args:
            persona: the kind that logs in; the first by default. Two fresh ones are made.
            reauthentication: whether a session must also end when its user logs in once more.
        """
        from pytest_devsecops.identity.checks.session.login import starts_new_session_at_login

        return self.examine(
            "starts_new_session_at_login",
            lambda live, seen: starts_new_session_at_login(live, seen, persona, reauthentication=reauthentication),
            destructive=True,
        )

    def ends_sessions(self, *, on: str | tuple[str, ...], persona: str = "", others: bool | None = None) -> Verdict:
        """Tell whether sessions end on the server when they must.

        Args:
            on: ``logout``, ``password change``, ``disable``, ``delete``, ``end other sessions`` (by the
                user) or ``terminate`` (by an administrator), or several of them.
            persona: the kind whose sessions end; the first by default. Fresh ones are made.
            others: whether the persona's other sessions must end too (true) or go on (false); by
                default what ASVS says of the event: on logout either is fine, else they must end.
        """
        from pytest_devsecops.identity.checks.session.end import ends_sessions, events_of

        events = events_of(on)
        return self.examine(
            "ends_sessions",
            lambda live, seen: ends_sessions(live, seen, events, persona, others=others),
            needs=tuple(one.hook for one in events),
            destructive=True,
        )

    def expires_sessions(
        self, *, idle: timedelta | float | None = None, absolute: timedelta | float | None = None, persona: str = ""
    ) -> Verdict:
        """Tell whether sessions end on the server when they are too old. Needs the hook ``clock``.

        With the hook ``refresh``, a refresh token must not outlive the limits either.

        Args:
            idle: how long a session may be left unused; a duration, or seconds.
            absolute: how long it may last at most, however much it is used.
            persona: the kind that logs in; the first by default. Fresh ones are made.

        Raises:
            UsageError: if neither is given, or one is not positive.
        """
        from pytest_devsecops.identity.checks.session.expiry import expires_sessions, limit_of

        limits = limit_of("idle", idle), limit_of("absolute", absolute)
        if limits == (None, None):
            raise UsageError("no limit is given", remedy="say idle=timedelta(minutes=30), absolute=…, or both")
        return self.examine(
            "expires_sessions",
            lambda live, seen: expires_sessions(live, seen, persona, idle=limits[0], absolute=limits[1]),
            needs=("clock",),
            destructive=True,
        )

    def cookies_are_safe(
        self, *, persona: str = "", prefixes: bool = True, bits: int = 128, cross_site: bool = False
    ) -> Verdict:
        """Tell whether the cookies of a session have their flags, and values that nobody guesses.

        Args:
            persona: the kind that logs in; the first by default. Fresh ones are made.
            prefixes: whether a session cookie must have a prefix that browsers enforce (``__Host-``).
            bits: the entropy that a session id must have.
            cross_site: whether pages of other sites are meant to use the session (``SameSite=None``).
        """
        from pytest_devsecops.identity.checks.session.cookies import cookies_are_safe

        return self.examine(
            "cookies_are_safe",
            lambda live, seen: cookies_are_safe(
                live, seen, persona, prefixes=prefixes, bits=bits, cross_site=cross_site
            ),
            destructive=True,
        )

    def refuses_cross_site_writes(
        self, *, personas: Sequence[str] = (), ignore: Mapping[str, str] | None = None, siblings: bool = False
    ) -> Verdict:
        """Tell whether no page of another site can make a logged-in user's browser change anything.

        Every operation that changes something is called as such a page can, and judged by what was
        changed. Cookies go along as browsers send them, so ``SameSite`` counts.

        Args:
            personas: the kinds whose browsers are abused; all of the target by default.
            ignore: operations that are left out, with the reason; the policy's by default.
            siblings: whether the page may be of a sibling host, to which ``SameSite`` is no obstacle.
        """
        from pytest_devsecops.identity.checks.cross_site.check import refuses_cross_site_writes

        left_out = self.left_out() if ignore is None else ignore
        return self.examine(
            "refuses_cross_site_writes",
            lambda live, seen: refuses_cross_site_writes(live, seen, tuple(personas), left_out, siblings=siblings),
            destructive=True,
        )

    def limits_sessions(self, *, at_most: int, persona: str = "") -> Verdict:
        """Tell whether a user can have only so many sessions at the same time.

        One more than that must be refused, or end another one.

        Args:
            at_most: the number.
            persona: the kind that logs in; the first by default. A fresh one is made.

        Raises:
            UsageError: if it is less than one.
        """
        from pytest_devsecops.identity.checks.session.limit import limits_sessions

        if at_most < 1:
            raise UsageError(f"at_most={at_most} lets nobody in", remedy="say at least 1")
        return self.examine(
            "limits_sessions", lambda live, seen: limits_sessions(live, seen, persona, at_most), destructive=True
        )

    def sessions_follow_model(self, *, persona: str = "", examples: int = 40, steps: int = 8) -> Verdict:
        """Tell whether what has ended stays ended, in whatever order a user does things.

        Sequences of login, logout, change of password and refresh, in two browsers, are drawn; after
        each step everything that has ended is replayed. One that breaks the model is cut down to the
        shortest that still does. Needs the extra ``hypothesis``, and ``logout`` or ``change_password``.

        Args:
            persona: the kind of the users; the first by default. A fresh one is made for each sequence.
            examples: how many sequences to draw.
            steps: how long they may be.

        Raises:
            UsageError: if nothing would be drawn.
        """
        from pytest_devsecops.identity.checks.session.model import sessions_follow_model

        if examples < 1 or steps < 1:
            raise UsageError("nothing would be drawn", remedy="say at least examples=1 and steps=1")
        return self.examine(
            "sessions_follow_model",
            lambda live, seen: sessions_follow_model(
                live, seen, explore=self.explorer(), persona=persona, examples=examples, steps=steps
            ),
            destructive=True,
        )
