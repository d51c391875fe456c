import pytest


@pytest.mark.security("ID-1")
def test_a_lying_provider_signs_nobody_in(identity, idp):
    assert identity.refuses_broken_providers(idp)


@pytest.mark.security("ID-2")
def test_everybody_sees_only_their_own_parcels(identity):
    assert identity.access_matches()


@pytest.mark.security("ID-3")
def test_signing_out_ends_the_session(identity):
    assert identity.ends_sessions(on="logout")
