"""Errors that name their cause, their place and their remedy."""

from __future__ import annotations

from collections.abc import Sequence


class DevSecOpsError(Exception):
    """The root of every error that this package raises on purpose.

    Args:
        message: what is wrong, in one sentence.
        place: where it was seen (``file``, ``file:line`` or a key path); empty if there is none.
        remedy: what the reader can do about it; empty if the message already says so.
    """

    def __init__(self, message: str, *, place: str = "", remedy: str = "") -> None:
        self.message = message
        self.place = place
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} ({self.remedy})" if self.remedy else text


class UsageError(DevSecOpsError):
    """A call that cannot mean anything: a bad argument, an empty combination."""


class MissingExtraError(DevSecOpsError):
    """An optional package is not installed.

    Args:
        feature: what was asked for, as a noun phrase.
        extra: the extra of this distribution that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        self.extra = extra
        super().__init__(
            f"{feature} needs a package that is not installed",
            remedy=f"pip install 'pytest-devsecops[{extra}]'",
        )


class ProblemsError(DevSecOpsError):
    """Several problems of one document, told all at once.

    Args:
        document: the document they were found in.
        problems: one line each, with its key path first; never empty.
    """

    def __init__(self, document: str, problems: Sequence[str]) -> None:
        self.document = document
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{document}: {count}", *(f"  {line}" for line in problems)]))


class PolicyError(ProblemsError):
    """The policy cannot be used; every problem in it is listed with its key path."""
