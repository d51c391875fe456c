"""What the tests of the recovery family share."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.workspace import temporary_room

_SECONDS = 5.0


@pytest.fixture
def recovery(tmp_path: Path) -> Iterator[Recovery]:
    """The family over an empty project, as the fixture of the same name gives it."""
    family = Recovery(RecoveryPolicy(), tmp_path, today=date(2026, 11, 23), record=lambda verdict: verdict)
    yield family
    family.close()


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After every module, whatever went wrong in it on purpose: no process of a drill, and no file of one."""
    # Pytest makes its own folder when it is first asked for one, which must not be in ours.
    tmp_path_factory.getbasetemp()
    with temporary_room("r-") as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(place))
        yield
        limit = time.monotonic() + _SECONDS
        while (found := [*_processes(place), *(path.name for path in place.iterdir())]) and time.monotonic() < limit:
            time.sleep(0.05)
        assert found == []


def _processes(place: Path) -> Iterator[str]:
    """Processes that work in a folder or name it in their command."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            works = str((entry / "cwd").readlink()).startswith(f"{place}/")
            if works or f"{place}/".encode() in command:
                yield command.replace(b"\0", b" ").decode(errors="replace")
