import pytest


@pytest.mark.security("ID-1")
def test_access(identity):
    assert identity.access_matches()


@pytest.mark.security("ID-2")
def test_reset(identity):
    assert identity.reset_is_safe()


@pytest.mark.security("ID-3")
def test_lock(identity):
    assert identity.ends_sessions(on="disable")


@pytest.mark.security("ID-4")
def test_guessing(identity):
    assert identity.throttles_login(after=5)


@pytest.mark.security("ID-5")
def test_nobody_learns_who_is_a_customer(identity):
    # The time that answers take is worth a look too, where nothing else runs: leave timing=() out there.
    assert identity.reveals_no_accounts(flows=("login", "reset"), timing=())


@pytest.mark.security("ID-6")
def test_sessions(identity):
    assert identity.starts_new_session_at_login()
    assert identity.ends_sessions(on="logout")
