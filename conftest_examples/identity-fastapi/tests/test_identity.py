import pytest


@pytest.mark.security("ID-1")
def test_guests_reach_their_own_bookings(identity):
    assert identity.access_matches()


@pytest.mark.security("ID-2")
def test_forged_tokens(identity):
    assert identity.refuses_forged_tokens(at="/me")


@pytest.mark.security("ID-3")
def test_sessions_end(identity):
    assert identity.ends_sessions(on=("logout", "password change", "disable"))


@pytest.mark.security("ID-4")
def test_guessing(identity):
    assert identity.throttles_login(after=5)


@pytest.mark.security("ID-5")
def test_passwords(identity):
    assert identity.passwords_follow_policy(minimum=15)
