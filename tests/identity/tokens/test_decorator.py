"""``@forged_tokens()`` gives one test for each attack."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow

_APPLICATION = """
import base64, hashlib, hmac, json, secrets, time
import pytest
from pytest_devsecops.identity import bearer, wsgi_target

SECRET = b"a secret that nobody guesses, of more than 32 bytes"
HOLES = set()

def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

def signature(data):
    return b64(hmac.digest(SECRET, data.encode(), hashlib.sha256))

def mint(persona):
    claims = {"sub": persona.username, "exp": int(time.time()) + 600}
    data = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{data}.{signature(data)}"

def subject(token):
    if "closed" in HOLES:
        raise ValueError(token)
    data, _, signed = token.rpartition(".")
    head, payload = (json.loads(unb64(part)) for part in data.split("."))
    if not ("none" in HOLES and head["alg"] == "none") and not hmac.compare_digest(signed, signature(data)):
        raise ValueError(token)
    return payload["sub"]

def application(environ, start_response):
    try:
        name = subject(environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer "))
    except Exception:
        start_response("401 no", [("Content-Type", "text/plain")])
        return [b"sign in"]
    start_response("200 ok", [("Content-Type", "text/plain")])
    return [str(name).encode()]

@pytest.fixture
def identity_target():
    personas = {"customer": lambda: (f"customer-{secrets.token_hex(4)}", "unused")}
    return wsgi_target(application, personas=personas, login=bearer(mint), whoami="/me")
"""
_TEST = """
from conftest import HOLES
from pytest_devsecops.identity import forged_tokens

HOLES.update({holes})

@forged_tokens({attacks})
def test_tokens(identity, attack):
    assert identity.refuses_forged_tokens(at="/me", attacks=attack)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(_APPLICATION)
    pytester.makeini("[pytest]\nfilterwarnings = error\npythonpath = .")
    return pytester


def _write(project: pytest.Pytester, attacks: str, holes: str = "()") -> None:
    project.makepyfile(_TEST.format(attacks=attacks, holes=holes))


def test_each_attack_is_a_test_with_its_name(project: pytest.Pytester) -> None:
    _write(project, '"alg-none/none", "signature"')
    result = project.runpytest("-v")
    result.stdout.fnmatch_lines(["*test_tokens?alg-none/none? PASSED*", "*test_tokens?signature/zeros? PASSED*"])
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] > 25


def test_the_attack_that_gets_in_fails_alone(project: pytest.Pytester) -> None:
    _write(project, '"alg-none/none", "alg-none/NonE", "signature/zeros"', '{"none"}')
    result = project.runpytest("-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*test_tokens?alg-none/none? FAILED*", "*accepts-forged-token*"])


def test_a_failed_control_fails_every_one_as_unverified(project: pytest.Pytester) -> None:
    _write(project, '"alg-none/none", "signature/zeros"', '{"closed"}')
    result = project.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*unverified: identity.refuses_forged_tokens*"])


def test_an_attack_that_cannot_be_made_says_so(project: pytest.Pytester) -> None:
    project.makepyfile(
        _TEST.format(attacks='"rsa/s=0"', holes="()")
        + '    assert "does not apply" in identity.refuses_forged_tokens(at="/me", attacks=attack).summary\n'
    )
    project.runpytest().assert_outcomes(passed=1)


def test_by_default_there_is_a_test_for_every_attack(project: pytest.Pytester) -> None:
    _write(project, "")
    result = project.runpytest("--collect-only", "-q")
    assert result.parseoutcomes()["test" if "test" in result.parseoutcomes() else "tests"] > 680


def test_the_ids_are_the_same_in_every_worker(project: pytest.Pytester) -> None:
    _write(project, '"alg-none"')
    result = project.runpytest_subprocess("-n", "2", "-q")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 20


def test_a_class_of_tests_and_another_argument(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        from pytest_devsecops.identity import forged_tokens

        @forged_tokens("alg-none/none", "kid/SQL quote", argument="name")
        class TestTokens:
            def test_refused(self, identity, name):
                assert identity.refuses_forged_tokens(at="/me", attacks=name)
        """
    )
    project.runpytest().assert_outcomes(passed=2)


def test_a_name_that_is_no_attack_is_told_when_tests_are_collected(project: pytest.Pytester) -> None:
    _write(project, '"alg-nine"')
    result = project.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no class of attacks 'alg-nine'*"])
