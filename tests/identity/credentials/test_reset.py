"""``reset_is_safe``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.identity import Clock, Target
from pytest_devsecops.identity.family import Identity

Make = Callable[..., Target]
Checks = Callable[[Target | None], Identity]


def test_a_safe_reset_is_met(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target()).reset_is_safe(expires=timedelta(hours=2))
    assert verdict, verdict.explain()
    assert verdict.examined["links"] == 5


def test_without_a_clock_the_rest_is_examined_and_expiry_told_as_not_examined(
    shop_target: Make, checks: Checks
) -> None:
    verdict = checks(shop_target(clock=None)).reset_is_safe()
    assert verdict, verdict.explain()
    assert verdict.evidence["not_examined"] == ["expiry: the target has no clock"]


def test_an_expiry_that_is_asked_for_needs_a_clock(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(clock=None)).reset_is_safe(expires=timedelta(hours=2))
    assert verdict.status is Status.UNVERIFIED
    assert "clock" in verdict.summary


def test_a_clock_that_does_not_move_is_unverified(shop_target: Make, checks: Checks) -> None:
    stuck = Clock(lambda _: None, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    verdict = checks(shop_target(clock=stuck)).reset_is_safe()
    assert [one.rule for one in verdict.findings] == ["clock-does-not-move"]


@pytest.mark.parametrize(
    ("hole", "rule"),
    [
        ("counts-up", "reset-link-guessable"),
        ("hash-of-name", "reset-link-guessable"),
        ("compares-start", "reset-link-altered"),
        ("binding", "reset-not-bound"),
        ("sessions-survive", "session-survives-reset"),
        ("link-stays", "reset-link-works-twice"),
        ("older-link-stays", "older-reset-link-works"),
        ("link-from-host", "reset-link-from-host-header"),
        ("secret-in-answer", "reset-secret-in-answer"),
        ("never-expires", "reset-link-does-not-expire"),
    ],
)
def test_each_hole_is_found(hole: str, rule: str, shop_target: Make, checks: Checks) -> None:
    target = shop_target(hole)
    verdict = checks(target).reset_is_safe(expires=timedelta(hours=2))
    assert verdict.status is Status.VIOLATED
    assert rule in [one.rule for one in verdict.findings], verdict.explain()

    assert target.hooks.mailbox is not None
    sent = {found for mail in target.hooks.mailbox() for found in re.findall(r"secret=([\w-]+)", mail)}
    shown = json.dumps([dict(one.detail) for one in verdict.findings])
    assert not [secret for secret in sent if secret in shown]


@pytest.mark.parametrize("way", ["form-names", "form-asks"])
def test_a_form_that_names_the_account_is_met_if_the_secret_decides(
    way: str, shop_target: Make, checks: Checks
) -> None:
    verdict = checks(shop_target(way)).reset_is_safe(expires=timedelta(hours=2))
    assert verdict, verdict.explain()
    assert "binding" not in verdict.evidence


@pytest.mark.parametrize("way", ["form-names", "form-asks"])
def test_a_form_that_decides_whose_password_is_set_is_found(way: str, shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(way, "form-decides")).reset_is_safe(expires=timedelta(hours=2))
    assert [one.rule for one in verdict.findings] == ["reset-not-bound"], verdict.explain()


def test_a_reset_that_sends_nothing_is_unverified(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(mailbox=list)).reset_is_safe()
    assert verdict.status is Status.UNVERIFIED
    assert "no new message" in verdict.summary


def test_missing_hooks_are_named(shop_target: Make, checks: Checks) -> None:
    verdict = checks(shop_target(request_reset=None, mailbox=None)).reset_is_safe()
    assert verdict.status is Status.UNVERIFIED
    assert {"request_reset", "mailbox"} <= {word for one in verdict.findings for word in one.message.split()} | {
        one.message.split(" no ")[1].split(",")[0] for one in verdict.findings
    }
