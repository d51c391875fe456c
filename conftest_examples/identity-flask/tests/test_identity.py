import pytest


@pytest.mark.security("ID-1")
def test_members_tend_their_own_plots(identity):
    assert identity.access_matches()


@pytest.mark.security("ID-2")
def test_signing_in_starts_a_new_session(identity):
    assert identity.starts_new_session_at_login()


@pytest.mark.security("ID-3")
def test_signing_out_ends_the_session(identity):
    assert identity.ends_sessions(on="logout")


@pytest.mark.security("ID-4")
def test_reset_links(identity):
    assert identity.reset_is_safe()


@pytest.mark.security("ID-5")
def test_nobody_learns_who_is_a_member(identity):
    # The time that answers take is worth a look too, where nothing else runs: leave timing=() out there.
    assert identity.reveals_no_accounts(flows=("login", "reset"), timing=())


@pytest.mark.security("ID-6")
def test_guessing(identity):
    assert identity.throttles_login(after=5)
