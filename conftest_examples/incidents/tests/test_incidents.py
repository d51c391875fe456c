import pytest


def replays(identity):
    """Mark a test to run on the replay and on the repaired twin, each with a requirement of its own."""
    cases = [
        pytest.param(kind, marks=pytest.mark.security(f"{identity}-{kind.upper()}")) for kind in ("replay", "repaired")
    ]
    return pytest.mark.parametrize("kind", cases)


@replays("CONFUSION")
def test_a_private_name_from_the_public_index(dependencies, kind):
    """torchtriton: the nightly build's dependency had the same name on the public index, which won."""
    assert dependencies.of(f"torchtriton/{kind}/uv.lock").from_trusted_sources()


@replays("SWAPPED")
def test_installed_differs_from_locked(dependencies, kind):
    """ctx: an abandoned project was taken over, and other files appeared as newer versions of it."""
    assert dependencies.of(f"ctx/{kind}/uv.lock", f"environment:ctx/{kind}/site-packages").consistent()


@replays("FRESH")
def test_a_release_that_is_an_hour_old(dependencies, kind):
    """LiteLLM: the stolen account's release was gone after a few hours; most had it by then."""
    assert dependencies.of(f"litellm/{kind}/uv.lock").aged()


@replays("HOOK")
def test_a_start_up_hook(dependencies, kind):
    """LiteLLM: a .pth file ran the payload at every start of Python, whether or not it was imported."""
    assert dependencies.of(f"environment:litellm/{kind}/site-packages").free_of_startup_hooks()
