"""What an application's own authorization request leaves unprotected (RFC 9700, section 2.1.1)."""

from __future__ import annotations

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.provider.model import Seen
from pytest_devsecops.identity.provider.provider import Provider

RULE = "unprotected-authorization-request"
_REFS = ("RFC 9700 2.1.1", "asvs:v5.0.0-10.2.1")


def request_findings(provider: Provider, strict: bool) -> tuple[list[Finding], str]:  # noqa: FBT001 - the option as it is
    """Judge the latest authorization request.

    Returns:
        the findings, and a note on what is missing and allowed to be.
    """
    asked = [one for one in provider.seen if one.endpoint == "authorization"][-1]
    lacks = [name for name in ("state", "nonce", "code_challenge") if not asked.parameters.get(name)]
    problems = list(_problems(asked, set(lacks)))
    if strict:
        problems.extend(f"it has no {name}" for name in lacks)
    findings = [
        Finding(
            RULE,
            "authorization request",
            f"the application's authorization request is not protected: {problem}",
            fix="send state, nonce and a PKCE challenge with the method S256, all new for every login",
            refs=_REFS,
            detail={"parameters": sorted(asked.parameters), "issuer": asked.issuer},
        )
        for problem in problems
    ]
    return findings, f"the request has no {', '.join(lacks)}" if lacks else ""


def _problems(asked: Seen, lacks: set[str]) -> list[str]:
    problems = []
    if lacks >= {"state", "code_challenge", "nonce"}:
        problems.append("nothing binds the response to the browser (no state, no PKCE, no nonce)")
    elif lacks >= {"code_challenge", "nonce"}:
        problems.append(
            "nothing binds the code to the login (neither PKCE nor nonce), so a stolen code can be injected"
        )
    if asked.parameters.get("code_challenge") and asked.parameters.get("code_challenge_method", "plain") != "S256":
        problems.append("its PKCE challenge is not S256")
    if asked.parameters.get("response_type", "code") != "code":
        problems.append(f"it asks for response_type={asked.parameters['response_type']} (RFC 9700, section 2.1.2)")
    return problems
