"""When a session of ours begins: not before there is a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_devsecops.pytest_plugin import options
from pytest_devsecops.pytest_plugin.hookspecs import REGISTRATION_HOOKS

if TYPE_CHECKING:
    from pytest_devsecops.pytest_plugin.run import Run

STARTED = pytest.StashKey[bool]()
#: The test that is running: a run that wakes in the middle of it has to know.
CURRENT = pytest.StashKey[pytest.Item]()
_RUN = pytest.StashKey["Run"]()


def has_reason_to_wake(config: pytest.Config) -> bool:
    """Tell whether the session has a policy, an option of ours, or a plugin that registers parts."""
    if options.any_given(config):
        return True
    if any(getattr(config.hook, name).get_hookimpls() for name in REGISTRATION_HOOKS):
        return True
    root = config.rootpath
    if (root / "devsecops.toml").is_file():
        return True
    project = root / "pyproject.toml"
    if not (project.is_file() and b"devsecops" in project.read_bytes()):
        return False
    from pytest_devsecops.core.errors import PolicyError
    from pytest_devsecops.policy.documents import find_policy

    try:
        return find_policy(root) is not None
    except PolicyError:
        return True  # reading it again in the run tells what is wrong


def awake(config: pytest.Config) -> Run | None:
    """Return the session's run if anything woke it."""
    return config.stash.get(_RUN, None)


def wake(config: pytest.Config) -> Run:
    """Return the session's run, beginning it now if need be.

    Raises:
        pytest.UsageError: if the policy or an option cannot be used.
    """
    if _RUN not in config.stash:
        from pytest_devsecops.core.errors import DevSecOpsError
        from pytest_devsecops.pytest_plugin.run import Run

        try:
            config.stash[_RUN] = Run.begin(config)
        except DevSecOpsError as error:
            raise pytest.UsageError(str(error)) from None
        if CURRENT in config.stash:
            config.stash[_RUN].attempt_started(config.stash[CURRENT])
    return config.stash[_RUN]
