"""``limits_sessions``: a user has so many sessions at the same time and no more (ASVS 5.0 V7.1.2)."""

from __future__ import annotations

from pytest_devsecops.core.findings import Finding
from pytest_devsecops.identity.browser import Credential
from pytest_devsecops.identity.checks.session.replay import Session, open_session, replay, self_contained
from pytest_devsecops.identity.errors import FlowError
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.examination import Examination
from pytest_devsecops.identity.live import Live, unverified

NAME = "identity.limits_sessions"
_REFS = ("asvs:v5.0.0-7.1.2",)


def limits_sessions(live: Live, seen: Examination, kind: str, at_most: int) -> None:
    """Open one session more than there may be, and count those that are accepted.

    Args:
        live: the open target.
        seen: filled in.
        kind: the kind of persona that logs in.
        at_most: the number of sessions.
    """
    persona = live.persona(kind, fresh=True)
    sessions = [open_session(live, persona) for _ in range(at_most)]
    if not all(_is_accepted(live, one) for one in sessions):
        message = f"of {at_most} sessions, which are allowed, some are refused"
        seen.findings.append(unverified(NAME, "control-failed", message, "say at_most as the application has it"))
        return
    if replay(live, persona, Credential(())).accepted:
        seen.findings.append(unverified(NAME, "control-failed", "an anonymous caller is shown the persona"))
        return
    refused = ""
    try:
        sessions.append(open_session(live, persona))
    except FlowError:
        refused = "the login beyond the limit is refused"
    accepted = [one for one in sessions if _is_accepted(live, one)]
    seen.examined["sessions"] = at_most + 1
    seen.exercised.add(_REFS[0])
    seen.evidence["accepted_at_the_same_time"] = len(accepted)
    if not accepted:
        seen.findings.append(unverified(NAME, "control-failed", "beyond the limit, no session is accepted at all"))
    elif len(accepted) > at_most:
        message = f"{len(accepted)} sessions of one user are accepted at the same time, and {at_most} are allowed"
        kind_of = self_contained(accepted[0].credential)
        if kind_of:
            message += f"; the credential is {kind_of}, which nobody can count without a list on the server"
        shown = replay(live, persona, accepted[0].credential).exchange
        fix = "end the oldest session when a new one begins, or refuse the login"
        seen.findings.append(Finding("too-many-sessions", kind or persona.kind, message, fix, _REFS,
                                     detail=as_detail(shown)))  # fmt: skip
    seen.summary = refused or f"the session beyond {at_most} ended an older one"


def _is_accepted(live: Live, session: Session) -> bool:
    return replay(live, session.persona, session.credential).accepted
