"""The pytest plugin: thin hooks that do nothing until a policy, an option or a marker wakes them.

An idle session must cost next to nothing, so this module imports nothing but pytest and the
options; ``run`` and everything behind it come with the first reason to need them.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_devsecops.core.parametrising import ATTRIBUTE
from pytest_devsecops.pytest_plugin import hookspecs, options
from pytest_devsecops.pytest_plugin.fixtures import dependencies, devsecops, identity, identity_target, idp, recovery
from pytest_devsecops.pytest_plugin.listening import Listener
from pytest_devsecops.pytest_plugin.waking import CURRENT, STARTED, awake, has_reason_to_wake, wake

if TYPE_CHECKING:
    from pluggy import PluginManager

    from pytest_devsecops.core.parametrising import Values

__all__ = ["dependencies", "devsecops", "identity", "identity_target", "idp", "recovery"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the options and ini keys."""
    options.register(parser)


def pytest_addhooks(pluginmanager: PluginManager) -> None:
    """Register the hooks that other plugins and conftest files can implement."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and the listener for hooks that do not know their config."""
    options.register_markers(config)
    config.pluginmanager.register(Listener(config), "devsecops-listener")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the policy if there is a reason to; a bad one ends the run before anything else starts."""
    session.config.stash[STARTED] = True
    if has_reason_to_wake(session.config):
        wake(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each value that a decorator of ours asks for, such as ``@forged_tokens()``."""
    values: Values | None = getattr(metafunc.function, ATTRIBUTE, None) or getattr(metafunc.cls, ATTRIBUTE, None)
    if values is not None:
        metafunc.parametrize(values.argument, values.texts, ids=values.texts)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Read the markers of collected tests; what is wrong with them is a collection error."""
    report = yield
    names = collector.config.stash[options.MARKER_NAMES]
    marked = [
        item
        for item in report.result or ()
        if isinstance(item, pytest.Item) and any(item.get_closest_marker(name) for name in names)
    ]
    if marked:
        wake(collector.config).collected(marked, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which marked tests the selection dropped."""
    run = awake(session.config)
    if run is not None:
        run.selected(session.items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any],
    request: pytest.FixtureRequest,
) -> Generator[None, object, object]:
    """Let verdicts that a fixture makes belong to every test that uses the fixture."""
    __tracebackhide__ = True
    run = awake(request.config)
    if run is None:
        return (yield)
    with run.recorder.inside_fixture(fixturedef, request):
        return (yield)


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Forget a fixture's verdicts once it is gone; those that nobody looked at are told."""
    run = awake(request.config)
    if run is not None:
        run.recorder.fixture_finished(fixturedef)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start afresh for this attempt, so that a rerun inherits nothing."""
    item.config.stash[CURRENT] = item
    run = awake(item.config)
    if run is not None:
        run.attempt_started(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that made a verdict which is not met and that nobody looked at."""
    __tracebackhide__ = True
    result = yield
    run = awake(item.config)
    if run is not None:
        run.recorder.refuse_unasserted()
        run.judge_limits(item)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Do the same for verdicts that were made during teardown or by fixtures that end here."""
    __tracebackhide__ = True
    result = yield
    run = awake(item.config)
    if run is not None:
        run.recorder.refuse_unasserted()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the verdicts on the report, and their explanation into the failure output."""
    report = yield
    run = awake(item.config)
    if run is not None:
        run.reported(item, call, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send or assess the results, write the reports, and close the gate."""
    run = awake(session.config)
    if run is not None:
        run.finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the state of the requirements."""
    run = awake(config)
    if run is not None:
        run.tell(terminalreporter)
