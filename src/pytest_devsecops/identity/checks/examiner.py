"""What the mix-ins of checks expect of the fixture ``identity``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live

#: A check: examines an open target. It may raise IdentityError; then nothing is known.
Examine = Callable[[Live, Examination], None]


class Examiner(ABC):
    """Who runs a check and records its verdict: ``Identity``."""

    @abstractmethod
    def examine(
        self, check: str, examine: Examine, *, needs: tuple[str, ...] = (), destructive: bool = False
    ) -> Verdict:
        """Run one check and record its verdict.

        Args:
            check: its name, such as ``ends_sessions``.
            examine: the check.
            needs: the hooks without which nothing can be examined.
            destructive: whether it creates, changes, locks or deletes accounts.
        """
