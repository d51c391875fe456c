"""From test reports, wherever they were made, to one record for each claiming test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_devsecops.core.findings import WORST_FIRST, Status
from pytest_devsecops.core.records import TestRecord
from pytest_devsecops.pytest_plugin.carried import ATTRIBUTE
from pytest_devsecops.pytest_plugin.recording import Attempt

_STRICT_XPASS = "[XPASS(strict)]"


def attach(report: pytest.TestReport, call: pytest.CallInfo[None], attempt: Attempt) -> None:
    """Put what we know of the test on its report, as one JSON string (it has to cross xdist)."""
    raised = call.excinfo
    payload = {
        "asserted": raised is not None and isinstance(raised.value, AssertionError | pytest.fail.Exception),
        "error": f"{raised.typename}: {raised.value}" if raised is not None else "",
        "verdicts": [verdict.as_dict() for verdict in attempt.verdicts],
    }
    setattr(report, ATTRIBUTE, json.dumps(payload))


@dataclass(slots=True)
class _Attempt:
    """The reports of one attempt, taken together."""

    outcome: str = "passed"
    reason: str = ""
    called: bool = False
    asserted: bool = False
    duration: float = 0.0
    unexamined: list[str] = field(default_factory=list)
    verdicts: list[Mapping[str, Any]] = field(default_factory=list)


class Results:
    """Collects reports; the last attempt of a test counts."""

    def __init__(self) -> None:
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self.crashed: list[str] = []

    def add(self, report: pytest.TestReport) -> None:
        """Take one report of a claiming test, or of a test in which a worker crashed."""
        key = (report.nodeid, _worker(report))
        # pytest-rerunfailures invents the outcome of an attempt that it will repeat.
        if report.when == "setup" or str(report.outcome) == "rerun":
            self._attempts[key] = _Attempt()
        attempt = self._attempts.setdefault(key, _Attempt())
        attempt.duration += report.duration
        payload = json.loads(getattr(report, ATTRIBUTE, "{}"))
        attempt.verdicts = payload.get("verdicts", attempt.verdicts)
        if hasattr(report, "context"):
            _add_subtest(attempt, report, payload)
        elif report.when in ("setup", "call", "teardown"):
            _add_phase(attempt, report, payload)
        else:
            self.crashed.append(report.nodeid)
            attempt.outcome, attempt.reason = (
                "error",
                f"lost with a crashed worker: {_first_line(str(report.longrepr))}",
            )

    def records(self) -> dict[str, TestRecord]:
        """Return one record a test; if several workers ran it, the worst."""
        found: dict[str, TestRecord] = {}
        for (nodeid, _), attempt in self._attempts.items():
            record = _record(nodeid, attempt)
            if nodeid in found:
                record = max(found[nodeid], record, key=_badness)
            found[nodeid] = record
        return found


def _worker(report: pytest.TestReport) -> str:
    """Return the xdist worker that the report is about; the one of a crash has no ``worker_id``."""
    gateway = getattr(getattr(report, "node", None), "gateway", None)
    return getattr(report, "worker_id", "") or getattr(gateway, "id", "")


def _record(nodeid: str, attempt: _Attempt) -> TestRecord:
    outcome, reason = attempt.outcome, attempt.reason
    if outcome == "passed" and not attempt.called:
        outcome, reason = "not run", "it was set up, but its body never ran"
    return TestRecord(
        nodeid,
        outcome,
        reason,
        attempt.duration,
        attempt.asserted,
        tuple(attempt.unexamined),
        tuple(attempt.verdicts),
    )


def _badness(record: TestRecord) -> tuple[int, bool]:
    statuses = [Status(verdict["status"]) for verdict in record.verdicts]
    worst = min((WORST_FIRST.index(status) for status in statuses), default=len(WORST_FIRST))
    return (len(WORST_FIRST) - worst, record.outcome != "passed")


def _add_subtest(attempt: _Attempt, report: pytest.TestReport, payload: Mapping[str, Any]) -> None:
    """Take a subtest's report: one that fails fails its test, one that is skipped examined nothing."""
    if report.failed:
        attempt.outcome, attempt.asserted = "failed", attempt.asserted or payload.get("asserted", False)
        attempt.reason = attempt.reason or f"a subtest failed: {_first_line(payload.get('error', ''))}"
    elif report.skipped:
        attempt.unexamined.append(f"a subtest was skipped: {_skip_reason(report)}")


def _add_phase(attempt: _Attempt, report: pytest.TestReport, payload: Mapping[str, Any]) -> None:
    attempt.called = attempt.called or report.when == "call"
    outcome, reason = _outcome(report, payload)
    # A phase that went well does not mend an earlier one, and a failed call stays the reason
    # although the teardown fails as well.
    if outcome != "passed" and attempt.outcome == "passed":
        attempt.outcome, attempt.reason = outcome, reason
        attempt.asserted = payload.get("asserted", False)


def _outcome(report: pytest.TestReport, payload: Mapping[str, Any]) -> tuple[str, str]:
    expected = getattr(report, "wasxfail", None)
    if expected is not None:
        return ("xfailed" if report.skipped else "xpassed"), str(expected).removeprefix("reason: ")
    if report.passed:
        return "passed", ""
    if report.skipped:
        return "skipped", _skip_reason(report)
    text = str(report.longrepr or "")
    if report.when == "call":
        if text.startswith(_STRICT_XPASS):
            return "xpassed", text.removeprefix(_STRICT_XPASS).strip()
        return "failed", _first_line(payload.get("error", ""))
    phase = "set-up" if report.when == "setup" else "teardown"
    return "error", f"error in {phase}: {_first_line(payload.get('error', ''))}"


def _skip_reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr or "")
    return reason.removeprefix("Skipped: ") or "no reason is given"


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else ""
