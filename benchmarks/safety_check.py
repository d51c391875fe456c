"""Times safety's ``check`` in an environment that has it; started by ``bench_advisories.py``.

Standard input: ``{"database": FOLDER, "pins": {SIZE: [[NAME, VERSION], …]}, "rounds": N}``. The last line of
standard output: ``{"import": CPU seconds, "seconds": {SIZE: CPU seconds, best of the rounds}}``.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import warnings
from types import SimpleNamespace
from typing import Any


def main() -> None:
    """Read the request, answer it."""
    warnings.simplefilter("ignore")
    request = json.load(sys.stdin)
    start = time.process_time()
    engine, models = importlib.import_module("safety.safety"), importlib.import_module("safety.models")
    imported = time.process_time() - start
    seconds = {
        size: min(_timed(engine, models, request["database"], pins) for _ in range(request["rounds"]))
        for size, pins in request["pins"].items()
    }
    print(json.dumps({"import": imported, "seconds": seconds}))


def _timed(engine: Any, models: Any, database: str, pins: list[list[str]]) -> float:  # noqa: ANN401 - modules of safety
    platform = SimpleNamespace(
        api_key=None,
        http_client=None,
        get_authentication_type=lambda: None,
        is_using_auth_credentials=lambda: False,
    )
    packages = [
        models.Package(name=name, version=version, requirements=[models.SafetyRequirement(f"{name}=={version}")])
        for name, version in pins
        if _is_accepted(models, f"{name}=={version}")
    ]
    start = time.process_time()
    engine.check(
        auth=SimpleNamespace(platform=platform),
        packages=packages,
        db_mirror=database,
        ignore_vulns={},
        telemetry=False,
    )
    return time.process_time() - start


def _is_accepted(models: Any, requirement: str) -> bool:  # noqa: ANN401 - a module of safety
    """Tell whether safety can ask about it at all; a few pins of the reference have no PEP 440 version."""
    try:
        models.SafetyRequirement(requirement)
    except Exception:  # noqa: BLE001 - safety's own errors share no root
        return False
    return True


if __name__ == "__main__":
    main()
