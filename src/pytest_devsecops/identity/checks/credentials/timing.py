"""Whether two kinds of requests take different time, with an honest "I cannot tell".

Pairs of measurements are taken alternately, so that a busy machine disturbs both sides alike. The interval
for the median of their differences comes from order statistics (the sign test), which assumes nothing about
the shape of the noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

#: At how many pairs the interval is looked at, and which order statistics bound it: each look is wrong in
#: less than 0.3 % of cases (binomial distribution with p = 1/2).
LOOKS = {10: 1, 20: 4, 40: 11}
#: A difference counts if it is a fifth of the slower kind: a skipped password hash is nearly all of it.
_SHARE = 0.2


class Answer(StrEnum):
    """What the measurements say."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of two kinds of requests; all times in seconds.

    Attributes:
        answer: what the measurements say.
        pairs: how many pairs were measured.
        medians: of the first and the second kind.
        interval: where the median of the differences lies.
        threshold: the smallest difference that counts.
    """

    answer: Answer
    pairs: int
    medians: tuple[float, float]
    interval: tuple[float, float]
    threshold: float

    def as_evidence(self) -> dict[str, object]:
        """Return it as JSON values, in milliseconds."""
        return {
            "answer": str(self.answer),
            "pairs": self.pairs,
            "median_ms": [round(one * 1000, 2) for one in self.medians],
            "difference_ms": [round(one * 1000, 2) for one in self.interval],
            "threshold_ms": round(self.threshold * 1000, 2),
        }


def compare(first: Sequence[float], second: Sequence[float], *, at_least: float) -> Comparison:
    """Compare pairs of measurements.

    Args:
        first: seconds of the first kind, as many as one of ``LOOKS``.
        second: seconds of the second kind, measured alternately with the first.
        at_least: the smallest difference in seconds that can count.
    """
    differences = sorted(one - other for one, other in zip(first, second, strict=True))
    rank = LOOKS[len(differences)]
    low, high = differences[rank - 1], differences[-rank]
    medians = (median(first), median(second))
    threshold = max(at_least, _SHARE * max(medians))
    if low > threshold or high < -threshold:
        answer = Answer.DIFFERENT
    elif -threshold < low and high < threshold:
        answer = Answer.SAME
    else:
        answer = Answer.UNDECIDED
    return Comparison(answer, len(differences), medians, (low, high), threshold)
