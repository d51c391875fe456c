"""The exact request in a finding shows no secret, and keeps what the check made up."""

from __future__ import annotations

import pytest

from pytest_devsecops.identity.browser import Exchange
from pytest_devsecops.identity.evidence import as_detail
from pytest_devsecops.identity.http import Request, Response

HIDDEN = "what-nobody-may-see-0123456789"
JWT = f"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.{HIDDEN}"
ADDRESS = "https://shop.example/login"


def shown(body: str = "", answer: str = "", *, hostile: str | None = None, **headers: str) -> str:
    sent = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    request = Request("POST", ADDRESS, sent, body.encode())
    detail = as_detail(Exchange(request, Response(200, (), answer.encode(), ADDRESS)), hostile=hostile)
    return f"{detail['request']}\n{detail['response']}"


@pytest.mark.parametrize(
    "body",
    [
        f"username=ann&password={HIDDEN}",
        f"username=ann&new_password2={HIDDEN}",
        f"user%5Bpassword%5D={HIDDEN}&username=ann",
        f"old={HIDDEN}&username=ann",
        f"username=ann&client_secret={HIDDEN}",
        f'{{"username": "ann", "password": "{HIDDEN}"}}',
        f'{{"user": {{"username": "ann", "currentPassword":"{HIDDEN}"}}}}',
        f'{{"username": "ann", "refresh_token": "{HIDDEN}"}}',
    ],
)
def test_a_field_that_holds_a_secret_is_hidden_in_forms_and_in_json(body: str) -> None:
    text = shown(body)
    assert HIDDEN not in text
    assert "<secret>" in text
    assert "ann" in text


@pytest.mark.parametrize(
    "answer",
    [
        f'{{"access_token": "{HIDDEN}", "token_type": "bearer"}}',
        f'{{"token_type": "bearer", "token":"{HIDDEN}"}}',
        f"<p>bearer {JWT}</p>",
        f'{{"bearer": ["{JWT}"]}}',
    ],
)
def test_an_answer_keeps_what_it_hands_out_to_itself(answer: str) -> None:
    text = shown(answer=answer)
    assert HIDDEN not in text
    assert "bearer" in text


def test_what_the_check_made_up_and_what_an_error_is_called_stay() -> None:
    told = shown(
        '{"text": "canary1", "secretary": "bob"}',
        f'{{"code": "token_not_valid", "seen": "{JWT}"}}',
        hostile=JWT,
        Authorization=f"Bearer {JWT}",
    )
    assert told.count(JWT) == 2
    assert "canary1" in told
    assert "bob" in told
    assert "token_not_valid" in told
