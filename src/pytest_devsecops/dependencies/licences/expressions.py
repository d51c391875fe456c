"""SPDX licence expressions as trees, and their evaluation (SPDX 3.0, annex B; PEP 639)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import reduce

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_TOKEN = re.compile(r"[()]|[^\s()]+")
#: SPDX replaced the plain ids and the plus of the GNU licences by ``-only`` and ``-or-later``.
_OLD_GNU = re.compile(r"(?P<id>(?:A|L)?GPL-\d\.\d|GFDL-\d\.\d)(?P<plus>\+?)")
_OR_LATER = "-or-later"


@dataclass(frozen=True, slots=True)
class Term:
    """One licence, with the exception that extends it, if any."""

    licence: str
    exception: str = ""

    def __str__(self) -> str:
        return f"{self.licence} WITH {self.exception}" if self.exception else self.licence


@dataclass(frozen=True, slots=True)
class Both:
    """Every part applies at once (``AND``)."""

    parts: frozenset[Expression]

    def __str__(self) -> str:
        return " AND ".join(sorted(f"({part})" if isinstance(part, Choice) else str(part) for part in self.parts))


@dataclass(frozen=True, slots=True)
class Choice:
    """The user picks one part (``OR``)."""

    parts: frozenset[Expression]

    def __str__(self) -> str:
        return " OR ".join(sorted(str(part) for part in self.parts))


Expression = Term | Both | Choice


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a policy accepts an expression, and if not, which licences are to blame."""

    accepted: bool
    denied: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()

    @property
    def reason(self) -> str:
        """Why it is not accepted, as the end of a sentence."""
        parts = [
            f"{', '.join(sorted(names))} {verb} {words}"
            for names, words in ((self.denied, "denied by the policy"), (self.unlisted, "not on the allow list"))
            if names
            for verb in ["is" if len(names) == 1 else "are"]
        ]
        return " and ".join(parts)


def parse(text: str) -> Expression:
    """Return the tree of an SPDX licence expression.

    Raises:
        ValueError: if it is none, or names a licence or exception that is not on the SPDX list.
    """
    try:
        canonical = canonicalize_license_expression(text)
    except InvalidLicenseExpression as error:
        raise ValueError(str(error)) from None
    tokens = _TOKEN.findall(canonical)
    return _parse_choice(tokens)


def terms(expression: Expression) -> Iterator[Term]:
    """Yield every licence that the expression names."""
    if isinstance(expression, Term):
        yield expression
    else:
        for part in expression.parts:
            yield from terms(part)


def rule(expression: Expression, allow: Collection[Expression], deny: Collection[Expression]) -> Ruling:
    """Judge an expression: ``AND`` needs all of its parts, ``OR`` one, and what is denied never counts.

    An empty allow list accepts whatever is not denied.
    """
    if isinstance(expression, Term):
        return _rule_term(expression, allow, deny)
    if expression in deny:
        return Ruling(accepted=False, denied=frozenset({str(expression)}))
    if expression in allow:
        return Ruling(accepted=True)
    parts = [rule(part, allow, deny) for part in expression.parts]
    accepted = [part.accepted for part in parts]
    if all(accepted) if isinstance(expression, Both) else any(accepted):
        return Ruling(accepted=True)
    return reduce(_both_reasons, parts)


def _both_reasons(one: Ruling, other: Ruling) -> Ruling:
    return Ruling(accepted=False, denied=one.denied | other.denied, unlisted=one.unlisted | other.unlisted)


def _rule_term(term: Term, allow: Collection[Expression], deny: Collection[Expression]) -> Ruling:
    # An exception only adds permissions, so whoever accepts the licence accepts it with one; whoever
    # denies the licence may still name the pair on the allow list (GPL with the Classpath exception).
    if term.exception and term in allow and term not in deny:
        return Ruling(accepted=True)
    covering = list(_covering(term))
    if any(one in deny for one in covering):
        return Ruling(accepted=False, denied=frozenset({str(term)}))
    if not allow or any(one in allow for one in covering):
        return Ruling(accepted=True)
    return Ruling(accepted=False, unlisted=frozenset({str(term)}))


def _covering(term: Term) -> Iterator[Term]:
    """Yield the terms whose listing decides about ``term``: itself, and this version of it alone.

    "Or later" offers the version that it names, so listing that version is enough to accept it, and
    denying that version is meant for it as well.
    """
    for exception in dict.fromkeys((term.exception, "")):
        yield Term(term.licence, exception)
        if term.licence.endswith(_OR_LATER):
            yield Term(f"{term.licence.removesuffix(_OR_LATER)}-only", exception)
        elif term.licence.endswith("+"):
            yield Term(term.licence.removesuffix("+"), exception)


def _parse_choice(tokens: list[str]) -> Expression:
    parts = [_parse_both(tokens)]
    while tokens and tokens[0] == "OR":
        tokens.pop(0)
        parts.append(_parse_both(tokens))
    return parts[0] if len(parts) == 1 else _choice(parts)


def _parse_both(tokens: list[str]) -> Expression:
    parts = [_parse_one(tokens)]
    while tokens and tokens[0] == "AND":
        tokens.pop(0)
        parts.append(_parse_one(tokens))
    if len(parts) == 1:
        return parts[0]
    flat = frozenset(inner for part in parts for inner in (part.parts if isinstance(part, Both) else {part}))
    return Both(flat) if len(flat) > 1 else next(iter(flat))


def _parse_one(tokens: list[str]) -> Expression:
    word = tokens.pop(0)
    if word == "(":
        inner = _parse_choice(tokens)
        tokens.pop(0)
        return inner
    licence = _current_id(word)
    if tokens and tokens[0] == "WITH":
        tokens.pop(0)
        return Term(licence, tokens.pop(0))
    return Term(licence)


def _choice(parts: list[Expression]) -> Expression:
    flat = frozenset(inner for part in parts for inner in (part.parts if isinstance(part, Choice) else {part}))
    return Choice(flat) if len(flat) > 1 else next(iter(flat))


def _current_id(token: str) -> str:
    found = _OLD_GNU.fullmatch(token)
    if found is None:
        return token
    return found["id"] + (_OR_LATER if found["plus"] else "-only")
