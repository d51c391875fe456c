"""``refuses_forged_tokens``: no token but the issuer's own gets in.

ASVS 5.0 V9.1 and V9.2, RFC 8725, RFC 9068.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.core.text import counted
from pytest_devsecops.identity.checks.forged_tokens.known import Known, gather
from pytest_devsecops.identity.checks.forged_tokens.range import Attempt, Range
from pytest_devsecops.identity.checks.forged_tokens.volley import Volley
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.tokens.battery import applicable, select
from pytest_devsecops.identity.tokens.model import Attack
from pytest_devsecops.identity.tokens.trap import FetchTrap

NAME = "identity.refuses_forged_tokens"
__all__ = ["Attempt", "refuses_forged_tokens"]


def refuses_forged_tokens(live: Live, seen: Examination, attempt: Attempt) -> None:
    """Send every attack that applies, with controls before, between and after them.

    Raises:
        UsageError: if the attempt names an attack or class that does not exist, or keys that are none.
        FlowError: if the login does not work, or gives no token that could be forged.
    """
    chosen = select(attempt.attacks)
    range_ = Range(live, attempt)
    trouble = range_.controls()
    if trouble:
        _not_known(seen, trouble, "make the valid token work, and an anonymous caller be refused, first")
        return
    with _trap(live) as trap:
        known = gather(range_, attempt, trap)
        for trouble in known.troubles:
            _not_known(seen, trouble, "pass the issuer's own keys as jwks=…, and its private one as issuer_key=…")
        volley = Volley(range_, known, trap)
        volley.fire(chosen)
        _report(seen, attempt, known, volley)


@contextmanager
def _trap(live: Live) -> Iterator[FetchTrap | None]:
    """Open a trap where the application could reach it: on this machine."""
    if not live.target.loopback:
        yield None
        return
    with FetchTrap() as trap:
        yield trap


def _not_known(seen: Examination, trouble: str, fix: str) -> None:
    seen.examined.setdefault("attacks", 0)
    seen.findings.append(unverified(NAME, "control-failed", trouble, fix))


def _report(seen: Examination, attempt: Attempt, known: Known, volley: Volley) -> None:
    seen.findings.extend(volley.findings)
    seen.examined["attacks"] = len(volley.sent)
    seen.examined["at"] = str(attempt.at)
    seen.evidence.update(
        {
            "sample": {"alg": known.knowledge.sample.algorithm, "sent_in": volley.carrier, "keys": known.source},
            "attacks_by_class": _counts(volley.sent),
            "not_applicable": _by_reason(volley.not_applicable),
            "accepted_and_harmless": volley.lenient,
            "crashes_and_harmless": volley.broke_harmlessly,
            "controls": volley.controls,
        }
    )
    for attack in volley.sent:
        seen.exercised.update(ref.removeprefix("asvs:v5.0.0-") for ref in attack.refs if ref.startswith("asvs:"))
    without = len(volley.not_applicable)
    others = f"; {counted(without, 'attack')} did not apply" if without else ""
    refused = counted(len(volley.sent), "forged token")
    seen.summary = f"{attempt.at} refused {refused}; the valid one worked before and after{others}"
    seen.findings.extend(_without_key(volley, asked_for=bool(attempt.attacks)))
    if not volley.sent and volley.not_applicable and attempt.attacks:
        _none_applied(seen, known, volley)


def _without_key(volley: Volley, *, asked_for: bool) -> Iterator[Finding]:
    """Tell of attacks that could not be made for want of a key.

    Every attacker has the public key: without it the battery is not whole. What takes the issuer's own key is
    missed only where somebody asked for such attacks by name.
    """
    missing: dict[str, list[str]] = {}
    for name, error in volley.without_key.items():
        if error.public or asked_for:
            missing.setdefault(error.remedy, []).append(name)
    for remedy, names in missing.items():
        message = f"{counted(len(names), 'attack')} could not be made: {volley.without_key[names[0]]}"
        yield unverified(NAME, "key-unknown", message, remedy)


def _none_applied(seen: Examination, known: Known, volley: Volley) -> None:
    """Say that the chosen attacks cannot be made here; met only if others of the battery can.

    What was examined are their preconditions. If no attack at all applies, that count is zero and
    the verdict unverified.
    """
    reasons = _by_reason(volley.not_applicable)
    del seen.examined["attacks"]
    seen.examined["preconditions"] = len(volley.not_applicable)
    seen.examined["other classes that apply"] = len(applicable(known.knowledge))
    seen.summary = f"does not apply here: {'; '.join(reasons)}"


def _counts(attacks: Sequence[Attack]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for attack in attacks:
        counts[attack.group] = counts.get(attack.group, 0) + 1
    return counts


def _by_reason(missing: dict[str, str]) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, reason in missing.items():
        reasons.setdefault(reason, []).append(name)
    return reasons
