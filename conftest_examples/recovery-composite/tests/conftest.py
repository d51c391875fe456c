import pytest
from shop import can_order, every_order_has_its_file, place_order

from pytest_devsecops.recovery import composite, directory, postgresql, procedure


@pytest.fixture(scope="session")
def shop():
    db = postgresql(
        version="15",
        role="shop_backup",
        production_size="100MB",
        prepare=["psql -f infra/roles.sql", "psql -f infra/schema.sql"],
        env={"DATABASE_URL": "postgresql://{user}:{password}@{host}:{port}/{dbname}"},
    )
    media = directory(prepare="python -m shop.seed", env={"MEDIA_ROOT": "{path}"})
    return composite(db=db, media=media, agrees=every_order_has_its_file, writes=place_order, probe=can_order)


@pytest.fixture(scope="session")
def nightly():
    return procedure("./backup.sh", "./restore.sh", every="24h", timeout="10m")


@pytest.fixture(scope="session")
def files_first():
    return procedure("./backup-files-first.sh", "./restore.sh", every="24h", timeout="10m")
