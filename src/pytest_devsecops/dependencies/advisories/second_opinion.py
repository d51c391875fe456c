"""A second opinion from safety's own engine, asked offline over its Python interface.

Only ``safety.safety.check`` with a local database folder is called. safety's command line probes the
network before it does anything else, and is never used. What safety cannot examine is said.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pytest_devsecops.core.errors import MissingExtraError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.dependencies.advisories.lookup import Hit, Lookup, question_of
from pytest_devsecops.dependencies.advisories.versions import is_ordered
from pytest_devsecops.dependencies.model import Dependency, Graph
from pytest_devsecops.dependencies.ranges import Answer

_TEXT_LENGTH = 200
_FIX = "repair safety's database, or leave second_opinion out of the policy"


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What the other engine adds.

    Attributes:
        findings: what it reports and the advisory file does not, and what it could not examine.
        evidence: what was asked, and what the advisory file has and it does not report.
    """

    findings: tuple[Finding, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Pin:
    """One exact version that safety is asked about."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class _Report:
    """One vulnerability that safety reports."""

    pin: _Pin
    ids: frozenset[str]
    text: str


def ask_safety(graph: Graph, database: Path, lookup: Lookup) -> SecondOpinion:
    """Ask safety about every pinned dependency of ``graph`` and compare with the advisory file.

    Args:
        graph: the dependencies.
        database: a folder with ``insecure.json`` and ``insecure_full.json`` of schema 2.
        lookup: what the advisory file says about the same dependencies.
    """
    pins = {pin: one for one in graph.dependencies if (pin := _pin(one)) is not None}
    left_out = [one for one in graph.dependencies if _pin(one) is None]
    try:
        engine = _load_engine()
    except MissingExtraError as error:
        return _no_answer(error.message, error.remedy)
    try:
        # Without a package it only opens its database.
        _check_batch(engine, [], database)
    except Exception as error:  # noqa: BLE001 - whatever another engine raises: it gave no answer, which is reported
        return _no_answer(f"safety cannot use {database.name}: {_cause(error)}", _FIX)
    reports, failures = _check(engine, list(pins), database)
    ours = {pin: _hits(lookup, one) for pin, one in pins.items()}
    theirs: dict[_Pin, set[str]] = {}
    for report in reports:
        theirs.setdefault(report.pin, set()).update(report.ids)
    findings = [_reported(one, pins[one.pin]) for one in reports if not one.ids & _ids(ours[one.pin])]
    findings.extend(
        _unanswered(f"{pin.name} {pin.version}", f"safety failed on {pin.name} {pin.version}: {cause}", _FIX)
        for pin, cause in failures.items()
    )
    findings.extend(
        _unanswered(one.subject, f"safety cannot examine {one.subject}, which has no PEP 440 version", "pin it")
        for one in left_out
    )
    alone = [
        f"{pin.name} {pin.version}: {hit.advisory.id}"
        for pin, hits in ours.items()
        for hit in hits
        if not set(hit.advisory.ids) & theirs.get(pin, set())
    ]
    evidence = {
        "engine": "safety",
        "database": database.name,
        "asked": len(pins) - len(failures),
        "reported": len(reports),
        "not reported by safety": sorted(alone),
    }
    return SecondOpinion(tuple(findings), {"second opinion": evidence})


def _pin(dependency: Dependency) -> _Pin | None:
    """Return what safety can be asked about: it takes a version that PEP 440 does not know for harmless."""
    version = question_of(dependency).version
    return _Pin(dependency.name, version) if version is not None and is_ordered(version) else None


def _load_engine() -> SimpleNamespace:
    """Import what is needed of safety, whose modules warn while they are imported.

    Raises:
        MissingExtraError: if it is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            models = importlib.import_module("safety.models")
            engine = importlib.import_module("safety.safety")
        except ModuleNotFoundError:
            raise MissingExtraError("the second opinion of safety", "safety") from None
    return SimpleNamespace(check=engine.check, package=models.Package, requirement=models.SafetyRequirement)


def _check(engine: SimpleNamespace, pins: Sequence[_Pin], database: Path) -> tuple[list[_Report], dict[_Pin, str]]:
    """Return what safety reports, and why it failed on what it failed on.

    One specifier that it cannot read makes it raise for everything, so a batch that fails is halved
    until the culprit is alone.
    """
    if not pins:
        return [], {}
    try:
        return _check_batch(engine, pins, database), {}
    except Exception as error:  # noqa: BLE001 - whatever another engine raises: it gave no answer, which is reported
        if len(pins) == 1:
            return [], {pins[0]: _cause(error)}
    middle = len(pins) // 2
    first, second = (_check(engine, half, database) for half in (pins[:middle], pins[middle:]))
    return [*first[0], *second[0]], {**first[1], **second[1]}


def _check_batch(engine: SimpleNamespace, pins: Iterable[_Pin], database: Path) -> list[_Report]:
    asked: dict[str, dict[_Pin, Any]] = {}
    for pin in pins:
        asked.setdefault(pin.name, {})[pin] = engine.requirement(f"{pin.name}=={pin.version}")
    packages = [
        engine.package(name=name, version=next(iter(wanted)).version, requirements=list(wanted.values()))
        for name, wanted in asked.items()
    ]
    pin_of = {id(requirement): pin for wanted in asked.values() for pin, requirement in wanted.items()}
    platform = SimpleNamespace(
        api_key=None,
        http_client=None,
        get_authentication_type=lambda: None,
        is_using_auth_credentials=lambda: False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, _ = engine.check(
            auth=SimpleNamespace(platform=platform),
            packages=packages,
            db_mirror=str(database),
            ignore_vulns={},
            telemetry=False,
        )
    return [_report(one, pin_of[id(one.analyzed_requirement)]) for one in found]


def _report(found: Any, pin: _Pin) -> _Report:  # noqa: ANN401 - a class of safety's, which need not be installed
    own = str(found.vulnerability_id or "")
    cve = str(found.CVE.name) if found.CVE else ""
    ids = {f"pyup.io-{own}" if own.isdigit() else own, cve} - {""}
    return _Report(pin, frozenset(ids), " ".join(str(found.advisory or "").split()))


def _hits(lookup: Lookup, dependency: Dependency) -> list[Hit]:
    return [hit for hit in lookup.hits.get(question_of(dependency), ()) if hit.answer is Answer.YES]


def _ids(hits: Iterable[Hit]) -> set[str]:
    return {name for hit in hits for name in hit.advisory.ids}


def _reported(report: _Report, dependency: Dependency) -> Finding:
    ids = sorted(report.ids)
    return Finding(
        "found-by-safety",
        dependency.subject,
        f"safety reports {', '.join(ids) or 'a vulnerability'} in {dependency.subject},"
        f" which the advisory file does not have: {report.text[:_TEXT_LENGTH]}",
        fix=f"upgrade {dependency.name}, or import safety's database to judge by it",
        refs=tuple(ids),
        location=dependency.location,
        detail={"ids": ids, "engine": "safety"},
    )


def _unanswered(subject: str, message: str, fix: str) -> Finding:
    return Finding("second-opinion-missing", subject, message, fix=fix, status=Status.UNVERIFIED)


def _no_answer(message: str, fix: str) -> SecondOpinion:
    finding = _unanswered("safety", f"there is no second opinion: {message}", fix)
    return SecondOpinion((finding,), {"second opinion": {"engine": "safety", "asked": 0}})


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
