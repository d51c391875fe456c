import pytest


@pytest.mark.recovery("REC-1", rpo="25h")
def test_parcels_survive(recovery, parcels, nightly):
    assert recovery.round_trip(parcels, by=nightly)


@pytest.mark.recovery("REC-2")
def test_parcels_would_survive_with_the_online_backup(recovery, parcels):
    assert recovery.round_trip(parcels, by="sqlite-backup")
