"""One session with a reason: what holds the parts together from the policy to the gate."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

import pytest

from pytest_devsecops.builtin import REPORT_FORMATS, SECTIONS, SOURCE_READERS, STORES
from pytest_devsecops.core.assessment import Assessment, assess
from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.records import Inventory, RunInfo
from pytest_devsecops.core.redaction import Redactor, Secret
from pytest_devsecops.core.registry import Registry
from pytest_devsecops.core.requirement import Requirement
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.dependencies.model import SourceReader
from pytest_devsecops.policy.model import Policy
from pytest_devsecops.policy.reading import read_policy
from pytest_devsecops.pytest_plugin import options, provenance
from pytest_devsecops.pytest_plugin.carried import LOSSES, WORKER_KEY
from pytest_devsecops.pytest_plugin.claiming import Claims
from pytest_devsecops.pytest_plugin.gate import reasons_to_fail, unmet
from pytest_devsecops.pytest_plugin.limits import judge_limits, limits_of
from pytest_devsecops.pytest_plugin.recording import Recorder
from pytest_devsecops.pytest_plugin.results import Results, attach
from pytest_devsecops.pytest_plugin.selection import describe
from pytest_devsecops.pytest_plugin.settings import Settings, read_settings
from pytest_devsecops.pytest_plugin.telling import Outcome, tell
from pytest_devsecops.pytest_plugin.umbrella import DevSecOps
from pytest_devsecops.pytest_plugin.writing import write_reports
from pytest_devsecops.recovery.making import Maker
from pytest_devsecops.reports.model import Report, ReportFormat


class Run:
    """The state of one session.

    Args:
        config: pytest's.
        settings: the decoded options.
        policy: the decoded policy.
        requirements: what the policy and hooks declare, by id.
        readers: the known source formats.
        stores: the known kinds of stores.
        redactor: keeps secrets out of what is written.
    """

    def __init__(
        self,
        config: pytest.Config,
        settings: Settings,
        policy: Policy,
        requirements: Mapping[str, Requirement],
        readers: Registry[SourceReader],
        stores: Registry[Maker],
        redactor: Redactor,
    ) -> None:
        self._config = config
        self._settings = settings
        self._policy = policy
        self._requirements = requirements
        self._readers = readers
        self._stores = stores
        self._redactor = redactor
        self._started = datetime.now(UTC)
        self._received: list[Inventory] = []
        self._outcome: Outcome | None = None
        names = config.stash[options.MARKER_NAMES]
        self._claims = Claims(names, requirements, validate=policy.exists or options.any_given(config))
        self.recorder = Recorder()
        self.results = Results()

    @classmethod
    def begin(cls, config: pytest.Config) -> Run:
        """Read options, hooks and policy.

        Raises:
            DevSecOpsError: if one of them cannot be used.
        """
        formats: Registry[ReportFormat] = Registry("report format", REPORT_FORMATS)
        for format_ in _from_hooks(config.hook.pytest_devsecops_report_formats(config=config)):
            formats.add(format_.name, format_, provider="a plugin")
        readers: Registry[SourceReader] = Registry("source format", SOURCE_READERS)
        for reader in _from_hooks(config.hook.pytest_devsecops_source_readers(config=config)):
            readers.add(reader.name, reader, provider="a plugin")
        stores: Registry[Maker] = Registry("store", STORES)
        for store in _from_hooks(config.hook.pytest_devsecops_stores(config=config)):
            stores.add(store.name, store.make, provider="a plugin")
        settings = read_settings(config, formats)
        bases = _from_hooks(config.hook.pytest_devsecops_policies(config=config))
        policy = read_policy(config.rootpath, SECTIONS, file=settings.policy_file, bases=bases)
        declared: Registry[Requirement] = Registry("requirement", policy.requirements)
        for requirement in _from_hooks(config.hook.pytest_devsecops_requirements(config=config)):
            declared.add(requirement.id, requirement, provider="a plugin")
        secrets = [Secret(value) for value in _from_hooks(config.hook.pytest_devsecops_redactions(config=config))]
        named = {name: os.environ.get(name, "") for name in policy.redact_environment}
        secrets.extend(Secret(value, f"the value of {name}") for name, value in named.items() if value)
        return cls(config, settings, policy, declared, readers, stores, Redactor(secrets))

    @cached_property
    def umbrella(self) -> DevSecOps:
        """What the fixture ``devsecops`` gives."""
        return DevSecOps(
            self._policy,
            self._readers,
            self._stores,
            today=self._settings.today,
            record=self._record,
            limits=self._limits,
        )

    def collected(self, items: list[pytest.Item], report: pytest.CollectReport) -> None:
        """Take the marks of tests that were just collected; problems fail the collection."""
        problems = [problem for item in items for problem in self._claims.take(item)]
        if problems:
            report.outcome = "failed"
            report.longrepr = "\n".join(problems)
            report.result = []

    def selected(self, items: list[pytest.Item]) -> None:
        """Note which tests the selection left."""
        self._claims.selected(items)

    def attempt_started(self, item: pytest.Item) -> None:
        """Forget an earlier attempt at ``item``."""
        self.recorder.begin(item)
        if self._settings.gated:
            kept = [pair for pair in item.user_properties if not pair[0].startswith("devsecops_")]
            ids = [("devsecops_requirement", claim.requirement.id) for claim in self._claims.of(item)]
            item.user_properties[:] = [*kept, *ids]

    def reported(self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
        """Complete the report of one phase of a test, or of a subtest."""
        attempt = self.recorder.attempt
        if attempt is None or attempt.item is not item:
            return
        claims = self._claims.of(item)
        if claims:
            attach(report, call, attempt)
        if claims and self._settings.gated and call.when == "call":
            item.user_properties.extend(("devsecops_status", str(verdict.status)) for verdict in attempt.verdicts)
        add_section = getattr(report.longrepr, "addsection", None)
        if report.failed and add_section is not None:
            for verdict in attempt.verdicts:
                if verdict.status in (Status.VIOLATED, Status.UNVERIFIED) and id(verdict) not in attempt.explained:
                    attempt.explained.add(id(verdict))
                    add_section("devsecops", verdict.explain())

    def received(self, inventory: Mapping[str, Any]) -> None:
        """Take what an xdist worker collected."""
        self._received.append(Inventory.from_dict(inventory))

    def finish(self, session: pytest.Session) -> None:
        """Send the inventory (in an xdist worker), or assess, write the reports, and close the gate."""
        if hasattr(self._config, "workerinput"):
            output = self._config.workeroutput  # type: ignore[attr-defined]  # xdist adds it
            output[WORKER_KEY] = json.dumps(self._claims.inventory.as_dict())
            return
        assessment = self._assess(session)
        report = self._redactor.redact(cast("Report", assessment.as_dict()))
        failures = write_reports(report, self._settings.targets, self._redactor)
        if self._settings.gated:
            failures.extend(reasons_to_fail(assessment, strict=self._settings.strict))
        if failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._outcome = Outcome(
            report,
            tuple(unmet(assessment, strict=self._settings.strict)),
            tuple(failures),
            self._redactor.ignored,
        )

    def tell(self, reporter: pytest.TerminalReporter) -> None:
        """Write the end of the run's terminal output."""
        if self._outcome is not None:
            tell(reporter, self._outcome, self._settings, self._config)

    def judge_limits(self, item: pytest.Item) -> None:
        """Fail a test whose recovery verdicts leave a limit of its marker open."""
        attempt = self.recorder.attempt
        if attempt is None or attempt.item is not item:
            return
        verdict = judge_limits(limits_of(self._claims.of(item)), attempt.verdicts)
        if verdict is not None and not self._record(verdict):
            pytest.fail(verdict.explain(), pytrace=False)

    def _limits(self) -> Mapping[str, float]:
        """Return the limits of the running test's marker; none for what a wider fixture makes for many tests."""
        attempt = self.recorder.attempt
        return limits_of(self._claims.of(attempt.item)) if attempt and not self.recorder.in_wide_fixture else {}

    def _record(self, verdict: Verdict) -> Verdict:
        return self.recorder.note(verdict)

    def _assess(self, session: pytest.Session) -> Assessment:
        losses = self._config.stash[LOSSES]
        records = self.results.records()
        inventory = self._inventory()
        selection = describe(
            session,
            inventory,
            set(records) - set(self.results.crashed),
            failed_collectors=losses.failed_collectors,
            lost_workers=losses.workers,
        )
        commit, dirty = provenance.commit_of(self._config.rootpath) if self._settings.gated else (None, None)
        info = RunInfo(
            started=self._started.isoformat(timespec="seconds"),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=provenance.versions(),
            selection=selection,
            commit=commit,
            dirty=dirty,
            ci=provenance.continuous_integration(),
            policy=self._policy.as_dict(),
            advisories=provenance.advisories_of(records.values()),
        )
        return assess(
            self._requirements.values(),
            inventory or Inventory(),
            records,
            info,
            require_verdicts=self._policy.require_verdicts,
        )

    def _inventory(self) -> Inventory | None:
        """Return what was collected; under xdist only the workers know, and all may be lost."""
        if not self._config.pluginmanager.has_plugin("dsession"):
            return self._claims.inventory
        if not self._received:
            return None
        claims = dict.fromkeys(claim.nodeid for one in self._received for claim in one.claims)
        by_test = {claim.nodeid: one for one in reversed(self._received) for claim in one.claims}
        return Inventory(
            tuple(claim for nodeid in claims for claim in by_test[nodeid].claims if claim.nodeid == nodeid),
            frozenset.intersection(*(one.dropped for one in self._received)),
        )


def _from_hooks(results: list[Any]) -> list[Any]:
    return [part for result in results for part in result]
