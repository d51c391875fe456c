from pathlib import Path

import pytest

SERVICES = sorted(path.name for path in (Path(__file__).parents[1] / "services").iterdir() if path.is_dir())


@pytest.fixture(params=SERVICES)
def service(request, dependencies):
    """Checks on one service at a time; the policy is that of the whole repository."""
    return dependencies.of(f"services/{request.param}/requirements.txt")


@pytest.mark.security("MONO-1")
def test_only_cleared_dependencies(service):
    assert service.allowed()


@pytest.mark.security("MONO-2")
def test_pinned(service):
    assert service.pinned()


@pytest.mark.security("MONO-3")
def test_hashed(dependencies):
    # Without `of`, the policy's sources: all services at once.
    assert dependencies.hashed()
