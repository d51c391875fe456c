import pytest


@pytest.mark.recovery("REC-1", "Notes survive the loss of the disk", rto="5m", rpo="7h")
def test_notes_survive(recovery, notebook, timer):
    assert recovery.round_trip(notebook, by=timer)


@pytest.mark.recovery("REC-2", "Last night's real backup restores", rpo="25h")
def test_newest(recovery, notebook, timer):
    assert recovery.newest("backups/*", into=notebook, by=timer, fresh="note.written_at")


@pytest.mark.recovery("REC-3", "Nobody else can read a backup, and making one changes nothing")
def test_backup_is_careful(recovery, notebook, timer):
    assert recovery.artefact_is_private(notebook, by=timer)
    assert recovery.leaves_source_alone(notebook, by=timer)


@pytest.mark.recovery("REC-4", "A dump as text would do as well")
def test_a_dump_would_do(recovery, notebook, dump):
    assert recovery.round_trip(notebook, by=dump)


@pytest.mark.recovery("REC-5", "A restore of half a copy ends aloud")
def test_half_a_copy(recovery, notebook, timer):
    assert recovery.notices(notebook, fault="truncated", by=timer)
