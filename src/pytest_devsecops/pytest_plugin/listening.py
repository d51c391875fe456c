"""Hooks whose arguments do not lead to the config, so that an object has to hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_devsecops.pytest_plugin.carried import ATTRIBUTE, LOSSES, WORKER_KEY, Losses
from pytest_devsecops.pytest_plugin.hookspecs import REGISTRATION_HOOKS
from pytest_devsecops.pytest_plugin.waking import STARTED, awake, wake


class Listener:
    """Hears reports, lost workers and late plugins for one session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._losses = config.stash[LOSSES] = Losses()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note modules that could not be collected: their tests are missing."""
        if report.failed:
            self._losses.failed_collectors.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the results of tests that claim a requirement."""
        # A worker that crashed in a test leaves a report of no phase and without our attribute.
        if hasattr(report, ATTRIBUTE) or (report.when not in ("setup", "call", "teardown") and awake(self._config)):
            wake(self._config).results.add(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401, ARG002 - xdist's class
        """Take the inventory of an xdist worker; one that crashed has none."""
        sent = getattr(node, "workeroutput", None) or {}
        if WORKER_KEY in sent:
            wake(self._config).received(json.loads(sent[WORKER_KEY]))
        elif not sent:
            self._losses.workers += 1

    def pytest_plugin_registered(self, plugin: object) -> None:
        """Refuse registrations that come too late to be heard."""
        if STARTED not in self._config.stash:
            return
        late = [name for name in REGISTRATION_HOOKS if hasattr(plugin, name)]
        if late:
            place = getattr(plugin, "__file__", None) or repr(plugin)
            raise pytest.UsageError(
                f"{place} implements {', '.join(late)} but was loaded after the session started, "
                "so its registrations would be lost; move them to the root conftest.py or to a plugin",
            )
