"""From the licence metadata of a distribution to SPDX expressions, with how they were found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pytest_devsecops.dependencies.licences.aliases import CLASSIFIERS, SAYING_NOTHING, by_text
from pytest_devsecops.dependencies.licences.expressions import Expression, Term, parse, terms
from pytest_devsecops.dependencies.model import Licence

_EMPTY_TEXTS = frozenset({"", "unknown", "none", "n/a", "license", "see license", "see license file"})
_TITLE_END = re.compile(r",?\s+january 2004.*", re.IGNORECASE | re.DOTALL)
_TITLE_LENGTH = 120


class Basis(StrEnum):
    """What the licence of a dependency was told by."""

    EXPRESSION = "expression"
    CLASSIFIER = "classifier"
    TEXT = "licence field"
    TEXT_AND_CLASSIFIER = "licence field and classifier"
    POLICY = "policy"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stated:
    """What a dependency's licence can be.

    Attributes:
        candidates: every expression that the metadata can mean; one of them is right. Empty if
            nothing is known.
        basis: what told them.
        words: what the metadata says, shortened.
        notes: contradictions and words that were not understood.
    """

    candidates: tuple[Expression, ...]
    basis: Basis
    words: str = ""
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The candidates as text: ``BSD-2-Clause or BSD-3-Clause``."""
        return ", or ".join(str(one) for one in self.candidates) or "unknown"


def read_licence(licence: Licence) -> Stated:
    """Return what the metadata says.

    PEP 639: a ``License-Expression`` decides, and the older fields beside it count for nothing.
    Without one, classifiers and the free text must agree; where they do not, each of them may be right.
    """
    if licence.expression:
        return _by_expression(licence)
    texts = text_candidates(licence.text)
    named = [one for one in licence.classifiers if one not in SAYING_NOTHING]
    known = {one: tuple(map(parse, CLASSIFIERS[one])) for one in named if one in CLASSIFIERS}
    strange = tuple(f"nobody knows which licence {one!r} is" for one in named if one not in CLASSIFIERS)
    words = "; ".join([*(one.removeprefix("License :: ") for one in named), *_short(licence.text)])
    if strange:
        return Stated((), Basis.UNKNOWN, words, strange)
    if not texts:
        notes = (f"the licence field was not understood: {_short(licence.text)[0]!r}",) if _short(licence.text) else ()
        basis = Basis.CLASSIFIER if known else Basis.UNKNOWN
        return Stated(_distinct([one for group in known.values() for one in group]), basis, words, notes)
    if not known:
        return Stated(texts, Basis.TEXT, words)
    return _by_both(texts, known, words)


def text_candidates(text: str) -> tuple[Expression, ...]:
    """Return what the free text ``License`` can mean: an expression, a common name, or a licence's title."""
    if text.strip().lower() in _EMPTY_TEXTS:
        return ()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1:
        try:
            return (parse(lines[0]),)
        except ValueError:
            return tuple(map(parse, by_text(lines[0])))
    # The whole licence was put into the field; its title is its first two lines, or its first.
    titles = (_TITLE_END.sub("", " ".join(lines[:2])), lines[0])
    found = next((candidates for candidates in map(by_text, titles) if candidates), ())
    return tuple(map(parse, found))


def _by_expression(licence: Licence) -> Stated:
    try:
        expression = parse(licence.expression)
    except ValueError as error:
        return Stated((), Basis.UNKNOWN, licence.expression, (f"its License-Expression is not valid: {error}",))
    ids = {term.licence for term in terms(expression)}
    notes = tuple(
        f"the classifier {one!r} disagrees with the License-Expression, which counts"
        for one in licence.classifiers
        if one in CLASSIFIERS
        and ids.isdisjoint(term.licence for text in CLASSIFIERS[one] for term in terms(parse(text)))
    )
    return Stated((expression,), Basis.EXPRESSION, licence.expression, notes)


def _by_both(texts: tuple[Expression, ...], known: dict[str, tuple[Expression, ...]], words: str) -> Stated:
    """Let the free text narrow ambiguous classifiers; keep every classifier that it does not explain."""
    ids = {Term(term.licence) for text in texts for term in terms(text)}
    all_known = {one for group in known.values() for one in group}
    narrowed = tuple(one for one in texts if one in all_known) if len(texts) > 1 else ()
    unexplained = {name: group for name, group in known.items() if ids.isdisjoint(group)}
    notes = tuple(f"the licence field does not mention {name!r}" for name in unexplained)
    others = [one for group in unexplained.values() for one in group]
    return Stated(_distinct([*(narrowed or texts), *others]), Basis.TEXT_AND_CLASSIFIER, words, notes)


def _distinct(candidates: list[Expression]) -> tuple[Expression, ...]:
    return tuple(dict.fromkeys(candidates))


def _short(text: str) -> list[str]:
    if text.strip().lower() in _EMPTY_TEXTS:
        return []
    line = " ".join(text.split())
    return [line if len(line) <= _TITLE_LENGTH else line[:_TITLE_LENGTH] + "…"]
