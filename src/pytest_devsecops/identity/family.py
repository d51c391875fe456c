"""The fixture ``identity``: predicates over an application's identity flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity.asvs import coverage
from pytest_devsecops.identity.checks.credentials.attempts import clear_throttles
from pytest_devsecops.identity.checks.credentials.checks import CredentialChecks
from pytest_devsecops.identity.checks.examiner import Examine
from pytest_devsecops.identity.checks.forged_tokens.check import Attempt, refuses_forged_tokens
from pytest_devsecops.identity.checks.openid import OpenIdChecks
from pytest_devsecops.identity.checks.sessions import SessionChecks
from pytest_devsecops.identity.errors import IdentityError
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified
from pytest_devsecops.identity.section import IdentityPolicy
from pytest_devsecops.identity.target import Hooks, Operation, Target

if TYPE_CHECKING:
    from pytest_devsecops.identity.checks.access.matrix import Matrix
    from pytest_devsecops.identity.checks.session.model import Explore


class Identity(CredentialChecks, OpenIdChecks, SessionChecks):
    """Checks on how users get in, as whom, until when, and to what.

    Args:
        target: the application; every check is unverified without one.
        policy: the decoded policy table.
        record: called with every verdict; returns it with waivers applied.
        explore: draws sequences of what users do, for ``sessions_follow_model``.
    """

    def __init__(
        self,
        target: Target | None,
        policy: IdentityPolicy,
        *,
        record: Callable[[Verdict], Verdict],
        explore: Explore | None = None,
    ) -> None:
        self._target = target
        self._policy = policy
        self._record = record
        self._explore = explore
        self._live: Live | None = None
        self._others: list[Identity] = []

    def on(self, target: Target) -> Identity:
        """Return the same checks over another target; it is closed with this one."""
        other = Identity(target, self._policy, record=self._record, explore=self._explore)
        self._others.append(other)
        return other

    def hooks(self) -> Hooks:
        """Return the hooks of the target, none if there is no target."""
        return self._target.hooks if self._target is not None else Hooks()

    def left_out(self) -> Mapping[str, str]:
        """Return the operations that the policy leaves out, with the reason."""
        return self._policy.ignore

    def explorer(self) -> Explore | None:
        """Return what draws sequences of what users do; None outside a test run."""
        return self._explore

    def close(self) -> None:
        """Close the target if a check opened it, and those of ``on(…)``."""
        while self._others:
            self._others.pop().close()
        if self._live is not None:
            self._live.close()
            self._live = None

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
        name = f"identity.{check}"
        seen = Examination()
        try:
            seen.findings.extend(self._obstacles(name, needs, destructive=destructive))
            if not seen.findings:
                live = self._open()
                clear_throttles(live)
                examine(live, seen)
        except IdentityError as error:
            seen.findings.append(unverified(name, "control-failed", str(error), error.remedy))
        if not seen.examined:
            seen.examined["flows"] = 0
        seen.findings = [self._weighed(check, one) for one in seen.findings]
        known = all(one.status is not Status.UNVERIFIED for one in seen.findings)
        seen.evidence["asvs"] = coverage(check, seen.exercised, examined=known and all(seen.examined.values()))
        verdict = Verdict(name, seen.findings, examined=seen.examined, evidence=seen.evidence, summary=seen.summary)
        return self._record(verdict)

    def access_matches(self, matrix: Matrix | None = None, *, ignore: Mapping[str, str] | None = None) -> Verdict:
        """Tell whether people can do what the matrix says and nothing else, in every operation that there is.

        Args:
            matrix: ``{"GET /orders/{order}": {"customer": "own", "staff": "all"}}``; the policy's by
                default. An anonymous caller may do nothing unless a cell says so.
            ignore: operations that are left out, with the reason; the policy's by default.
        """
        from pytest_devsecops.identity.checks.access.check import access_matches

        cells = self._policy.access if matrix is None else matrix
        left_out = self._policy.ignore if ignore is None else ignore
        return self.examine(
            "access_matches", lambda live, seen: access_matches(live, seen, cells, left_out), destructive=True
        )

    def refuses_forged_tokens(
        self,
        *,
        at: str,
        jwks: object = None,
        issuer_key: object = None,
        attacks: str | Sequence[str] = (),
        persona: str = "",
    ) -> Verdict:
        """Tell whether ``at`` refuses every token but the issuer's own.

        Args:
            at: a protected operation, such as ``"/me"``, that shows its user who they are.
            jwks: the issuer's public keys: a JWKS, a list of JWKs, PEM text, a path of the application, or
                the fixture ``idp``. By default they are looked for where applications publish them.
            issuer_key: the issuer's private key (PEM, JWK, or of ``cryptography``) or shared secret, for
                validly signed but wrong tokens; the hook ``mint`` and the fixture ``idp`` do as well.
            attacks: names of classes or of single attacks; all by default.
            persona: the kind of user whose token is the sample; the first by default.
        """
        names = (attacks,) if isinstance(attacks, str) else tuple(attacks)
        attempt = Attempt(Operation.parse(at), jwks, issuer_key, names, persona)
        return self.examine("refuses_forged_tokens", lambda live, seen: refuses_forged_tokens(live, seen, attempt))

    def _open(self) -> Live:
        assert self._target is not None  # noqa: S101 - _obstacles refuses a missing target
        if self._live is None:
            self._live = Live(self._target)
        return self._live

    def _weighed(self, check: str, found: Finding) -> Finding:
        """Return a finding as it counts: one that a setting of the tests brings about says nothing."""
        try:
            known = self._target.weaknesses() if self._target else ()
        except IdentityError:
            return found  # the application cannot be loaded, which is what the finding says
        weak = next((one for one in known if one.hides(check, found)), None)
        if weak is None:
            return found
        message = f"{found.message}; {weak.setting} in the tests: {weak.why}"
        return replace(found, message=message, fix="set it as in production", status=Status.UNVERIFIED)

    def _obstacles(self, name: str, needs: tuple[str, ...], *, destructive: bool) -> list[Finding]:
        target = self._target
        if target is None:
            fix = "write a fixture identity_target that returns asgi_target(app, …) or another target"
            return [unverified(name, "no-target", "no application is given to examine", fix)]
        findings = []
        refusal = target.refusal()
        if refusal:
            findings.append(unverified(name, "isolated-target", refusal))
        findings.extend(
            unverified(name, "missing-hook", f"the target has no {hook}, which this check needs", f"pass {hook}=…")
            for hook in needs
            if getattr(target.hooks, hook) is None
        )
        findings.extend(
            unverified(
                name, "weak-test-setting", f"{one.setting} hides the answer: {one.why}", "set it as in production"
            )
            for one in target.weaknesses()
            if name.removeprefix("identity.") in one.affects and not one.rule
        )
        findings.extend(_address_findings(name, target, self._policy, destructive=destructive))
        return findings


def _address_findings(name: str, target: Target, policy: IdentityPolicy, *, destructive: bool) -> list[Finding]:
    if target.loopback:
        return []
    allowed: Mapping[bool, tuple[str, ...]] = {False: policy.urls, True: policy.destructive_urls}
    if target.base_url.rstrip("/") in {url.rstrip("/") for url in allowed[destructive]}:
        return []
    key = "destructive_urls" if destructive else "urls"
    message = f"{target.base_url} is beyond this machine, and the policy does not allow this check there"
    return [unverified(name, "address-not-allowed", message, f"add it to {key} in [tool.devsecops.identity]")]
