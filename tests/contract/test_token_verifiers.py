"""The battery of forged tokens against real verifiers, each in its own virtual environment.

The environments are made from the package index on first use and kept in ``.venvs/verifiers``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from pytest_devsecops.core.findings import Status
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.identity import Persona, bearer, url_target
from pytest_devsecops.identity.family import Identity
from pytest_devsecops.identity.section import IdentityPolicy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "tests" / "assets" / "identity" / "token_verifiers" / "service.py"
ENVIRONMENTS = ROOT / ".venvs" / "verifiers" / f"py{sys.version_info.major}.{sys.version_info.minor}"
ISSUER, AUDIENCE = "https://issuer.example", "orders"


@dataclass(frozen=True)
class Case:
    """A verifier and what the battery must find.

    Attributes:
        packages: what to install.
        verifier: the function of the service.
        algorithm: what the issuer signs with.
        finds: an attack of each class by which the verifier falls; nothing else may be reported.
    """

    packages: str
    verifier: str
    algorithm: str
    finds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.packages.replace(' cryptography', '')} {self.verifier} {self.algorithm}"


#: An extension that is critical and unknown; PyJWT learned of ``crit`` in 2.12, Authlib in 1.6.4.
CRIT = "crit/unknown"
SSH = ("hmac-public-key/HS256 SSH", CRIT)
KNOWN_BAD = (
    Case("pyjwt==1.7.1 cryptography", "pyjwt_unpinned", "ES256", SSH),
    Case("pyjwt==2.3.0 cryptography", "pyjwt_unpinned", "ES256", SSH),
    Case("pyjwt==2.10.0 cryptography", "pyjwt_pinned", "ES256", ("issuer/prefix", CRIT)),
    Case("authlib==1.3.0", "authlib_default", "RS256", ("hmac-public-key/HS256 SPKI PEM", CRIT)),
    Case("authlib==1.6.3", "authlib_default", "RS256", ("alg-none/none", "garbage/two algorithms, none last", CRIT)),
    Case("jwcrypto==1.3.1", "jwcrypto_any", "RS256", ("jwe/RSA-OAEP, plain claims",)),
    Case("python_jwt==3.3.2", "python_jwt", "RS256", ("json-serialisation/compact in a key",)),
)
KNOWN_GOOD = (
    Case("joserfc==1.8.0", "joserfc_strict", "ES256"),
    Case("joserfc==1.8.0", "joserfc_strict", "HS256"),
    Case("pyjwt==2.15.1 cryptography", "pyjwt_pinned", "RS256"),
)


def python_with(packages: str) -> Path:
    """Return the interpreter of an environment that has the packages; made on first use.

    Without the package index it skips, except in CI.
    """
    home = ENVIRONMENTS / packages.split(maxsplit=1)[0].replace("==", "-")
    if not home.exists():
        making = home.with_name(f"{home.name}.{os.getpid()}")
        venv.create(making, with_pip=False, symlinks=True)
        command = [sys.executable, "-m", "pip", "--python", str(making / "bin" / "python"), "install", "--quiet"]
        made = subprocess.run([*command, *packages.split()], capture_output=True, text=True, check=False)
        if made.returncode:
            shutil.rmtree(making)
            message = f"{packages} cannot be installed: {made.stderr[-400:]}"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
        try:
            making.rename(home)
        except OSError:  # another process was first
            shutil.rmtree(making)
    return home / "bin" / "python"


def new_key(algorithm: str) -> ECKey | RSAKey | OctKey:
    if algorithm.startswith("HS"):
        return OctKey.import_key(secrets.token_hex(32), {"kid": "current"})
    if algorithm.startswith("RS"):
        return RSAKey.generate_key(2048, {"kid": "current"})
    return ECKey.generate_key("P-256", {"kid": "current"})


def configuration(key: ECKey | RSAKey | OctKey, algorithm: str) -> dict[str, Any]:
    found: dict[str, Any] = {"alg": algorithm, "issuer": ISSUER, "audience": AUDIENCE}
    if isinstance(key, OctKey):
        return {**found, "secret": key.raw_value.decode(), "pem": "", "ssh": "", "jwk": {}, "private_jwk": {}}
    pem = key.as_pem(private=False)
    ssh = load_pem_public_key(pem).public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    jwks = {"jwk": key.as_dict(private=False), "private_jwk": key.as_dict(private=True)}
    return {**found, "secret": "", "pem": pem.decode(), "ssh": ssh, **jwks}


@contextmanager
def serving(case: Case, configured: dict[str, Any], folder: Path) -> Iterator[int]:
    file = folder / "configuration.json"
    file.write_text(json.dumps(configured))
    command = [str(python_with(case.packages)), str(SERVICE), case.verifier, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def examined(case: Case, folder: Path) -> Verdict:
    key = new_key(case.algorithm)

    def mint(persona: Persona) -> str:
        now = int(time.time())
        claims = {"sub": persona.username, "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 600}
        return jwt.encode({"alg": case.algorithm, "kid": "current", "typ": "JWT"}, claims, key)

    given: dict[str, Any] = {"issuer_key": key.raw_value if isinstance(key, OctKey) else key.as_pem(private=True)}
    if not isinstance(key, OctKey):
        given["jwks"] = {"keys": [key.as_dict(private=False)]}
    with serving(case, configuration(key, case.algorithm), folder) as port:
        target = url_target(
            f"http://127.0.0.1:{port}",
            personas={"customer": lambda: (f"customer-{secrets.token_hex(4)}", "unused")},
            login=bearer(mint),
            whoami="/me",
        )
        identity = Identity(target, IdentityPolicy(), record=lambda verdict: verdict)
        try:
            return identity.refuses_forged_tokens(at="/me", **given)
        finally:
            identity.close()


@pytest.mark.parametrize("case", KNOWN_BAD, ids=str)
def test_a_known_bad_verifier_is_violated_by_what_it_is_known_for(case: Case, tmp_path: Path) -> None:
    verdict = examined(case, tmp_path)
    assert verdict.status is Status.VIOLATED, verdict.explain()
    found = {one.subject for one in verdict.findings}
    assert set(case.finds) <= found, verdict.explain()
    assert {one.partition("/")[0] for one in found} == {one.partition("/")[0] for one in case.finds}, verdict.explain()


@pytest.mark.parametrize("case", KNOWN_GOOD, ids=str)
def test_a_known_good_verifier_is_met(case: Case, tmp_path: Path) -> None:
    verdict = examined(case, tmp_path)
    assert verdict.status is Status.MET, verdict.explain()
    assert int(verdict.examined["attacks"]) > 500  # type: ignore[arg-type] # a number
