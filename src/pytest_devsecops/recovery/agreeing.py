"""What a user's ``agrees=`` says of a restored composite: every answer that a check may give means something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import counted
from pytest_devsecops.recovery.model import Environment, Store

_SHOWN, _COUNTED = 5, 1_000_000


def judge_agreement(store: Store, environment: Environment) -> list[Finding]:
    """Ask the store's ``agrees=`` about the restored target.

    Args:
        store: the recipe; without ``agrees=`` nothing is asked.
        environment: the target's variables, as the check gets them.

    Returns:
        Nothing if the parts agree (True, None, nothing torn); a violation that counts what is torn (False, a
        number, a text, a mapping or anything else that can be gone through, a generator too; an assertion that
        failed); or an unverified finding if the check raises anything else, or answers with what says nothing.
    """
    if store.options.agrees is None:
        return []
    try:
        count, shown = _torn(store.options.agrees(environment))
    except AssertionError as error:
        count, shown = -1, str(error)
    except Exception as error:  # noqa: BLE001 - the user's check may raise anything; that is told
        return [_unknown(store, f"agrees= could not look at what was restored: {type(error).__name__}: {error}")]
    if count is None:
        return [_unknown(store, f"agrees= answered with {shown}, which says nothing")]
    if not count:
        return []
    message = "the parts do not agree" + (f": {counted(count, 'torn pair')}" if count > 0 else "")
    fix = "back up the parts at one moment, or the one that refers first"
    return [Finding("torn", store.label, f"{message}: {shown}" if shown else message, fix=fix)]


def _torn(answer: object) -> tuple[int | None, str]:
    """Return how many pairs are torn (-1 if only that is known, None if nothing is), and the first of them."""
    if answer is None or isinstance(answer, bool):
        return (-1 if answer is False else 0), ""
    if isinstance(answer, int):
        return abs(answer), ""
    if isinstance(answer, str):
        return int(bool(answer)), answer
    if not isinstance(answer, Iterable):
        return None, f"an {type(answer).__name__}" if type(answer).__name__[0] in "aeiou" else type(answer).__name__
    pairs = iter(answer.items() if isinstance(answer, Mapping) else answer)
    first = list(islice(pairs, _SHOWN))
    rest = sum(1 for _ in islice(pairs, _COUNTED))
    return len(first) + rest, ", ".join(str(one) for one in first)


def _unknown(store: Store, message: str) -> Finding:
    fix = "let it return what is torn; if what it looks for is not there, see the other findings"
    return Finding("agreement-unknown", store.label, message, fix=fix, status=Status.UNVERIFIED)
