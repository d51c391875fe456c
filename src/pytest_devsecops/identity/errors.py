"""What can go wrong between a check and the application."""

from __future__ import annotations

from pytest_devsecops.core.errors import DevSecOpsError


class IdentityError(DevSecOpsError):
    """The root of this family's errors. A check turns it into an unverified verdict."""


class UnreachableError(IdentityError):
    """No response came: the connection was refused, the application crashed or hung."""


class ElsewhereError(UnreachableError):
    """The request was for a host beyond this machine that the target did not name; it was not sent."""


class FlowError(IdentityError):
    """A step that must work did not: a login of the right user, a page without its form."""
