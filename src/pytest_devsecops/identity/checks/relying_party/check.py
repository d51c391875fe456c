"""``refuses_broken_providers``: a lying provider logs nobody in.

After every breakage the only question is who is logged in: ``whoami`` must show neither the user
nor anybody else. Honest logins before and after each are the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.checks.relying_party.accounts import AccountJudge, IndistinctError
from pytest_devsecops.identity.checks.relying_party.deliveries import DELIVER
from pytest_devsecops.identity.checks.relying_party.logout import logout_faults
from pytest_devsecops.identity.checks.relying_party.probe import Party, Person, Visit
from pytest_devsecops.identity.checks.relying_party.requests import request_findings
from pytest_devsecops.identity.errors import IdentityError, UnreachableError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.http import Response
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.provider.breakages import (
    ALGORITHM,
    BREAKAGES,
    DELIVERIES,
    KEYS,
    LOGOUT_FAULTS,
    SIGNATURE,
    Breakage,
    Level,
    Oracle,
)
from pytest_devsecops.identity.provider.provider import Provider
from pytest_devsecops.identity.target import Login

NAME = "identity.refuses_broken_providers"
ACCEPTS, CRASHES, HANGS = "logs-in-on-broken-provider", "crashes-on-broken-provider", "hangs-on-broken-provider"
UNPROTECTED, ENDS = "unprotected-authorization-request", "ends-session-on-broken-logout-token"
STALE = "ignores-key-rotation"
#: The clauses of breakages that concern the signature.
_SIGNED = frozenset((*SIGNATURE, *ALGORITHM, *KEYS)) - {"oidc-core:3.1.3.7"}
_TLS_INSTEAD = (
    "where the token comes straight from the token endpoint, Core 3.1.3.7 (item 6) lets a client rely on TLS instead "
    "of the signature, and ASVS 9.1.1 does not"
)
_RULES = frozenset({ACCEPTS, CRASHES, HANGS, UNPROTECTED, ENDS, STALE})


@dataclass(frozen=True, slots=True)
class PartyOptions:
    """What the check is run with.

    Attributes:
        provider: the provider that the application was configured with.
        other_login: how one logs in at a second issuer of the same provider, if the application has one.
        backchannel_logout: the application's back-channel logout path, if it has one.
        only: ids of breakages, or patterns such as ``nonce-*``; all by default.
        ignore: ids of breakages, patterns or rules that are left out, each with the reason.
        strict: whether what a clause leaves to the client is a finding as well.
    """

    provider: Provider
    other_login: Login | None = None
    backchannel_logout: str = ""
    only: tuple[str, ...] = ()
    ignore: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False

    def __post_init__(self) -> None:
        ids = {one.id for one in (*BREAKAGES, *DELIVERIES)} | set(LOGOUT_FAULTS)
        unknown = [name for name in self.only if not _matching(ids, name)]
        unknown += [name for name in self.ignore if not _matching(ids | _RULES, name)]
        if unknown:
            raise UsageError(
                f"no such breakage: {', '.join(unknown)}", remedy="the how-to on relying parties lists them"
            )
        if empty := sorted(name for name, reason in self.ignore.items() if not reason.strip()):
            raise UsageError(f"ignored without a reason: {', '.join(empty)}", remedy="say why")

    def wanted(self, name: str) -> bool:
        """Tell whether a breakage is to be tried."""
        chosen = not self.only or any(fnmatchcase(name, pattern) for pattern in self.only)
        return chosen and not any(fnmatchcase(name, pattern) for pattern in self.ignore)


def _matching(names: Iterable[str], pattern: str) -> list[str]:
    return [name for name in names if fnmatchcase(name, pattern)]


def refuses_broken_providers(live: Live, seen: Examination, options: PartyOptions) -> None:
    """Let the provider lie in every way, with controls before and after each."""
    _Run(live, seen, options).run()


class _Run:
    def __init__(self, live: Live, seen: Examination, options: PartyOptions) -> None:
        self._party = Party(live, options.provider)
        self._seen, self._options = seen, options
        self._self, self._victim = self._party.somebody(), self._party.somebody()
        self._tried: list[str] = []
        self._noted: dict[str, str] = {}
        self._not_applicable: dict[str, str] = {}
        self._crashes: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        trouble = self._control()
        if trouble:
            self._seen.findings.append(unverified(NAME, "control-failed", trouble, "make an honest login work first"))
            return
        if UNPROTECTED not in self._options.ignore:
            found, self._noted["authorization request"] = request_findings(self._options.provider, self._options.strict)
            self._seen.findings.extend(found)
        steps = [one for one in (*DELIVERIES, *BREAKAGES) if self._options.wanted(one.id)]
        for breakage in steps:
            self._try(breakage)
            if trouble := self._control():
                message = f"after {breakage.id} ({breakage.title}): {trouble}"
                self._seen.findings.append(unverified(NAME, "control-failed", message, "find out what it broke"))
                break
        else:
            self._logout()
            self._rotate()
        self._report()

    def _control(self) -> str:
        try:
            return self._party.control(self._self)
        except IdentityError as error:
            return str(error)

    def _try(self, breakage: Breakage) -> None:
        try:
            outcome = self._twice(breakage)
        except UnreachableError as error:
            self._tried.append(breakage.id)
            self._find(HANGS, breakage, f"gives no answer after {breakage.title}: {error}", None)
            return
        except IndistinctError as error:
            message = f"{breakage.id} ({breakage.title}): {error}"
            fix = f"let whoami= show the account's id, or say ignore={{'{breakage.id}': 'why'}}"
            self._seen.findings.append(unverified(NAME, "accounts-look-alike", message, fix))
            return
        except IdentityError as error:
            if breakage.id in DELIVER:
                message = f"{breakage.id} ({breakage.title}): {error}"
                self._seen.findings.append(unverified(NAME, "control-failed", message, error.remedy))
                return
            outcome = str(error)
        if isinstance(outcome, str):
            self._not_applicable[breakage.id] = outcome
            return
        self._judge(breakage, outcome)

    def _twice(self, breakage: Breakage) -> Visit | str:
        """Break the provider in one way; again if no answer comes, because a busy machine may be late once."""
        try:
            return self._once(breakage)
        except UnreachableError:
            return self._once(breakage)

    def _once(self, breakage: Breakage) -> Visit | str:
        if breakage.id in DELIVER:
            return DELIVER[breakage.id](self._party, self._victim, self._options.other_login)
        if breakage.oracle is Oracle.ACCOUNT:
            return AccountJudge(self._party).judge(breakage.first)
        return self._tell(breakage)

    def _tell(self, breakage: Breakage) -> Visit | str:
        """Tell one lie to a fresh browser; an application that only asks when it starts is started anew for it."""
        needed = {"discovery"} if breakage.lie.discovery is not None else _hooks(breakage)
        visit = self._told(breakage, needed)
        restart = self._party.live.target.restart
        if isinstance(visit, Visit) or needed != {"discovery"} or restart is None:
            return visit
        try:
            return self._told(breakage, needed, restart)
        finally:
            restart()

    def _told(self, breakage: Breakage, needed: set[str], restart: Callable[[], None] | None = None) -> Visit | str:
        with self._options.provider.broken(breakage.lie, victim=self._victim.user) as faults:
            try:
                if restart is not None:
                    restart()
            except UnreachableError as error:
                # It would rather not run than run with such a provider: nobody is logged in.
                visit = Visit(self._party.browser(), set(), Response(503, (), b"", ""), str(error))
            else:
                visit = self._party.visit(self._self)
            told = set(faults.told or ())
        return visit if needed & told else _why_untold(needed)

    def _judge(self, breakage: Breakage, visit: Visit) -> None:
        self._tried.append(breakage.id)
        crash = visit.crash(self._party.home)
        # Without the provider's discovery document a login cannot even begin; what that answers is no matter of safety.
        if crash is not None and breakage.lie.discovery is None:
            self._crashes[breakage.id] = as_detail(crash, secrets=_secrets(visit))
        shown = visit.shown - ({self._self.canary} if breakage.oracle is Oracle.VICTIM else set())
        if not shown:
            return
        who = self._name(shown)
        if breakage.level is Level.MAY and not self._options.strict:
            self._noted[breakage.id] = f"{breakage.title}: logs {who} in, which the clause leaves to the client"
            return
        self._find(ACCEPTS, breakage, f"{breakage.title}, and {who} is logged in", visit)

    def _name(self, shown: set[str]) -> str:
        names = {self._self.canary: "the user", self._victim.canary: "the victim"}
        others = {person.canary: "somebody" for person in self._party.people}
        return " and ".join(sorted({{**others, **names}.get(one, one) for one in shown}))

    def _find(self, rule: str, breakage: Breakage, message: str, visit: Visit | None) -> None:
        if rule in self._options.ignore:
            return
        callback = visit.callback(self._party.home) if visit is not None else None
        detail: dict[str, Any] = {"breakage": breakage.title}
        if visit is not None and callback is not None:
            detail |= as_detail(callback, secrets=_secrets(visit))
        fix = "let a maintained OpenID library check the response and the ID token, and fail closed on every error"
        signed = set(breakage.refs) & _SIGNED and breakage.lie.token is not None
        if leeway := _TLS_INSTEAD if signed else breakage.leeway:
            pattern = "signature-*" if signed else breakage.id
            fix += f"; {leeway}: if that is your decision, say ignore={{'{pattern}': 'why'}}"
        self._seen.findings.append(Finding(rule, breakage.id, message, fix=fix, refs=breakage.refs, detail=detail))

    def _logout(self) -> None:
        wanted = [name for name in LOGOUT_FAULTS if self._options.wanted(name)]
        if not self._options.backchannel_logout:
            self._not_applicable |= dict.fromkeys(
                wanted, "no back-channel logout (pass backchannel_logout= if there is)"
            )
            return
        if not wanted:
            return
        outcome = logout_faults(self._party, self._options.backchannel_logout, wanted, strict=self._options.strict)
        self._seen.findings.extend(one for one in outcome.findings if one.rule not in self._options.ignore)
        self._tried.extend(outcome.tried)
        self._noted.update(outcome.noted)

    def _rotate(self) -> None:
        """See that a new key of the provider is taken; otherwise one refused for being unknown proves little."""
        realm = self._party.realm()
        before = realm.keys
        realm.rotate()
        try:
            trouble = self._control()
        finally:
            realm.keys = before
        self._seen.evidence["key_rotation"] = "not followed" if trouble else "followed"
        if not trouble:
            return
        text = "an honest login fails once the provider signs with a new key that its key set has"
        if not self._options.strict or STALE in self._options.ignore:
            self._noted["key rotation"] = text
            return
        fix = "fetch the key set again when a token names a key that it does not have, at most once a minute"
        refs = ("oidc-core:10.1.1",)
        self._seen.findings.append(Finding(STALE, "jwks_uri", f"{text}: {trouble}", fix=fix, refs=refs))

    def _report(self) -> None:
        if self._crashes and CRASHES not in self._options.ignore:
            first = next(iter(self._crashes.values()))
            many = ", ".join(self._crashes)
            self._seen.findings.append(
                Finding(
                    CRASHES,
                    "login callback",
                    f"answers 5xx to {len(self._crashes)} broken responses: {many}",
                    fix="turn a failed login into an answer of its own, such as 400 or the login page",
                    refs=("asvs:v5.0.0-16.5.1", "asvs:v5.0.0-16.5.3"),
                    detail=dict(first),
                )
            )
        self._seen.examined["breakages"] = len(self._tried)
        noted = {name: text for name, text in self._noted.items() if text}
        self._seen.evidence |= {
            "tried": self._tried,
            "not_applicable": self._not_applicable,
            "noted": noted,
            "ignored": dict(self._options.ignore),
            "answered_5xx": list(self._crashes),
        }
        self._seen.summary = (
            f"nobody was logged in after {len(self._tried)} breakages of the provider ({len(self._not_applicable)} not "
            f"applicable, {len(noted)} noted); honest logins worked before and after each"
        )


def _hooks(breakage: Breakage) -> set[str]:
    names = ("response", "claims", "header", "token", "answer", "userinfo", "discovery")
    return {name for name in names if getattr(breakage.lie, name) is not None}


def _why_untold(needed: set[str]) -> str:
    reasons = {
        "discovery": "the application did not ask for the discovery document again",
        "userinfo": "the application does not ask for userinfo",
        "response": "the request had nothing that the response could repeat wrongly",
        "answer": "the application never asked for tokens",
    }
    return next((reasons[name] for name in needed if name in reasons), "no ID token with such a claim was issued")


def _secrets(visit: Visit) -> dict[str, str]:
    """Return the codes that went through the browser; they are worthless afterwards, but look like secrets."""
    from urllib.parse import parse_qs, urlsplit

    codes = {
        code for one in visit.browser.history for code in parse_qs(urlsplit(one.request.url).query).get("code", ())
    }
    return dict.fromkeys(codes, "code")


__all__ = ["PartyOptions", "Person", "refuses_broken_providers"]
