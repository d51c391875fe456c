"""``@forged_tokens()``: one test for each attack of the battery."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_devsecops.core.parametrising import Values, one_test_for_each

if TYPE_CHECKING:
    from pytest_devsecops.core.parametrising import Test


def forged_tokens(*attacks: str, argument: str = "attack") -> Callable[[Test], Test]:
    """Run a test once for each attack, which has the attack's name for its id: ``test_tokens[alg-none/NonE]``.

    An attack that cannot be made from what is known of the application's tokens is told as such by its own
    verdict, as it is by the check over the whole battery.

    Args:
        attacks: names of classes (``"kid"``) or of single attacks (``"kid/SQL quote"``); all by default.
        argument: the test's argument that gets the name, to be passed on as ``attacks=``.

    Raises:
        UsageError: if a name is neither.
    """
    from pytest_devsecops.identity.tokens.battery import select

    return one_test_for_each(Values(argument, tuple(attack.name for attack in select(attacks))))
