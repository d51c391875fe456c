"""``reveals_no_accounts``: nobody learns from an answer whether an account exists.

ASVS 5.0 V6.3.8, WSTG-IDNT-04. Judged by everything an answer has, and by the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Browser, Exchange
from pytest_devsecops.identity.checks.credentials.attempts import (
    addresses,
    clear_throttles,
    decisive,
    must_log_in,
    must_refuse,
    stranger,
    strong_password,
    timed_browser,
)
from pytest_devsecops.identity.checks.credentials.features import Feature, features_of, in_words, telling
from pytest_devsecops.identity.checks.credentials.links import link_in, new_messages
from pytest_devsecops.identity.checks.credentials.timing import LOOKS, Answer, Comparison, compare
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.personas import Persona

NAME = "identity.reveals_no_accounts"
REFS = ("asvs:v5.0.0-6.3.8", "WSTG-IDNT-04")
#: Flows and the hooks that they need.
FLOWS = {"login": "", "registration": "register", "reset": "request_reset"}
_FIX = {
    "login": "answer alike, and check the password against a dummy hash where there is no account",
    "registration": "answer alike, and tell the owner of the address by mail",
    "reset": "answer alike, and send the mail after the answer, in a task of its own",
}
_TOO_MANY, _REFUSED = 429, 400
_SHOWN = 5


@dataclass(slots=True)
class _Sample:
    """One answer: what it looked like, how long it took, and what was exchanged."""

    features: frozenset[Feature]
    seconds: float
    exchange: Exchange


@dataclass(slots=True)
class _Samples:
    known: list[_Sample] = field(default_factory=list)
    unknown: list[_Sample] = field(default_factory=list)


def reveals_no_accounts(
    live: Live, seen: Examination, *, flows: tuple[str, ...], timing: tuple[str, ...], at_least: float, persona: str
) -> None:
    """Compare, flow by flow, the answers for accounts that exist with those for accounts that do not.

    Args:
        live: the open target.
        seen: is filled in.
        flows: some of ``FLOWS``.
        timing: those of them whose time is judged too.
        at_least: the smallest difference in seconds that counts.
        persona: the kind of the accounts.
    """
    control = live.persona(persona, fresh=True)
    must_log_in(live, control)
    must_refuse(live, control)
    where = addresses()
    if "reset" in flows:
        _must_send(live, control)
    for flow in flows:
        people = _People(live, persona)
        take = _TAKERS[flow]
        samples, comparison = _measure(live, people, take, where, at_least=at_least if flow in timing else 0)
        seen.examined[f"{flow}_answers"] = len(samples.known) + len(samples.unknown)
        if comparison is not None:
            seen.evidence[f"{flow}_timing"] = comparison.as_evidence()
        seen.findings.extend(_judge(flow, samples, comparison))
    seen.evidence["time_not_judged"] = [flow for flow in flows if flow not in timing]
    clear_throttles(live)
    must_log_in(live, control)
    seen.summary = f"{', '.join(flows)}: accounts that exist and accounts that do not get the same answers"


def _must_send(live: Live, member: Persona) -> None:
    """See that a member who asks for a reset link gets one, where the test suite can look into the mailbox."""
    request, mailbox = live.target.hooks.request_reset, live.target.hooks.mailbox
    if request is not None and mailbox is not None:
        link_in(new_messages(mailbox, lambda: live.step(request, live.browser(), member)))


class _People:
    """Accounts to ask about: a fresh one each time at first, then the same ones again."""

    def __init__(self, live: Live, kind: str) -> None:
        self._live = live
        self._kind = kind
        self._made: list[Persona] = []
        self._asked = 0

    def known(self) -> Persona:
        """Return somebody who has an account."""
        self._asked += 1
        if len(self._made) < min(LOOKS):
            self._made.append(self._live.persona(self._kind, fresh=True))
            return self._made[-1]
        return self._made[self._asked % len(self._made)]

    def unknown(self, like: Persona) -> Persona:
        """Return somebody of similar names who has none."""
        return stranger(like)


_Take = Callable[[Live, Browser, Persona], object]


def _take_login(live: Live, browser: Browser, person: Persona) -> object:
    assert live.target.login is not None  # noqa: S101 - the control logged in
    return live.target.login(browser, replace(person, password=strong_password()))


def _take_registration(live: Live, browser: Browser, person: Persona) -> object:
    assert live.target.hooks.register is not None  # noqa: S101 - the family asked for the hook
    return live.target.hooks.register(browser, replace(person, password=strong_password()))


def _take_reset(live: Live, browser: Browser, person: Persona) -> object:
    assert live.target.hooks.request_reset is not None  # noqa: S101 - the family asked for the hook
    return live.step(live.target.hooks.request_reset, browser, person)


_TAKERS: dict[str, _Take] = {"login": _take_login, "registration": _take_registration, "reset": _take_reset}


def _measure(
    live: Live, people: _People, take: _Take, where: Iterator[str], *, at_least: float
) -> tuple[_Samples, Comparison | None]:
    """Take samples alternately until the times are told apart, or the looks are used up."""
    samples = _Samples()
    warm = people.known()
    _sample(live, take, people.unknown(warm), next(where))
    comparison = None
    for pairs in LOOKS:
        while len(samples.known) < pairs:
            known = people.known()
            samples.known.append(_sample(live, take, known, next(where)))
            samples.unknown.append(_sample(live, take, people.unknown(known), next(where)))
        if not at_least:
            return samples, None
        times = ([one.seconds for one in samples.known], [one.seconds for one in samples.unknown])
        comparison = compare(*times, at_least=at_least)
        if comparison.answer is not Answer.UNDECIDED:
            break
    return samples, comparison


def _sample(live: Live, take: _Take, person: Persona, client: str) -> _Sample:
    clear_throttles(live)
    browser, clock = timed_browser(live, client)
    take(live, browser, person)
    if not browser.history:
        raise FlowError("the flow sent no request in the browser that it was given")
    return _Sample(features_of(browser.history, person), clock.seconds, decisive(browser))


def _judge(flow: str, samples: _Samples, comparison: Comparison | None) -> list[Finding]:
    known, unknown = samples.known, samples.unknown
    if any(one.exchange.response.status == _TOO_MANY for one in (*known, *unknown)):
        text = f"{flow}: a throttle answered 429, which hides the answers"
        return [unverified(NAME, "control-failed", text, "pass reset=… to clear throttles between requests")]
    told = telling([one.features for one in known], [one.features for one in unknown])
    absent = telling([one.features for one in unknown], [one.features for one in known])
    findings = []
    if told or absent:
        text = f"{flow} tells accounts that exist from those that do not: {_difference(told, absent)}"
        detail = {"known": as_detail(known[0].exchange), "unknown": as_detail(unknown[0].exchange)}
        findings.append(Finding("answer-reveals-account", flow, text, _FIX[flow], REFS, detail=detail))
    elif not _works(flow, samples):
        one = known[0].exchange
        text = (
            f"{flow}: {one.request.method} {urlsplit(one.request.url).path} answered {one.response.status} to everybody"
        )
        return [
            unverified(NAME, "control-failed", text, f"check {FLOWS[flow]}=, which must work before answers can tell")
        ]
    if comparison is not None and comparison.answer is not Answer.SAME:
        findings.append(_of_time(flow, comparison))
    return findings


def _works(flow: str, samples: _Samples) -> bool:
    """Tell whether a flow did anything for those whom it is for: newcomers register, and members ask for a link.

    A login needs no such control here: the right password worked, and was refused to nobody.
    """
    meant = {"registration": samples.unknown, "reset": samples.known}.get(flow)
    return meant is None or any(one.exchange.response.status < _REFUSED for one in meant)


def _difference(told: list[Feature], absent: list[Feature]) -> str:
    sides = (("with an account", told), ("without", absent))
    return "; ".join(f"{side}: {', '.join(map(in_words, found[:_SHOWN]))}" for side, found in sides if found)


def _of_time(flow: str, comparison: Comparison) -> Finding:
    first, second = (f"{1000 * one:.1f} ms" for one in comparison.medians)
    measured = f"{first} for accounts that exist, {second} for others (medians of {comparison.pairs} each)"
    if comparison.answer is Answer.UNDECIDED:
        text = f"{flow}: the times are too unsteady to tell: {measured}"
        return unverified(
            NAME, "timing-undecided", text, "run it on a quiet machine, or say timing=() to leave time out"
        )
    text = f"{flow} takes {measured}, which tells who has an account"
    return Finding("time-reveals-account", flow, text, _FIX[flow], REFS, detail=comparison.as_evidence())
