import pytest


@pytest.mark.recovery("REC-1", "Orders survive", rto="2h", rpo="25h")
def test_shop_survives(recovery, shop, nightly):
    assert recovery.round_trip(shop, by=nightly)


@pytest.mark.recovery("REC-2", "The old restore, which knew no roles, would do as well", rpo="25h")
def test_restore_without_roles(recovery, shop, without_roles):
    assert recovery.round_trip(shop, by=without_roles)
