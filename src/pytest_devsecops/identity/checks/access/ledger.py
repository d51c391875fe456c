"""What an access check notes down: findings, counts, and how each cell was judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.checks.access.matrix import NAME, Row
from pytest_devsecops.identity.checks.access.people import Actor, Outcome, Thing
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.live import unverified

_SERVER_ERROR = 500
_REFS: Mapping[str, tuple[str, ...]] = {
    "foreign-object": ("asvs:v5.0.0-8.2.2", "WSTG-ATHZ-04"),
    "other-tenant": ("asvs:v5.0.0-8.4.1", "WSTG-ATHZ-02"),
    "function-reached": ("asvs:v5.0.0-8.2.1", "WSTG-ATHZ-02"),
    "reached-by-another-spelling": ("asvs:v5.0.0-8.2.1", "WSTG-ATHZ-02", "WSTG-CONF-06"),
    "protected-field": ("asvs:v5.0.0-8.2.3", "asvs:v5.0.0-15.3.3", "WSTG-INPV-20"),
    "stale-role": ("asvs:v5.0.0-8.3.2", "WSTG-ATHZ-03"),
    "crashes-on-foreign-call": ("asvs:v5.0.0-16.5.2", "WSTG-ERRH-01"),
}
_FIXES = {
    "foreign-object": "look the object up among those that the caller may reach, not by its id alone",
    "other-tenant": "restrict every query to the caller's tenant",
    "function-reached": "check the caller's role before the operation does anything",
    "reached-by-another-spelling": "check the caller where the operation is done, not by comparing addresses in front",
    "protected-field": "take only the fields that the caller may set; name them one by one",
    "stale-role": "read the role from the store at every request, or end the sessions when it changes",
    "crashes-on-foreign-call": "refuse the call before working on it",
}


@dataclass(slots=True)
class Ledger:
    """Collects what was seen.

    Attributes:
        findings: in order, one for each rule and subject.
        attempts: how many calls were judged.
        cells: how many cells were.
        oracles: how each operation was judged.
        exercised: the requirements of ASVS that were looked at.
    """

    findings: list[Finding] = field(default_factory=list)
    attempts: int = 0
    cells: int = 0
    oracles: dict[str, str] = field(default_factory=dict)
    exercised: set[str] = field(default_factory=set)

    def violated(
        self, rule: str, row: Row, actor: Actor, message: str, outcome: Outcome, things: list[Thing], *, part: str = ""
    ) -> None:
        """Note that an actor could do what the matrix does not allow; ``part`` tells several of one rule apart."""
        secrets = {actor.persona.password: "the password"} if actor.persona else {}
        detail = as_detail(outcome.exchange, secrets=secrets)
        detail["objects"] = [f"{thing.name} {thing.id} of {thing.owner.name}" for thing in things]
        self._add(
            Finding(
                rule,
                f"{row.operation} for {actor.kind}{part and f', {part}'}",
                f"{row.operation}: {actor.name} {message}",
                _FIXES.get(rule, ""),
                _REFS.get(rule, ()),
                detail=detail,
            )
        )

    def crashed(self, row: Row, actor: Actor, outcome: Outcome) -> bool:
        """Note a server error in answer to a call that must be refused."""
        if outcome.exchange.response.status < _SERVER_ERROR:
            return False
        status = outcome.exchange.response.status
        self.violated("crashes-on-foreign-call", row, actor, f"gets {status} where a refusal is due", outcome, [])
        return True

    def refused(self, row: Row, kind: str, outcome: Outcome) -> None:
        """Note that the application refuses what the matrix grants."""
        detail = as_detail(outcome.exchange)
        message = f"{row.operation}: the matrix grants {kind} {row.cells[kind]!r}, and the application refuses it"
        fix = "correct the matrix or the application"
        self._add(Finding("refuses-what-is-granted", f"{row.operation} for {kind}", message, fix, detail=detail))

    def unknown(self, row: Row, rule: str, message: str, fix: str = "") -> None:
        """Note that an operation could not be judged."""
        found = unverified(NAME, rule, f"{row.operation}: {message}", fix)
        self._add(Finding(rule, str(row.operation), found.message, fix, status=found.status))

    def _add(self, found: Finding) -> None:
        if all((one.rule, one.subject) != (found.rule, found.subject) for one in self.findings):
            self.findings.append(found)
