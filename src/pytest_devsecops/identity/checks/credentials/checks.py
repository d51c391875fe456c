"""The checks on credentials that the fixture ``identity`` offers: login, registration, reset, passwords."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.checks.examiner import Examiner
from pytest_devsecops.identity.target import Hooks


class CredentialChecks(Examiner):
    """Predicates over what people prove themselves with."""

    @abstractmethod
    def hooks(self) -> Hooks:
        """Return the hooks of the target, none if there is no target."""

    def throttles_login(self, *, after: int, persona: str = "") -> Verdict:
        """Tell whether guessing a password is stopped after a number of wrong ones.

        Args:
            after: how many wrong passwords may be tried.
            persona: whose login is guessed; the first kind by default. Two fresh ones are made.
        """
        from pytest_devsecops.identity.checks.credentials.throttle import throttles_login

        if after < 1:
            raise UsageError(f"after={after} guesses nothing", remedy="say for example after=5")
        return self.examine(
            "throttles_login",
            lambda live, seen: throttles_login(live, seen, after=after, persona=persona),
            destructive=True,
        )

    def reveals_no_accounts(
        self,
        *,
        flows: Sequence[str] = ("login", "registration", "reset"),
        timing: Sequence[str] | None = None,
        at_least: float = 0.005,
        persona: str = "",
    ) -> Verdict:
        """Tell whether answers, and the time they take, keep to themselves whether an account exists.

        Args:
            flows: what is examined; ``registration`` needs the hook ``register``, ``reset`` needs ``request_reset``.
            timing: those of them whose time is judged too; all by default.
            at_least: the smallest difference in seconds that can count.
            persona: the kind of the accounts; fresh ones are made.
        """
        from pytest_devsecops.identity.checks.credentials.enumeration import FLOWS, reveals_no_accounts

        unknown = sorted({*flows, *(timing or ())} - FLOWS.keys())
        if unknown or not flows:
            raise UsageError(f"{unknown or 'nothing'} is no flow", remedy=f"choose from {', '.join(FLOWS)}")
        timed = tuple(flows if timing is None else timing)
        return self.examine(
            "reveals_no_accounts",
            lambda live, seen: reveals_no_accounts(
                live, seen, flows=tuple(flows), timing=timed, at_least=at_least, persona=persona
            ),
            needs=tuple(FLOWS[flow] for flow in flows if FLOWS[flow]),
            destructive=True,
        )

    def reset_is_safe(self, *, expires: timedelta | None = None, persona: str = "") -> Verdict:
        """Tell whether a reset link works once, for its account, for a while, and ends every session.

        Args:
            expires: how old a link may get; needs the hook ``clock``. With a clock and without this it is a week.
            persona: the kind of the accounts; fresh ones are made.
        """
        from pytest_devsecops.identity.checks.credentials.reset import reset_is_safe

        return self.examine(
            "reset_is_safe",
            lambda live, seen: reset_is_safe(live, seen, expires=expires, persona=persona),
            needs=("request_reset", "mailbox", *(() if expires is None else ("clock",))),
            destructive=True,
        )

    def passwords_follow_policy(
        self, *, minimum: int = 8, maximum: int = 64, common: Sequence[str] | None = None, persona: str = ""
    ) -> Verdict:
        """Tell whether passwords are accepted and refused as NIST SP 800-63B-4 says.

        Needs the hook ``register`` or ``change_password``.

        Args:
            minimum: characters below which a password must be refused: 8 beside a second factor, 15 alone.
            maximum: characters that must at least be taken.
            common: passwords that everybody uses; a few of the best known by default.
            persona: the kind of the accounts; fresh ones are made.
        """
        from pytest_devsecops.identity.checks.credentials.passwords import COMMON, passwords_follow_policy

        tried = tuple(COMMON if common is None else common)
        has_change = self.hooks().change_password is not None
        return self.examine(
            "passwords_follow_policy",
            lambda live, seen: passwords_follow_policy(
                live, seen, minimum=minimum, maximum=maximum, common=tried, persona=persona
            ),
            needs=() if has_change else ("register",),
            destructive=True,
        )
