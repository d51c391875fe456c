"""How bad an advisory is: CVSS base scores from their vectors, or the database's own word.

CVSS version 4 scores come from a table of 270 expert rankings, which is not repeated here: an
advisory that has nothing but a version 4 vector takes the database's own word, or is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from pytest_devsecops.dependencies.advisories.model import LEVELS, UNKNOWN, Severity

#: Lower ends of the qualitative rating (CVSS v3.1 specification, section 5, table 14). A score of
#: 0 ("none") counts as low, and a version 2 score by the same table, so that nothing is rated
#: lower than its database would.
_LOWER_ENDS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.0, "low"))
_WORDS = {"moderate": "medium", "important": "high", "none": "low", **{level: level for level in LEVELS}}

# CVSS v3.1 specification, section 7.4.
_V3_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_V3_PRIVILEGES_CHANGED = {"N": 0.85, "L": 0.68, "H": 0.5}

# CVSS v2 guide, section 3.2.1.
_V2_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "AV": {"N": 1.0, "A": 0.646, "L": 0.395},
    "AC": {"L": 0.71, "M": 0.61, "H": 0.35},
    "Au": {"N": 0.704, "S": 0.56, "M": 0.45},
    "C": {"N": 0.0, "P": 0.275, "C": 0.66},
    "I": {"N": 0.0, "P": 0.275, "C": 0.66},
    "A": {"N": 0.0, "P": 0.275, "C": 0.66},
}


def rate(vectors: Iterable[tuple[str, str]], words: Iterable[str]) -> Severity:
    """Return the highest severity that a record states.

    Args:
        vectors: OSV ``severity`` entries: type (``CVSS_V3``) and score (the vector).
        words: the database's own words, such as ``MODERATE``.
    """
    found = [Severity(level_of(score), score, vector) for kind, vector in vectors for score in _score(kind, vector)]
    for word in words:
        level = _WORDS.get(word.strip().lower())
        if level is not None:
            found.append(Severity(level, None, f"the database says {word.strip()}"))
    return highest(found)


def highest(severities: Sequence[Severity]) -> Severity:
    """Return the worst known severity, the scored one first; ``unknown`` if none is known."""
    known = [one for one in severities if one.level != UNKNOWN]
    return max(known, key=lambda one: (LEVELS.index(one.level), one.score or 0.0), default=Severity())


def level_of(score: float) -> str:
    """Return the level of a CVSS base score from 0.0 to 10.0."""
    return next(level for lower, level in _LOWER_ENDS if score >= lower)


def cvss3_base_score(vector: str) -> float:
    """Return the base score of a CVSS 3.0 or 3.1 vector (v3.1 specification, section 7.1).

    Raises:
        ValueError: if a base metric is missing or has an unknown value.
    """
    metrics = _metrics(vector)
    weights = {name: _weight(table, metrics, name) for name, table in _V3_WEIGHTS.items()}
    changed = _weight({"U": 0.0, "C": 1.0}, metrics, "S") == 1.0
    if changed:
        weights["PR"] = _V3_PRIVILEGES_CHANGED[metrics["PR"]]
    base = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * weights["PR"] * weights["UI"]
    return _round_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def cvss2_base_score(vector: str) -> float:
    """Return the base score of a CVSS 2 vector (v2 guide, section 3.2.1).

    Raises:
        ValueError: if a base metric is missing or has an unknown value.
    """
    metrics = _metrics(vector.strip("()"))
    weights = {name: _weight(table, metrics, name) for name, table in _V2_WEIGHTS.items()}
    impact = 10.41 * (1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"]))
    exploitability = 20 * weights["AV"] * weights["AC"] * weights["Au"]
    return round((0.6 * impact + 0.4 * exploitability - 1.5) * (1.176 if impact else 0.0), 1)


_SCORES: Mapping[str, Callable[[str], float]] = {"CVSS_V3": cvss3_base_score, "CVSS_V2": cvss2_base_score}


def _score(kind: str, vector: str) -> list[float]:
    """Return the vector's score in a list, which is empty if it cannot be computed: then it is unknown."""
    try:
        return [_SCORES[kind](vector)] if kind in _SCORES else []
    except ValueError:
        return []


def _metrics(vector: str) -> dict[str, str]:
    return dict(_pair(part) for part in vector.strip().split("/"))


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition(":")
    return name, value


def _weight(table: Mapping[str, float], metrics: Mapping[str, str], name: str) -> float:
    value = metrics.get(name)
    if value is None or value not in table:
        msg = f"{name} is {value!r}, not one of {', '.join(table)}"
        raise ValueError(msg)
    return table[value]


def _round_up(score: float) -> float:
    """Round up to one decimal without binary noise (v3.1 specification, appendix A)."""
    scaled = round(score * 100_000)
    return scaled / 100_000 if scaled % 10_000 == 0 else (math.floor(scaled / 10_000) + 1) / 10
