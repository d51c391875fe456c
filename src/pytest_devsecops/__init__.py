"""Security and recovery requirements, written as ordinary pytest tests."""

from pytest_devsecops.core.errors import DevSecOpsError
from pytest_devsecops.core.findings import Finding, Location, Status
from pytest_devsecops.core.verdict import Verdict, all_of, any_of

__all__ = ["DevSecOpsError", "Finding", "Location", "Status", "Verdict", "all_of", "any_of"]
