"""The fixture ``devsecops``: the user's own verdicts, and every family under one name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cached_property
from typing import Any

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.registry import Registry
from pytest_devsecops.core.verdict import Examined, Verdict
from pytest_devsecops.dependencies.family import Dependencies
from pytest_devsecops.dependencies.model import ReadContext, SourceReader
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.target import Target
from pytest_devsecops.policy.model import Policy
from pytest_devsecops.pytest_plugin import hostile, searching, sequences
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.making import Maker


class DevSecOps:
    """What the fixture ``devsecops`` gives.

    Args:
        policy: the session's policy.
        readers: the known source formats.
        stores: the known kinds of stores.
        today: the date that ages are counted from.
        record: called with every verdict.
        limits: returns the objectives in seconds that the running test's marker sets.
    """

    def __init__(
        self,
        policy: Policy,
        readers: Mapping[str, SourceReader],
        stores: Registry[Maker],
        *,
        today: date,
        record: Callable[[Verdict], Verdict],
        limits: Callable[[], Mapping[str, float]],
    ) -> None:
        self._limits = limits
        self._readers = readers
        self._stores = stores
        self._record = record
        self.policy = policy
        self.today = today

    @cached_property
    def dependencies(self) -> Dependencies:
        """Checks on what the project depends on; the same as the fixture ``dependencies``."""
        return Dependencies(
            self.policy.sections["dependencies"],
            self._readers,
            ReadContext(self.policy.root, os.environ),
            today=self.today,
            record=self._record,
        )

    def identity_of(self, target: Target | None) -> Identity:
        """Return checks on the identity flows of ``target``; close them when they are done with."""
        return Identity(target, self.policy.sections["identity"], record=self._record, explore=sequences.explore)

    def recovery(self) -> Recovery:
        """Return checks that what was backed up comes back; close them when they are done with."""
        return Recovery(
            self.policy.sections["recovery"],
            self.policy.root,
            today=self.today,
            record=self._record,
            stores=self._stores,
            limits=self._limits,
            generate=hostile.generate,
            search=searching.search,
        )

    def verdict(
        self,
        check: str,
        *,
        ok: bool | None = None,
        examined: Examined | int,
        findings: Iterable[Finding | str] | None = None,
        summary: str = "",
        fix: str = "",
        evidence: Mapping[str, Any] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> Verdict:
        """Return a verdict of your own; assert it like one of ours.

        Args:
            check: what was checked, such as ``"admin accounts have MFA"``.
            ok: whether it holds; leave it out if the findings (even none of them) say so.
            examined: how many things were looked at, as a number or by name
                (``{"accounts": 12}``). Nothing examined is unverified, whatever ``ok`` says.
            findings: what is wrong, as text or ``Finding``.
            summary: one sentence for the case that all is well.
            fix: what to do about findings that are given as text.
            evidence: JSON values for the report.
            measured: objectives in seconds, such as ``{"rto": 12.5}``.

        Raises:
            UsageError: if ``ok`` and ``findings`` contradict each other, or both are missing.
        """
        found = [one if isinstance(one, Finding) else _own_finding(check, one, fix) for one in findings or ()]
        if ok is True and found:
            raise UsageError(f"{check}: ok=True contradicts {len(found)} findings", remedy="leave ok out")
        if ok is None and findings is None:
            raise UsageError(f"{check}: neither ok nor findings are given", remedy="say ok=… or findings=[…]")
        if ok is False and not found:
            found = [_own_finding(check, f"{check} does not hold", fix)]
        counted = {"things": examined} if isinstance(examined, int) else examined
        return self._record(
            Verdict(check, found, examined=counted, summary=summary, evidence=evidence, measured=measured)
        )


def _own_finding(check: str, message: str, fix: str) -> Finding:
    return Finding(rule="own-check", subject=check, message=message, fix=fix, status=Status.VIOLATED)
