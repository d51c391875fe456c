"""One test for each of several values, asked for by a part that knows no pytest.

The plugin parametrises what is marked here, as ``@pytest.mark.parametrize`` would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

#: The attribute of a test function or class that holds its ``Values``.
ATTRIBUTE = "_devsecops_values"

Test = TypeVar("Test", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Values:
    """What a test is run with.

    Attributes:
        argument: the test's argument.
        texts: its values, which are the ids of the tests as well: stable, in one order in every process.
    """

    argument: str
    texts: tuple[str, ...]


def one_test_for_each(values: Values) -> Callable[[Test], Test]:
    """Return a decorator for a test function or class."""

    def mark(test: Test) -> Test:
        setattr(test, ATTRIBUTE, values)
        return test

    return mark
