import pytest

from pytest_devsecops.recovery import procedure, sqlite


@pytest.fixture(scope="session")
def notebook():
    return sqlite(
        prepare=["python -m notes.migrate", "python -m notes.seed"],
        env={"NOTES_FILE": "{path}"},
        production_size="50MB",
    )


@pytest.fixture(scope="session")
def timer():
    return procedure("python ops/backup.py", "python ops/restore.py", every="6h", timeout="1m")


@pytest.fixture(scope="session")
def dump():
    return procedure("python ops/dump.py", "python ops/load.py", every="6h", timeout="1m")
