"""The fixture ``recovery``: predicates over stores and the procedures that back them up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Finding, Status
from pytest_devsecops.core.registry import Registry
from pytest_devsecops.core.text import parse_duration
from pytest_devsecops.core.verdict import Verdict
from pytest_devsecops.recovery import checks
from pytest_devsecops.recovery.exploring import NAME as EXPLORE
from pytest_devsecops.recovery.exploring import Extent, Search, explore
from pytest_devsecops.recovery.faults import Control, find_fault
from pytest_devsecops.recovery.living import Setting
from pytest_devsecops.recovery.making import Maker
from pytest_devsecops.recovery.measuring import Limits
from pytest_devsecops.recovery.model import Action, RecoveryError, Store
from pytest_devsecops.recovery.newest import NAME as NEWEST
from pytest_devsecops.recovery.newest import Expected, newest
from pytest_devsecops.recovery.noticing import NAME as NOTICES
from pytest_devsecops.recovery.noticing import control_of, notices
from pytest_devsecops.recovery.objectives import parse_size
from pytest_devsecops.recovery.populating import Generator, PopulatedStore
from pytest_devsecops.recovery.procedures import Procedure
from pytest_devsecops.recovery.round_trip import NAME as ROUND_TRIP
from pytest_devsecops.recovery.round_trip import round_trip, unverified
from pytest_devsecops.recovery.section import RecoveryPolicy
from pytest_devsecops.recovery.templates import Template, Templates

_CALL = "write for example recovery.round_trip(sqlite(…), by=procedure('./backup.sh', './restore.sh'))"
#: Histories that ``explore()`` looks at where nobody says how many, and how few are enough if the time is up.
_HISTORIES, _FEWEST_HISTORIES = 50, 10
#: A procedure, or the name of a store's built-in one.
By = Procedure | str


class Recovery:
    """Checks that what was backed up comes back. Every check returns a ``Verdict``; assert it.

    Args:
        policy: the decoded policy table.
        root: the project's root, where procedures run.
        today: the date of the run (UTC), from which the age of an artefact is counted.
        record: called with every verdict; returns it with waivers applied.
        stores: the kinds of stores that ``store()`` knows.
        limits: returns the objectives in seconds that the marker of the running test sets.
        generate: where ``populate()`` has its values from.
        search: how ``explore()`` draws histories and makes them smaller.
    """

    def __init__(
        self,
        policy: RecoveryPolicy,
        root: Path,
        *,
        today: date,
        record: Callable[[Verdict], Verdict],
        stores: Registry[Maker] | None = None,
        limits: Callable[[], Mapping[str, float]] = dict,
        generate: Generator | None = None,
        search: Search | None = None,
    ) -> None:
        self._policy = policy
        self._root = root
        self._today = today
        self._record = record
        self._stores = stores or Registry("store", {})
        self._marked = limits
        self._generate = generate
        self._search = search
        self._templates = Templates(root)
        self._controls: list[tuple[Store, By, Control]] = []

    def close(self) -> None:
        """Remove the prepared stores."""
        self._templates.close()

    def store(self, name: str, **options: object) -> Store:
        """Return a store of the kind called ``name``, built in or brought by a package.

        Args:
            name: the kind, such as ``"sqlite"``.
            **options: what that kind takes.

        Raises:
            UsageError: if there is no such kind, with the nearest name.
        """
        return self._stores.find(name)(**options)

    def populate(self, store: Store, *, rows: int = 20, seed: int = 0) -> PopulatedStore:
        """Return ``store`` with generated rows in every table: hostile, but valid in the user's own schema.

        The schema decides what is valid: a row that it refuses is dropped and counted, in the verdict's
        ``store`` and in ``population`` of what this returns.

        Args:
            store: the recipe; its ``prepare=`` makes the schema.
            rows: how many rows to draw for each table, beside those with extreme values.
            seed: the same seed gives the same rows.

        Raises:
            UsageError: if nothing here makes values.
        """
        if self._generate is None:
            raise UsageError("nothing here makes values", remedy="use the fixture recovery, or give generate=")
        return PopulatedStore(store, self._generate, rows=rows, seed=seed)

    def round_trip(
        self,
        store: Store,
        *,
        by: By | None = None,
        rto: str | None = None,
        rpo: str | None = None,
        repeat: int | None = None,
    ) -> Verdict:
        """Tell whether everything in ``store`` survives its loss.

        Args:
            store: the recipe of what is lost.
            by: the procedure, or the name of a built-in one; by default the policy's.
            rto: how long a restore may take, such as ``"30m"``.
            rpo: how much time of writes may be lost, such as ``"25h"``.
            repeat: how often the restore is measured.

        Raises:
            UsageError: if an argument cannot mean anything.
        """
        limits = Limits(
            rto=self._limit("rto", rto, self._policy.rto),
            rpo=self._limit("rpo", rpo, self._policy.rpo),
        )
        times = self._policy.repeat if repeat is None else repeat
        if times < 1:
            raise UsageError(f"repeat= must be at least 1, not {times}")
        return self._drill(
            ROUND_TRIP, store, by, lambda template, own: round_trip(template, own, self._root, limits, repeat=times)
        )

    def explore(
        self,
        store: Store,
        *,
        by: By | None = None,
        migrations: Sequence[Action] = (),
        examples: int | None = None,
        steps: int = 10,
        within: str = "60s",
        seed: int = 0,
    ) -> Verdict:
        """Tell whether ``store`` survives whatever happens to it.

        Histories of writes, migrations, checkpoints, backups and losses are drawn at random. One in which
        something is lost is made smaller until every step of it is needed, and told step by step.

        Args:
            store: the recipe of what is lost.
            by: the procedure; by default the policy's.
            migrations: the project's own, each of which happens once and in this order, such as
                ``["alembic upgrade +1"]``; without any, the store makes some up.
            examples: how many histories to look at; fewer, because the time was up, are unverified. By default it
                looks at up to 50, and at least at 10.
            steps: how many steps one has at most.
            within: how long to look for.
            seed: the same seed gives the same histories.

        Raises:
            UsageError: if nothing here draws histories, or nothing can happen to such a store.
        """
        search = self._search
        if search is None:
            raise UsageError("nothing here draws histories", remedy="use the fixture recovery, or give search=")
        extent = Extent(examples or _HISTORIES, steps, _seconds(within), seed, examples or _FEWEST_HISTORIES)
        return self._drill(
            EXPLORE,
            store,
            by,
            lambda template, own: explore(Setting(template, own, self._root, tuple(migrations)), search, extent),
        )

    def newest(
        self,
        pattern: str,
        *,
        into: Store,
        by: By | None = None,
        fresh: str = "",
        expect: Callable[[dict[str, str]], object] | None = None,
        min_size: int | str = 1,
    ) -> Verdict:
        """Tell whether the newest artefact that production really made restores.

        Args:
            pattern: a glob, from the project's root if it is not absolute.
            into: the store that it is restored into.
            by: the procedure; only its restore runs.
            fresh: ``table.column`` with the time of the newest row.
            expect: looks at the restored store; returns False or 0 if it misses something, or fails an assertion.
            min_size: what an artefact has at least, in bytes or as ``"40MB"``.

        Raises:
            UsageError: if there is no pattern, or ``min_size`` is no size.
        """
        if not pattern.strip():
            raise UsageError("the pattern of newest() is empty", remedy="write for example 'backups/*.dump'")
        least = parse_size(min_size) if isinstance(min_size, str) else min_size
        if least < 0:
            raise UsageError(f"min_size={min_size!r} is no size", remedy="write for example '40MB'")
        expected = Expected(pattern, fresh=fresh, expect=expect, min_size=least)
        own = self._procedure(into, by)
        if own is None:
            return self._record(_no_procedure(NEWEST, into))
        try:
            verdict = newest(into, own, self._root, expected, today=self._today)
        except RecoveryError as error:
            verdict = unverified(NEWEST, into.label, error)
        return self._record(verdict)

    def notices(self, store: Store, *, fault: str, by: By | None = None) -> Verdict:
        """Tell whether the procedure survives ``fault`` or says aloud that it did not.

        Args:
            store: the recipe of what is lost.
            fault: the name of a fault, such as ``truncated`` or ``disk-full``.
            by: the procedure; by default the policy's.
        """
        find_fault(fault)
        return self._drill(
            NOTICES,
            store,
            by,
            lambda template, own: notices(
                template, own, self._root, fault, self._control(template, own, by if isinstance(by, str) else own)
            ),
        )

    def artefact_is_private(self, store: Store, *, by: By | None = None) -> Verdict:
        """Tell whether only the owner can read what a backup writes."""
        return self._drill(
            checks.PRIVATE, store, by, lambda template, own: checks.artefact_is_private(template, own, self._root)
        )

    def leaves_source_alone(self, store: Store, *, by: By | None = None) -> Verdict:
        """Tell whether a backup changes nothing at all in what it backs up."""
        return self._drill(
            checks.ALONE, store, by, lambda template, own: checks.leaves_source_alone(template, own, self._root)
        )

    def _control(self, template: Template, own: Procedure, key: By) -> Control:
        """Run a procedure undisturbed, once for all faults."""
        for store, known, control in self._controls:
            if store is template.store and (known is key or known == key):
                return control
        control = control_of(template, own, self._root)
        self._controls.append((template.store, key, control))
        return control

    def _drill(self, check: str, store: Store, by: By | None, run: Callable[[Template, Procedure], Verdict]) -> Verdict:
        own = self._procedure(store, by)
        if own is None:
            return self._record(_no_procedure(check, store))
        try:
            verdict = run(self._templates.of(store), own)
        except RecoveryError as error:
            verdict = unverified(check, store.label, error)
        return self._record(verdict)

    def _limit(self, objective: str, given: str | None, policy: float | None) -> float | None:
        """Return the strictest of what the call (or else the policy) and the test's marker demand."""
        own = _seconds(given) if given else policy
        limits = [one for one in (own, self._marked().get(objective)) if one is not None]
        return min(limits, default=None)

    def _procedure(self, store: Store, by: By | None) -> Procedure | None:
        if not hasattr(store, "template"):
            raise UsageError(f"what is lost must be a store, not a {type(store).__name__}", remedy=_CALL)
        if isinstance(by, str):
            backup, restore, kind = store.builtin(by)
            return Procedure(backup, restore, kind=kind, name=f"the built-in {by}")
        if by is not None and not isinstance(by, Procedure):
            raise UsageError(f"by= must be a procedure or the name of one, not a {type(by).__name__}", remedy=_CALL)
        return by or self._policy.procedure


def _no_procedure(check: str, store: Store) -> Verdict:
    found = Finding(
        "no-procedure",
        store.label,
        f"nobody said how {store.label} is backed up, so nothing is known about its recovery",
        fix="give by=procedure(backup, restore), or name it in [tool.devsecops.recovery.procedure]",
        status=Status.UNVERIFIED,
    )
    return Verdict(check, [found], examined={"store": store.label})


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(str(error)) from None
