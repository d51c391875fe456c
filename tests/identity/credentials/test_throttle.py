"""``throttles_login``."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Target
from pytest_devsecops.identity.family import Identity

Make = Callable[..., Target]
Checks = Callable[[Target | None], Identity]


def somebody_unknown() -> tuple[str, str]:
    return f"{secrets.token_hex(4)}@shop.example", "wrong"


def test_a_throttle_by_account_is_met(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target()).throttles_login(after=5)
    assert verdict, verdict.explain()
    assert verdict.examined == {"wrong_passwords": 5, "accounts": 2}
    assert verdict.evidence["throttled_by"] == "account"


def test_a_throttle_by_address_is_met_and_told_as_such(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target("by-address")).throttles_login(after=5)
    assert verdict, verdict.explain()
    assert verdict.evidence["throttled_by"] == "address"


def test_a_throttle_that_believes_what_the_client_says_of_its_address_is_violated(
    shop_target: Make, checks: Checks
) -> None:
    verdict = checks(shop_target("by-address", "believes-client")).throttles_login(after=5)
    assert [one.rule for one in verdict.findings] == ["throttle-evaded-by-header"], verdict.explain()
    assert "X-Forwarded-For: 203.0.113." in verdict.findings[0].detail["request"]


def test_a_throttle_that_believes_what_its_proxy_says_is_met(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target("by-address", "behind-proxy")).throttles_login(after=5)
    assert verdict, verdict.explain()
    assert verdict.evidence["throttled_by"] == "address"


@pytest.mark.parametrize("hole", ["no-throttle", "throttles-in-cookie"])
def test_a_login_that_can_be_guessed_is_violated(hole: str, shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(hole)).throttles_login(after=5)
    assert verdict.status is Status.VIOLATED
    assert [one.rule for one in verdict.findings] == ["login-not-throttled"]
    assert "asvs:v5.0.0-6.3.1" in verdict.findings[0].refs
    assert "curl" in verdict.findings[0].detail["request"]


def test_a_throttle_that_comes_later_than_allowed_is_violated(shop_target: Make, checks: Checks) -> None:
    assert checks(shop_target()).throttles_login(after=4).status is Status.VIOLATED


def test_a_lock_that_counts_by_spelling_is_violated(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target("by-spelling")).throttles_login(after=5)
    assert [one.rule for one in verdict.findings] == ["throttle-evaded-by-spelling"]


def test_a_lock_of_everybody_needs_the_reset_hook_to_be_told_from_a_broken_login(
    shop_target: Make, checks: Checks
) -> None:
    assert checks(shop_target("locks-everybody")).throttles_login(after=5).status is Status.UNVERIFIED


def test_a_login_that_does_not_work_is_unverified(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(personas={"customer": somebody_unknown})).throttles_login(after=5)
    assert verdict.status is Status.UNVERIFIED
    assert "right password did not work" in verdict.summary


def test_a_factory_that_gives_the_same_user_twice_is_unverified(shop_target: Make, checks: Checks) -> None:
    target = shop_target(personas={"customer": lambda: ("nobody@shop.example", "wrong")})
    verdict = checks(target).throttles_login(after=5)
    assert verdict.status is Status.UNVERIFIED
    assert "a second time" in verdict.summary


def test_no_target_is_unverified(checks: Checks) -> None:
    assert checks(None).throttles_login(after=5).status is Status.UNVERIFIED


def test_guessing_nothing_is_a_mistake(shop_target: Make, checks: Checks) -> None:
    with pytest.raises(UsageError, match="after=0"):
        checks(shop_target()).throttles_login(after=0)
