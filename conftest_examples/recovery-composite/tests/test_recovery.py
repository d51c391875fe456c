import pytest


@pytest.mark.recovery("REC-1", "Orders and files survive", rto="2h", rpo="25h")
def test_shop_survives(recovery, shop, nightly):
    assert recovery.round_trip(shop, by=nightly)


@pytest.mark.recovery("REC-2", "Last night's real backup restores", rpo="25h")
def test_newest(recovery, shop, nightly):
    assert recovery.newest("backups/*", into=shop, by=nightly, fresh="orders.created_at")


@pytest.mark.recovery("REC-3", "The order of the two does not matter")
def test_files_first(recovery, shop, files_first):
    assert recovery.round_trip(shop, by=files_first)
