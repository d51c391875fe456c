"""Verdicts: what a check answers, and the rule that silence is never success."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Protocol

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status, worst
from pytest_devsecops.core.text import counted, singular

#: What a check says it looked at: a number of things, or words such as a file's name.
Examined = Mapping[str, int | str | list[str]]

#: The rule of the finding that keeps a check which had nothing to look at from being met.
NOTHING_EXAMINED = "nothing-examined"

_SHOWN_FINDINGS = 20


class VerdictObserver(Protocol):
    """Who wants to know what happens to a verdict after it was made (the recorder of a test run)."""

    def looked_at(self, verdict: Verdict) -> None:
        """The author's code asked whether it is met, or read its findings."""

    def combined(self, whole: Verdict, parts: tuple[Verdict, ...]) -> None:
        """``whole`` now stands for ``parts``, which no longer count by themselves."""


class Verdict:
    """The answer of one check.

    ``bool(verdict)`` is true only if the verdict is met, or if every finding in it is waived.

    Args:
        check: the check's name, such as ``dependencies.allowed``.
        findings: every reason why it is not met.
        examined: what was looked at. Numbers (or lists, which count as their length) are counts
            of things; every one of them must be positive, and there must be at least one, or the
            verdict is unverified. Strings say where the things came from.
        summary: one sentence for a verdict that is met; a default is made from ``examined``.
        evidence: measured values, digests and versions that an auditor may ask for; JSON values.
        measured: objectives in seconds, such as ``{"rto": 12.5, "rpo": 0.0}``; the limits that a
            marker sets are compared with them.
    """

    __slots__ = ("_check", "_evidence", "_examined", "_findings", "_looked_at", "_measured", "_observers", "_summary")

    def __init__(
        self,
        check: str,
        findings: Iterable[Finding] = (),
        *,
        examined: Examined,
        summary: str = "",
        evidence: Mapping[str, Any] | None = None,
        measured: Mapping[str, float] | None = None,
    ) -> None:
        self._check = check
        self._examined = MappingProxyType(dict(examined))
        given = tuple(findings)
        self._findings = (*given, *_nothing_examined(check, self._examined, given))
        self._summary = summary
        self._evidence = MappingProxyType(dict(evidence or {}))
        self._measured = MappingProxyType(dict(measured or {}))
        self._looked_at = False
        self._observers: list[VerdictObserver] = []

    @property
    def check(self) -> str:
        """The check's name."""
        return self._check

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every reason why the verdict is not met. Reading them counts as looking at the verdict."""
        self._look()
        return self._findings

    @property
    def examined(self) -> Examined:
        """What was looked at."""
        return self._examined

    @property
    def evidence(self) -> Mapping[str, Any]:
        """Measured values, digests and versions."""
        return self._evidence

    @property
    def measured(self) -> Mapping[str, float]:
        """Objectives that the check measured, in seconds."""
        return self._measured

    @property
    def raw_status(self) -> Status:
        """Met, violated or unverified, as if no finding were waived."""
        if not self._findings:
            return Status.MET
        return worst([finding.status for finding in self._findings])

    @property
    def status(self) -> Status:
        """Met, violated, unverified, or waived if every finding is."""
        open_findings = [found.status for found in self._findings if found.waived_by is None]
        if open_findings:
            return worst(open_findings)
        return Status.WAIVED if self._findings else Status.MET

    @property
    def was_looked_at(self) -> bool:
        """Whether somebody asked ``bool(verdict)`` or read its findings."""
        return self._looked_at

    @property
    def summary(self) -> str:
        """One sentence: the cause if it is not met, the waivers if it is waived, else what was found in order."""
        unsettled = [found for found in self._findings if found.waived_by is None]
        if self._findings and not unsettled:
            waivers = dict.fromkeys(str(found.waived_by) for found in self._findings)
            return f"{counted(len(self._findings), 'finding')} waived by {', '.join(waivers)}"
        if not unsettled:
            return self._summary or f"examined {_examined_text(self._examined)}"
        # The cause is a finding of the verdict's own status: of a violated one, what is violated.
        first = next(found for found in unsettled if found.status is self.status)
        more = len(unsettled) - 1
        return f"{first.message} (and {counted(more, 'more finding')})" if more else first.message

    def explain(self) -> str:
        """Return the cause, what was looked at and the remedy, as lines of text."""
        lines = [f"{self.status}: {self._check}", f"  examined: {_examined_text(self._examined)}"]
        for found in self._findings[:_SHOWN_FINDINGS]:
            lines.extend(_finding_lines(found))
        hidden = len(self._findings) - _SHOWN_FINDINGS
        if hidden > 0:
            lines.append(f"  … and {counted(hidden, 'more finding')}, all of them in the report")
        return "\n".join(lines)

    def observe(self, observer: VerdictObserver) -> None:
        """Tell ``observer`` whenever somebody looks at this verdict or combines it with others."""
        if observer not in self._observers:
            self._observers.append(observer)

    def waive(self, waiver_of: Callable[[Finding], str | None]) -> None:
        """Mark each finding for which ``waiver_of`` returns a waiver's id as accepted by it."""
        self._findings = tuple(_waived(found, waiver_of(found)) for found in self._findings)
        # Who accepts that a control failed has not accepted that nothing was examined.
        self._findings += tuple(_nothing_examined(self._check, self._examined, self._findings))

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as the JSON object that the report has (version 1)."""
        return {
            "check": self._check,
            "status": str(self.status),
            "raw_status": str(self.raw_status),
            "summary": self.summary,
            "findings": [_finding_dict(found) for found in self._findings],
            "examined": _json_safe(self._examined),
            "evidence": _json_safe(self._evidence),
            "measured": _json_safe(self._measured),
        }

    def __bool__(self) -> bool:
        self._look()
        return self.status in (Status.MET, Status.WAIVED)

    def __repr__(self) -> str:
        return f"<{self.status}: {self.summary} [{self._check}]>"

    def _look(self) -> None:
        self._looked_at = True
        for observer in self._observers:
            observer.looked_at(self)

    def _combine_into(self, whole: Verdict, parts: tuple[Verdict, ...]) -> None:
        self._looked_at = True
        for observer in self._observers:
            observer.combined(whole, parts)


def all_of(*verdicts: Verdict) -> Verdict:
    """Return the verdict that is met only if each of ``verdicts`` is.

    Raises:
        UsageError: if there is nothing to combine.
    """
    parts = _parts("all_of", verdicts)
    findings = [found for part in parts for found in part._findings]  # noqa: SLF001 - reading `findings` would count as the author's look
    return _combination("all_of", parts, findings)


def any_of(*verdicts: Verdict) -> Verdict:
    """Return the verdict that is met if one of ``verdicts`` is; otherwise it has all findings.

    Raises:
        UsageError: if there is nothing to combine.
    """
    parts = _parts("any_of", verdicts)
    good = [part for part in parts if part.status in (Status.MET, Status.WAIVED)]
    chosen = next((part for part in good if part.status is Status.MET), good[0] if good else None)
    blamed = [chosen] if chosen is not None else list(parts)
    findings = [found for part in blamed for found in part._findings]  # noqa: SLF001 - see all_of
    return _combination("any_of", parts, findings)


def _parts(name: str, verdicts: tuple[object, ...]) -> tuple[Verdict, ...]:
    if not verdicts:
        raise UsageError(f"{name}() combines nothing", remedy="pass at least one verdict")
    wrong = next((item for item in verdicts if not isinstance(item, Verdict)), None)
    if wrong is not None:
        raise UsageError(
            f"{name}() takes verdicts, not {type(wrong).__name__}",
            remedy="wrap your own checks with devsecops.verdict(…)",
        )
    return tuple(item for item in verdicts if isinstance(item, Verdict))


def _combination(name: str, parts: tuple[Verdict, ...], findings: list[Finding]) -> Verdict:
    measured: dict[str, float] = {}
    for part in parts:
        for objective, seconds in part.measured.items():
            measured[objective] = max(seconds, measured.get(objective, seconds))
    whole = Verdict(
        f"{name}({', '.join(part.check for part in parts)})",
        findings,
        examined={"verdicts": len(parts)},
        summary="; ".join(f"{part.check}: {part.summary}" for part in parts),
        evidence={"parts": [part.as_dict() for part in parts]},
        measured=measured,
    )
    # A part that two observers know is reported to both; each hears of the whole only once,
    # because every part names all the parts.
    for part in parts:
        part._combine_into(whole, parts)  # noqa: SLF001 - the same module's class
    return whole


def _nothing_examined(check: str, examined: Examined, given: tuple[Finding, ...]) -> list[Finding]:
    counts = {
        name: len(value) if isinstance(value, list) else value
        for name, value in examined.items()
        if not isinstance(value, str)
    }
    empty = [name for name, count in counts.items() if count <= 0]
    # A check that says itself what it does not know, and why, says more than this could.
    said = any(
        found.rule == NOTHING_EXAMINED or (found.status is Status.UNVERIFIED and found.waived_by is None)
        for found in given
    )
    if (counts and not empty) or said:
        return []
    what = " and ".join(f"no {name}" for name in empty) if empty else "nothing"
    return [
        Finding(
            rule=NOTHING_EXAMINED,
            subject=check,
            message=f"{check} examined {what}, so nothing is known",
            fix="give it something to look at: mend what other findings name, correct where it looks, or remove it",
            status=Status.UNVERIFIED,
        )
    ]


def _examined_text(examined: Examined) -> str:
    things = [_thing(name, value) for name, value in examined.items() if not isinstance(value, str)]
    places = [f"{name} {value}" for name, value in examined.items() if isinstance(value, str)]
    return ", ".join([*things, *places]) or "nothing"


def _thing(name: str, value: int | str | list[str]) -> str:
    if isinstance(value, list):
        return f"{len(value):,} {name} ({', '.join(value[:5])}{', …' if len(value) > 5 else ''})"  # noqa: PLR2004 - a line's length
    return f"{value:,} {singular(name) if value == 1 else name}" if isinstance(value, int) else f"{name} {value}"


def _finding_lines(found: Finding) -> list[str]:
    where = f" ({found.location})" if found.location else ""
    waived = f" [waived by {found.waived_by}]" if found.waived_by else ""
    mark = "?" if found.status is Status.UNVERIFIED else "-"
    lines = [f"  {mark} {found.message}{where} [{found.rule}]{waived}"]
    if found.fix:
        lines.append(f"    fix: {found.fix}")
    if found.refs:
        lines.append(f"    see: {', '.join(found.refs)}")
    if isinstance(request := found.detail.get("request"), str):
        lines.append(f"    try: {request}")
    return lines


def _waived(found: Finding, waiver: str | None) -> Finding:
    if waiver is None:
        return found
    return replace(found, waived_by=waiver)


def _finding_dict(found: Finding) -> dict[str, Any]:
    where = found.location
    return {
        "rule": found.rule,
        "subject": found.subject,
        "status": str(found.status),
        "message": found.message,
        "fix": found.fix,
        "refs": list(found.refs),
        "location": {"path": where.path, "line": where.line} if where else None,
        "detail": _json_safe(found.detail),
        "waived_by": found.waived_by,
    }


def _json_safe(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return ``value`` with everything that JSON does not know turned into its text.

    One value that is not JSON would end a run under xdist with an internal error.
    """
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Mapping):
        return {str(key): _json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_safe(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    return str(value)
