"""What Poetry makes of constraints: ``{constraints, versions}`` in, for each constraint the versions that it allows.

Run by a test with an interpreter that has poetry-core.
"""

import importlib
import json
import sys

constraint_module = importlib.import_module("poetry.core.constraints.version")
factory = importlib.import_module("poetry.core.factory").Factory


def allowed(constraint, versions):
    try:
        # The way of a dependency, which is a little stricter than the parser alone.
        parsed = factory.create_dependency("a", constraint).constraint
    except Exception:  # Poetry refuses by whatever it raises
        return None
    return [text for text in versions if parsed.allows(constraint_module.Version.parse(text))]


request = json.load(sys.stdin)
json.dump([allowed(constraint, request["versions"]) for constraint in request["constraints"]], sys.stdout)
