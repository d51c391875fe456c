import json
import re
from pathlib import Path

import pytest

from pytest_devsecops import Finding, Location

ROOT = Path(__file__).parents[1]


@pytest.mark.security("IMG-1", "Images are pinned by digest", owner="platform", severity="high")
def test_images_are_pinned(devsecops):
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    images = [(number, line.split()[1]) for number, line in enumerate(lines, 1) if line.startswith("FROM ")]
    findings = [
        Finding(
            rule="image-not-pinned",
            subject=image,
            message=f"{image} can change from one build to the next",
            fix="add the digest: IMAGE@sha256:…",
            location=Location("Dockerfile", number),
        )
        for number, image in images
        if not re.search(r"@sha256:[0-9a-f]{64}$", image)
    ]
    assert devsecops.verdict(
        "images.pinned",
        examined={"images": len(images), "in": "Dockerfile"},
        findings=findings,
        summary="every image is pinned",
    )


@pytest.mark.security("OPS-1", "Every administrator has a second factor or a passkey", owner="security")
def test_admins_are_protected(devsecops):
    admins = [account for account in json.loads((ROOT / "accounts.json").read_text()) if account["admin"]]
    assert devsecops.verdict(
        "admins.protected",
        examined={"administrators": len(admins)},
        findings=[f"{one['name']} has neither" for one in admins if not (one["mfa"] or one["passkey"])],
        summary="all of them have one",
        fix="have them register one",
    )


@pytest.mark.security("OPS-2", "Service accounts have no password", owner="platform")
def test_service_accounts_have_no_password(devsecops):
    # There is none in the file: nothing was examined, so this is unverified, not met.
    services = [account for account in json.loads((ROOT / "accounts.json").read_text()) if account.get("service")]
    assert devsecops.verdict(
        "services.without_password",
        ok=not any(account.get("password") for account in services),
        examined={"service accounts": len(services)},
    )
