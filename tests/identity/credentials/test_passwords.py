"""``passwords_follow_policy``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Target
from pytest_devsecops.identity.family import Identity

Make = Callable[..., Target]
Checks = Callable[[Target | None], Identity]


def test_a_good_policy_is_met(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target()).passwords_follow_policy()
    assert verdict, verdict.explain()
    assert verdict.examined == {"bad_passwords": 10, "good_passwords": 7, "by": "registration"}


@pytest.mark.parametrize(
    ("hole", "rules"),
    [
        ("takes-anything", {"password-too-short", "common-password", "password-is-username"}),
        ("common", {"common-password"}),
        ("composition", {"composition-rules"}),
        ("short-maximum", {"refuses-long-password"}),
        ("no-spaces", {"refuses-spaces"}),
        ("ignores-case", {"ignores-case"}),
        ("truncates", {"truncates-password"}),
        ("trims", {"trims-password"}),
    ],
)
def test_each_hole_is_found(hole: str, rules: set[str], shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(hole)).passwords_follow_policy()
    assert verdict.status is Status.VIOLATED
    assert {one.rule for one in verdict.findings} == rules, verdict.explain()


def test_a_minimum_of_15_is_asked_for_where_the_password_stands_alone(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target()).passwords_follow_policy(minimum=15)
    assert "password-too-short" in [one.rule for one in verdict.findings]


def test_without_a_hook_it_is_unverified(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(register=None)).passwords_follow_policy()
    assert verdict.status is Status.UNVERIFIED
    assert "register" in verdict.summary


def test_a_registration_that_does_nothing_is_unverified(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(register=lambda browser, _: browser.get("/login"))).passwords_follow_policy()
    assert verdict.status is Status.UNVERIFIED
    assert "registration with a good password did not work" in verdict.summary
