from __future__ import annotations

import pytest

from pytest_devsecops.dependencies.advisories.model import Severity
from pytest_devsecops.dependencies.advisories.severity import cvss2_base_score, cvss3_base_score, level_of, rate


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H/E:P/RL:O/RC:C", 7.5),
    ],
)
def test_base_scores_of_version_3_are_those_of_the_specification(vector: str, score: float) -> None:
    assert cvss3_base_score(vector) == score


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 7.8),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", 10.0),
        ("(AV:L/AC:H/Au:N/C:C/I:C/A:C)", 6.2),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:N", 0.0),
    ],
)
def test_base_scores_of_version_2_are_those_of_the_guide(vector: str, score: float) -> None:
    assert cvss2_base_score(vector) == score


@pytest.mark.parametrize("vector", ["", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "high"])
def test_a_vector_without_its_base_metrics_has_no_score(vector: str) -> None:
    with pytest.raises(ValueError, match="is"):
        cvss3_base_score(vector)
    assert rate([("CVSS_V3", vector)], []) == Severity()


@pytest.mark.parametrize(
    ("score", "level"), [(0.0, "low"), (3.9, "low"), (4.0, "medium"), (7.0, "high"), (8.9, "high"), (9.0, "critical")]
)
def test_levels_begin_where_the_rating_scale_says(score: float, level: str) -> None:
    assert level_of(score) == level


def test_the_worst_of_everything_that_a_record_states_counts() -> None:
    medium = ("CVSS_V3", "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N")
    assert rate([medium], ["HIGH"]).level == "high"
    assert rate([medium], ["low"]) == Severity("medium", 6.1, medium[1])


def test_the_database_s_own_word_counts_where_a_score_is_not_computed() -> None:
    version_4 = ("CVSS_V4", "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N")
    assert rate([version_4], ["MODERATE"]) == Severity("medium", None, "the database says MODERATE")
    assert rate([version_4], []) == Severity("unknown", None, "")
    assert rate([], ["whatever"]).level == "unknown"
