import pytest


@pytest.mark.security("ORG-1")
def test_nothing_denied(dependencies):
    assert dependencies.allowed()


@pytest.mark.security("APP-1")
def test_tables_is_there_at_an_exact_version(dependencies, devsecops):
    found = [one for one in dependencies.graph.dependencies if one.name == "tables-example"]
    open_versions = [one.subject for one in found if one.version is None]
    assert devsecops.verdict("tables", ok=not open_versions, examined={"dependencies": len(found)})
