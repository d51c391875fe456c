"""``authorization_server_is_safe``: a server that people run themselves, attacked as RFC 9700 describes.

A complete good flow (code, PKCE, tokens that work) is the control before and after every attack.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.checks.authorization_server.answers import Fault, issued
from pytest_devsecops.identity.checks.authorization_server.probe import Server, ServerSetup
from pytest_devsecops.identity.checks.authorization_server.table import PER_CLIENT, SERVER_CHECKS, ServerCheck
from pytest_devsecops.identity.errors import IdentityError, UnreachableError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.tokens.model import NotApplicableError

NAME = "identity.authorization_server_is_safe"
UNSAFE, CRASHES, HANGS = "unsafe-authorization-server", "crashes-authorization-server", "hangs-authorization-server"
_SERVER_ERROR = 500
_TOKENS = ("access_token", "refresh_token", "id_token")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which checks are run, and how strictly.

    Attributes:
        only: ids of checks, or themes (the part of an id before its first dash); all by default.
        ignore: ids of checks or rules that are left out, each with the reason.
        strict: whether not doing what a clause only recommends is a finding as well.
    """

    only: tuple[str, ...] = ()
    ignore: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False

    def __post_init__(self) -> None:
        ids = {one.id for one in SERVER_CHECKS}
        themes = {one.theme for one in SERVER_CHECKS}
        if unknown := sorted((set(self.only) - ids - themes) | (set(self.ignore) - ids - {UNSAFE, CRASHES, HANGS})):
            raise UsageError(
                f"no such check on authorization servers: {', '.join(unknown)}",
                remedy="the reference of identity checks lists them",
            )
        if empty := sorted(name for name, reason in self.ignore.items() if not reason.strip()):
            raise UsageError(f"ignored without a reason: {', '.join(empty)}", remedy="say why")

    def wanted(self, check: ServerCheck) -> bool:
        """Tell whether a check is to be run."""
        return check.id not in self.ignore and (not self.only or check.id in self.only or check.theme in self.only)


def authorization_server_is_safe(live: Live, seen: Examination, setup: ServerSetup, options: ServerOptions) -> None:
    """Run the checks, with a complete good flow before and after each.

    Raises:
        IdentityError: if the server cannot be found.
    """
    _Run(Server(live, setup), seen, options).run()


class _Run:
    def __init__(self, server: Server, seen: Examination, options: ServerOptions) -> None:
        self._server, self._seen, self._options = server, seen, options
        self._tried: list[str] = []
        self._noted: dict[str, str] = {}
        self._not_applicable: dict[str, str] = {}
        self._crashes: dict[str, dict[str, Any]] = {}

    def run(self) -> None:
        if trouble := self._control():
            self._unverified("control-failed", trouble, "make a good login with code and PKCE work first")
            return
        for check in SERVER_CHECKS:
            if not self._options.wanted(check):
                continue
            start = len(self._server.history)
            hang = self._try(check)
            trouble = self._control()
            if hang and not trouble:
                self._find(HANGS, check, Fault(f"it gives no answer to this: {check.title} ({hang})"))
            self._note_crash(check, self._server.history[start:])
            if trouble:
                self._unverified("control-failed", f"after {check.id}: {trouble}", "find out what the check broke")
                break
        self._report()

    def _control(self) -> str:
        try:
            return self._server.control()
        except NotApplicableError as error:
            return str(error)
        except IdentityError as error:
            return str(error)

    def _unverified(self, rule: str, message: str, fix: str) -> None:
        self._seen.findings.append(unverified(NAME, rule, message, fix))

    def _try(self, check: ServerCheck) -> str:
        """Run one check; returns why there was no answer, if there was none."""
        try:
            fault = self._attack(check)
        except NotApplicableError as error:
            self._not_applicable[check.id] = str(error)
            return ""
        except UnreachableError as error:
            return str(error)
        except IdentityError as error:
            self._unverified("control-failed", f"{check.id}: {error}", error.remedy)
            return ""
        self._tried.append(check.id)
        self._seen.exercised.update(check.asvs)
        if fault is not None and fault.advice and not self._options.strict:
            self._noted[check.id] = fault.message
        elif fault is not None:
            self._find(UNSAFE, check, fault)
        return ""

    def _attack(self, check: ServerCheck) -> Fault | None:
        """Run one check: on the client, or on each in turn where servers have treated kinds of clients differently.

        Raises:
            NotApplicableError: if it applies to none.
        """
        faults: list[Fault | None] = []
        reasons: list[NotApplicableError] = []
        clients = self._server.clients if check.theme in PER_CLIENT else self._server.clients[:1]
        for client in clients:
            self._server.client = client
            try:
                faults.append(check.attack(self._server))
            except NotApplicableError as error:
                reasons.append(error)
            finally:
                self._server.client = self._server.clients[0]
        if not faults:
            raise reasons[0]
        found = [fault for fault in faults if fault is not None]
        return min(found, key=lambda fault: fault.advice, default=None)

    def _find(self, rule: str, check: ServerCheck, fault: Fault) -> None:
        if rule in self._options.ignore:
            return
        detail: dict[str, Any] = {"check": check.title}
        if fault.exchange is not None:
            detail |= self._shown(fault.exchange)
        self._seen.findings.append(
            Finding(rule, check.id, fault.message, fix=check.fix, refs=check.refs, detail=detail)
        )

    def _shown(self, exchange: Exchange) -> dict[str, Any]:
        """Return an exchange for a finding; a credential that the check made up is the evidence, and stays."""
        secrets = self._secrets()
        sent = next((value for name, value in exchange.request.headers if name == "Authorization"), "")
        readable = sent + _decoded(sent)
        hostile = None if not sent or any(secret in readable for secret in secrets) else sent
        return as_detail(exchange, hostile=hostile, secrets=secrets)

    def _secrets(self) -> dict[str, str]:
        """Return what must not be in a report: the clients' secrets, the codes and tokens of this run."""
        secrets = {client.secret: f"secret of {client.client_id}" for client in self._server.clients if client.secret}
        tokens: dict[str, str] = {}
        for exchange in self._server.history:
            told = issued(exchange) or {}
            tokens |= {str(told[name]): name.replace("_", " ") for name in _TOKENS if told.get(name)}
        return {**secrets, **dict.fromkeys(self._server.codes, "code"), **tokens}

    def _note_crash(self, check: ServerCheck, exchanges: list[Exchange]) -> None:
        crash = next((one for one in exchanges if one.response.status >= _SERVER_ERROR), None)
        if crash is not None:
            self._crashes[check.id] = self._shown(crash)

    def _report(self) -> None:
        if self._crashes and CRASHES not in self._options.ignore:
            many = ", ".join(self._crashes)
            self._seen.findings.append(
                Finding(
                    CRASHES,
                    "authorization server",
                    f"it answers 5xx in {len(self._crashes)} checks: {many}",
                    fix="answer what is wrong with a request by an error of the protocol",
                    refs=("RFC 6749 4.1.2.1", "RFC 6749 5.2", "asvs:v5.0.0-16.5.1", "asvs:v5.0.0-16.5.3"),
                    detail=dict(next(iter(self._crashes.values()))),
                )
            )
        self._seen.examined["attacks"] = len(self._tried)
        self._seen.evidence |= {
            "tried": self._tried,
            "not_applicable": self._not_applicable,
            "noted": self._noted,
            "ignored": dict(self._options.ignore),
            "answered_5xx": list(self._crashes),
        }
        self._seen.summary = (
            f"the authorization server withstood {len(self._tried)} attacks ({len(self._not_applicable)} not "
            "applicable); a complete good flow worked before and after each"
        )


def _decoded(authorization: str) -> str:
    """Return what a Basic credential says, or an empty text."""
    try:
        return unquote_plus(base64.b64decode(authorization.partition(" ")[2], validate=False).decode("latin-1"))
    except ValueError:
        return ""
