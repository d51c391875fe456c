"""What every store takes: one place that reads the common arguments and complains about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict, Unpack

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.text import did_you_mean
from pytest_devsecops.recovery.compare import reason_to_ignore
from pytest_devsecops.recovery.model import Action, Environment, StoreOptions
from pytest_devsecops.recovery.objectives import parse_size
from pytest_devsecops.recovery.procedures import check_action


class CommonOptions(TypedDict, total=False):
    """The keyword arguments that every store takes.

    Attributes:
        prepare: a command or callable, or a list of them, that builds the data: roles, migrations, seed.
        env: the application's variables, formatted: ``{"DATABASE_URL": "sqlite:///{path}"}``.
        empty: containers that are empty on purpose: ``{"table": "reason"}``.
        ignore: differences to ignore: ``{"kind:name": "reason"}``, with shell patterns.
        redact: ``table.column`` patterns whose values are never shown.
        production_size: ``"40GB"``, or ``"same"`` if the test's data has production's size.
        writes: the application's own write, a callable that takes the environment.
        probe: the application's own probe; it raises or returns False if the store does not work.
        agrees: a check of the restored store; returns True, False, or a list of what is torn.
        ledger: False to keep no ledger of acknowledged writes; the RPO is then ``every=`` at best.
    """

    prepare: Action | Sequence[Action]
    env: Environment
    empty: Mapping[str, str]
    ignore: Mapping[str, str]
    redact: Sequence[str]
    production_size: str
    writes: Callable[[Environment], object]
    probe: Callable[[Environment], object]
    agrees: Callable[[Environment], object]
    ledger: bool


def read_options(label: str, own: Sequence[str] = (), **given: Unpack[CommonOptions]) -> StoreOptions:
    """Return the checked options of a store that takes those called ``own`` as well.

    Raises:
        UsageError: if a reason is missing or an argument is unknown.
    """
    unknown = set(given) - set(CommonOptions.__annotations__)
    if unknown:
        known = [*CommonOptions.__annotations__, *own]
        first = min(unknown)
        raise UsageError(f"{label}() has no argument {first!r}: {did_you_mean(first, known)}")
    _check_reasons(label, "empty", given.get("empty", {}))
    _check_reasons(label, "ignore", given.get("ignore", {}))
    prepare = given.get("prepare", ())
    if not isinstance(prepare, Sequence):
        check_action(f"prepare= of {label}()", prepare)
    actions: tuple[Action, ...] = (prepare,) if isinstance(prepare, str) or callable(prepare) else tuple(prepare)
    for action in actions:
        check_action(f"prepare= of {label}()", action)
    size = given.get("production_size")
    return StoreOptions(
        prepare=actions,
        env=dict(given.get("env", {})),
        empty=dict(given.get("empty", {})),
        ignore=dict(given.get("ignore", {})),
        redact=tuple(given.get("redact", ())),
        production_size=parse_size(size) if size else 0,
        writes=given.get("writes"),
        probe=given.get("probe"),
        agrees=given.get("agrees"),
        ledger=given.get("ledger", True),
    )


def _check_reasons(label: str, what: str, reasons: Mapping[str, str]) -> None:
    for name, reason in reasons.items():
        if not str(reason).strip():
            raise UsageError(
                f"{label}({what}={{{name!r}: …}}) gives no reason", remedy="say why; it shows in the report"
            )


def meant_empty(options: StoreOptions, *names: str) -> bool:
    """Tell whether ``empty=`` names a container, which may have several names."""
    return any(reason_to_ignore(name, options.empty) is not None for name in names)


def empty_finding(container: str, why: str) -> Finding:
    """Return the finding for a container that is empty, so that losing it would go unseen."""
    return Finding(
        "empty-container",
        f"rows:{container}",
        f"{container} is empty after prepare, so a procedure that leaves it out would look fine ({why})",
        fix=f"let prepare= write a row, or name it: empty={{{container!r}: 'why'}}",
        status=Status.UNVERIFIED,
    )


def version_finding(label: str, wanted: str, found: str) -> list[Finding]:
    """Return a finding if the version that was found is not the wanted one, compared part by part."""
    wanted_parts = wanted.split(".")
    if not wanted or found.split(".")[: len(wanted_parts)] == wanted_parts:
        return []
    return [
        Finding(
            "other-version",
            label,
            f"production runs {label} {wanted}, but this machine has {found}: nothing is known about {wanted}",
            fix=f"install {label} {wanted} where the drill runs, or correct version=",
            status=Status.UNVERIFIED,
        )
    ]
