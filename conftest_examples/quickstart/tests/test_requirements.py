import pytest
from parcel_desk.settings import SETTINGS


@pytest.mark.security("DEP-1")
def test_only_allowed_dependencies(dependencies):
    assert dependencies.allowed()


@pytest.mark.security("DEP-2")
def test_no_known_vulnerabilities(dependencies):
    assert dependencies.vulnerability_free(at_least="high")


@pytest.mark.security("DEP-3")
def test_every_file_is_hashed(dependencies):
    assert dependencies.hashed()


@pytest.mark.security("DEP-4")
def test_nothing_is_brand_new(dependencies):
    assert dependencies.aged(days=7)


@pytest.mark.security("OPS-1")
def test_production_settings_are_safe(devsecops):
    wrong = [
        name for name, safe in {"debug": False, "session_cookie_secure": True}.items() if SETTINGS[name] is not safe
    ]
    assert devsecops.verdict("settings", ok=not wrong, examined={"settings": 2}, findings=wrong)
