import pytest

from pytest_devsecops.recovery import postgresql, procedure


@pytest.fixture(scope="session")
def shop():
    return postgresql(
        version="15",
        role="shop_backup",
        production_size="100MB",
        prepare=[
            "psql --set=ON_ERROR_STOP=1 -f infra/roles.sql",
            "alembic upgrade head",
            "python -m shop.seed",
        ],
        env={"DATABASE_URL": "postgresql+psycopg://{user}:{password}@{host}:{port}/{dbname}"},
    )


@pytest.fixture(scope="session")
def nightly():
    return procedure("./backup.sh", "./restore.sh", every="24h", timeout="10m")


@pytest.fixture(scope="session")
def without_roles():
    return procedure("./backup.sh", "./restore-without-roles.sh", every="24h", timeout="10m")
