"""Hostile tokens one after the other, each judged, with a control after every few of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.identity.checks.forged_tokens.known import Known, renewed
from pytest_devsecops.identity.checks.forged_tokens.range import Range
from pytest_devsecops.identity.checks.forged_tokens.slowness import costliness, slowness
from pytest_devsecops.identity.errors import IdentityError, UnreachableError
from pytest_devsecops.identity.evidence import as_detail, as_request
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.tokens.battery import CLASSES
from pytest_devsecops.identity.tokens.model import Attack, KeyUnknownError, NotApplicableError, Shows
from pytest_devsecops.identity.tokens.trap import FetchTrap

_BLOCK = 10
#: A new login is due when a token runs out; more often than this, something else is wrong.
_RENEWALS = 5
#: Each costs the transport's whole time limit.
_HANGS = 3
_TOO_MANY = 429

_FIX_ERROR = "answer every token that cannot be verified with 401, whatever is wrong with it"


class Volley:
    """Fires attacks at an operation and collects what they show.

    Args:
        range_: the operation.
        known: what the attacks are made of.
        trap: what notices a fetch.
    """

    def __init__(self, range_: Range, known: Known, trap: FetchTrap | None) -> None:
        self._range = range_
        self._known = known
        self._trap = trap
        self._renewals = 0
        self._hangs = 0
        self.findings: list[Finding] = []
        self.sent: list[Attack] = []
        self.not_applicable: dict[str, str] = {}
        self.without_key: dict[str, KeyUnknownError] = {}
        self.lenient: list[str] = []
        self.broke_harmlessly: list[str] = []
        self.controls = 0

    @property
    def carrier(self) -> str:
        """Where the token travels, in words."""
        return self._range.carrier.where

    def fire(self, attacks: Sequence[Attack]) -> None:
        """Send what applies of ``attacks``, in blocks with a control after each."""
        for start in range(0, len(attacks), _BLOCK):
            block = attacks[start : start + _BLOCK]
            for attack in block:
                self._one(attack)
            trouble = self._control()
            if trouble and not self._recover(block, trouble):
                self._not_sent(attacks[start + _BLOCK :])
                return
            if self._hangs >= _HANGS:
                self._not_sent(attacks[start + _BLOCK :])
                return
        trouble = self._range.controls()
        if trouble:
            self._unverified("control-failed", "the battery", f"after the last attack {trouble}")

    def _one(self, attack: Attack) -> None:
        """Make, send and judge one attack."""
        try:
            token = attack.make(self._known.knowledge)
        except NotApplicableError as reason:
            self.not_applicable[attack.name] = str(reason)
            if isinstance(reason, KeyUnknownError):
                self.without_key[attack.name] = reason
            return
        if token == self._known.knowledge.sample_text:
            self.not_applicable[attack.name] = "it would be the valid token itself"
            return
        self.sent.append(attack)
        self.findings.extend(self._judge(attack, token))
        if self._trap is not None:
            self.findings.extend(self._fetched(attack, token, self._trap.visits()))

    def _judge(self, attack: Attack, token: str) -> Iterator[Finding]:
        started = time.perf_counter()
        try:
            response = self._unthrottled(token)
        except UnreachableError as error:
            yield from self._no_answer(attack, token, error)
            return
        seconds = time.perf_counter() - started
        yield from self._answered(attack, token, response)
        yield from self._took(attack, token, seconds)

    def _answered(self, attack: Attack, token: str, response: Response) -> Iterator[Finding]:
        if response.status == _TOO_MANY:
            message, fix = "answers 429 to a token where", "pass reset=… to the target"
            yield self._finding("throttled", attack, message, token, fix=fix, answered=True, status=Status.UNVERIFIED)
        elif attack.shows is Shows.MISTAKEN:
            # Nobody but the issuer can make it, and none gives such a subject: a crash over it harms nobody.
            if self._range.takes_for_user(response):
                message = "shows a user's page for a token where"
                yield self._finding("takes-nobody-for-a-user", attack, message, token, answered=True)
        elif self._range.accepts(response):
            smuggled = attack.shows is Shows.SMUGGLING and not self._range.shows_victim(response)
            if attack.shows is Shows.LENIENCE or smuggled:
                self.lenient.append(attack.name)
            else:
                yield self._finding("accepts-forged-token", attack, "accepts a token where", token, answered=True)
        elif self._range.fails(response) and attack.shows is Shows.LENIENCE and CLASSES[attack.group].by_issuer:
            # Nobody but the issuer can make it, and it might as well be accepted: the crash harms nobody.
            self.broke_harmlessly.append(attack.name)
        elif self._range.fails(response):
            message = f"answers {response.status} to a token where"
            yield self._finding("crashes-on-forged-token", attack, message, token, fix=_FIX_ERROR, answered=True)

    def _took(self, attack: Attack, token: str, seconds: float) -> Iterator[Finding]:
        def send(text: str) -> Callable[[], object]:
            return lambda: self._range.send_token(text)

        message = slowness(seconds, send(token), self._range.good_control)
        if not message and attack.twin is not None:
            message = costliness(seconds, send(token), send(attack.twin(self._known.knowledge)))
        if message:
            yield self._finding("slow-on-forged-token", attack, f"{message} where", token, fix=_FIX_ERROR)

    def _unthrottled(self, token: str) -> Response:
        """Send a token, and once more after a reset if the application has had enough."""
        response = self._range.send_token(token)
        reset = self._range.live.target.hooks.reset
        if response.status == _TOO_MANY and reset is not None:
            reset()
            response = self._range.send_token(token)
        return response

    def _no_answer(self, attack: Attack, token: str, error: UnreachableError) -> Iterator[Finding]:
        self._hangs += 1
        if not attack.may_cut:
            message = f"gives no answer ({error}) to a token where"
            yield self._finding("hangs-on-forged-token", attack, message, token, fix=_FIX_ERROR)

    def _fetched(self, attack: Attack, token: str, visits: Sequence[str]) -> Iterator[Finding]:
        if visits:
            message = f"sent a request ({visits[0]}) to an address that only the token named, where"
            fix = "take keys from addresses that you configured; ignore jku, x5u and every issuer that you do not know"
            yield self._finding("fetches-what-a-token-names", attack, message, token, fix=fix)

    def _control(self) -> str:
        self.controls += 1
        trouble = self._range.good_control()
        reset = self._range.live.target.hooks.reset
        if trouble and reset is not None:
            reset()
            trouble = self._range.good_control()
        return trouble

    def _recover(self, block: Sequence[Attack], trouble: str) -> bool:
        """Log in afresh and find out which attack made the valid token fail.

        Returns:
            Whether the battery can go on.
        """
        names = f"one of the attacks {block[0].name} … {block[-1].name}"
        self._renewals += 1
        if self._renewals > _RENEWALS or not self._renew():
            rule = "down-after-forged-token" if "no answer" in trouble else "control-failed"
            self._control_lost(rule, names, trouble)
            return False
        for attack in block:
            try:
                token = attack.make(self._known.knowledge)
                self._range.send_token(token)
            except NotApplicableError:
                continue
            except UnreachableError:
                pass
            trouble = self._control()
            if trouble:
                self._control_lost("control-failed", attack.name, trouble)
                return self._renew()
        # None of them did it: the token had simply run out.
        return True

    def _renew(self) -> bool:
        try:
            self._range.renew()
        except IdentityError:
            return False
        if self._range.controls():
            return False
        self._known = renewed(self._known, self._range)
        return True

    def _control_lost(self, rule: str, subject: str, trouble: str) -> None:
        message = f"after {subject}: {trouble}"
        if rule == "control-failed":
            self._unverified(rule, subject, message)
        else:
            self.findings.append(Finding(rule, subject, message, fix=_FIX_ERROR, refs=("asvs:v5.0.0-9.1.1",)))

    def _not_sent(self, rest: Sequence[Attack]) -> None:
        if rest:
            self._unverified("not-sent", "the battery", f"{len(rest)} attacks from {rest[0].name} on were not sent")

    def _unverified(self, rule: str, subject: str, message: str) -> None:
        fix = "find out what the attack broke; a lock-out needs reset=… in the target"
        self.findings.append(Finding(rule, subject, message, fix=fix, status=Status.UNVERIFIED))

    def _finding(
        self,
        rule: str,
        attack: Attack,
        message: str,
        token: str,
        *,
        fix: str = "",
        answered: bool = False,
        status: Status = Status.VIOLATED,
    ) -> Finding:
        if answered:
            detail = as_detail(self._range.last, hostile=token, secrets=self._secrets())
        else:
            detail = as_request(self._range.request_with(token), hostile=token, secrets=self._secrets())
        text = f"{self._range.at} {message} {attack.title}"
        remedy = fix or CLASSES[attack.group].fix
        return Finding(rule, attack.name, text, fix=remedy, refs=attack.refs, status=status, detail=detail)

    def _secrets(self) -> dict[str, str]:
        """Return what a finding must not show: genuine tokens, and what travels beside them."""
        known = self._known.knowledge
        genuine = {token: f"the {kind.replace('_', ' ')} of the session" for kind, token in known.issued.items()}
        beside = dict.fromkeys(self._range.carrier.others(), "secret of the session")
        return {known.sample_text: "the valid token", **genuine, **beside}
