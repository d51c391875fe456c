"""Definitions: databases, tables, views, triggers, routines, events, sequences, and what is installed."""

from __future__ import annotations

import re

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.mariadb.rows import LEDGER, PROBE, not_system
from pytest_devsecops.recovery.stores.mariadb.session import Session, is_gone, number_of, quoted

Named = dict[str, dict[str, str | None]]

_AUTO_INCREMENT = re.compile(r" AUTO_INCREMENT=\d+")
_COLUMN = re.compile(r"`((?:[^`]|``)+)` (.*)", re.DOTALL)
_PART = re.compile(r"((?:(?:UNIQUE|FULLTEXT|SPATIAL|VECTOR) )?KEY|CONSTRAINT) `((?:[^`]|``)+)` (.*)", re.DOTALL)
#: What the server tells of an object and what only says when it was made.
_LEFT_OUT = frozenset(
    {"Created", "Table", "View", "Trigger", "Procedure", "Function", "Event", "Package", "Package body"}
)
#: Statement that shows a routine's definition, by the type that the catalog tells.
_ROUTINES = {"PROCEDURE": "procedure", "FUNCTION": "function", "PACKAGE": "package", "PACKAGE BODY": "package body"}


class Definitions:
    """Reads definitions of all databases.

    Args:
        session: the connection.
        own: the store's database, whose objects are named without it.
        accounts: the accounts that exist, as ``user@host``.
    """

    def __init__(self, session: Session, own: str, accounts: set[str]) -> None:
        self._session = session
        self._own = own
        self._accounts = accounts

    def read(self) -> dict[str, Named]:
        """Return everything by kind and name."""
        return {
            "database": self._databases(),
            **self._tables(),
            "view": self._views(),
            "trigger": self._triggers(),
            **self._routines(),
            "event": self._events(),
            "plugin": self._plugins(),
            "loadable function": self._listed("mysql.func", "name"),
            "server": self._listed("mysql.servers", "Server_name"),
            "prepared transaction": self._prepared(),
            "time zones": self._time_zones(),
        }

    def name(self, database: object, name: object) -> str:
        """Return how an object is called: with its database, unless that is the store's own."""
        return str(name) if database == self._own else f"{database}:{name}"

    def _databases(self) -> Named:
        found = self._session.named(f"select * from information_schema.schemata where {not_system('schema_name')}")
        left_out = {"CATALOG_NAME", "SCHEMA_NAME", "SQL_PATH"}
        return {
            str(row["SCHEMA_NAME"]): {key.lower(): value for key, value in row.items() if key not in left_out}
            for row in found
        }

    def _tables(self) -> dict[str, Named]:
        statement = (
            "select table_schema, table_name, table_type, auto_increment from information_schema.tables"
            f" where {not_system('table_schema')} and table_name not in ('{LEDGER}', '{PROBE}')"
            " and table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') order by 1, 2"
        )
        tables: Named = {}
        numbers: Named = {}
        sequences: Named = {}
        for database, table, kind, following in self._session.rows(statement):
            name, place = self.name(database, table), f"{quoted(str(database))}.{quoted(str(table))}"
            if kind == "SEQUENCE":
                sequences[name] = self._sequence(place)
                continue
            created = self._show(f"show create table {place}")
            tables[name] = table_parts(created.get("Create Table") or created.get("problem") or "")
            if following is not None:
                numbers[name] = {"next value": str(following)}
        return {"table": tables, "auto increment": numbers, "sequence": sequences}

    def _sequence(self, place: str) -> dict[str, str | None]:
        shown = self._show(f"show create sequence {place}")
        following, step, cache = self._session.rows(
            f"select next_not_cached_value, increment, cache_size from {place}"
        )[0]
        return {
            "definition": shown.get("Create Table") or shown.get("problem"),
            "next value": f"{following} (by {step}, {cache} cached)",
        }

    def _views(self) -> Named:
        found = self._session.rows(
            "select table_schema, table_name, definer from information_schema.views"
            f" where {not_system('table_schema')} order by 1, 2"
        )
        views: Named = {}
        for database, view, definer in found:
            place = f"{quoted(str(database))}.{quoted(str(view))}"
            works = self._works(f"select * from {place} limit 0")
            views[self.name(database, view)] = {
                **self._show(f"show create view {place}"), **self._definer(definer), "works": works,
            }  # fmt: skip
        return views

    def _triggers(self) -> Named:
        statement = (
            "select trigger_schema, trigger_name, event_object_table, action_order, definer"
            f" from information_schema.triggers where {not_system('trigger_schema')} order by 1, 2"
        )
        return {
            self.name(database, trigger): {
                "table": str(table),
                "order": str(order),
                **self._definer(definer),
                **self._show(f"show create trigger {quoted(str(database))}.{quoted(str(trigger))}"),
            }
            for database, trigger, table, order, definer in self._session.rows(statement)
        }

    def _routines(self) -> dict[str, Named]:
        statement = (
            "select routine_type, routine_schema, routine_name, definer, routine_comment from"
            f" information_schema.routines where {not_system('routine_schema')} order by 1, 2, 3"
        )
        things: dict[str, Named] = {kind: {} for kind in _ROUTINES.values()}
        for kind, database, routine, definer, comment in self._session.rows(statement):
            place = f"{quoted(str(database))}.{quoted(str(routine))}"
            things[_ROUTINES[str(kind)]][self.name(database, routine)] = {
                "comment": str(comment or ""),
                **self._definer(definer),
                **self._show(f"show create {_ROUTINES[str(kind)]} {place}"),
            }
        return things

    def _events(self) -> Named:
        statement = (
            "select event_schema, event_name, definer, status, on_completion, event_comment from"
            f" information_schema.events where {not_system('event_schema')} order by 1, 2"
        )
        return {
            self.name(database, event): {
                "status": str(status),
                "on completion": str(completion),
                "comment": str(comment),
                **self._definer(definer),
                **self._show(f"show create event {quoted(str(database))}.{quoted(str(event))}"),
            }
            for database, event, definer, status, completion, comment in self._session.rows(statement)
        }

    def _plugins(self) -> Named:
        found = self._session.rows(
            "select plugin_name, plugin_status, plugin_library from information_schema.plugins"
            " where plugin_library is not null order by 1"
        )
        return {str(name): {"status": str(status), "library": str(library)} for name, status, library in found}

    def _listed(self, table: str, key: str) -> Named:
        return {str(row[key]): {name: value for name, value in row.items() if name != key} for row in self._session.named(f"select * from {table}")}  # fmt: skip

    def _prepared(self) -> Named:
        found = self._session.rows("xa recover")
        return {str(row[-1]): {"format": str(row[0])} for row in found}

    def _time_zones(self) -> Named:
        count = self._session.value("select count(*) from mysql.time_zone_name") or "0"
        # Without them, named zones are unknown to CONVERT_TZ() and to sessions.
        return {"names": {"known": "yes"}} if int(count) else {}

    def _definer(self, definer: object) -> dict[str, str | None]:
        return {"definer": str(definer), "definer exists": "yes" if str(definer) in self._accounts else "no"}

    def _works(self, statement: str) -> str:
        try:
            self._session.rows(statement)
        except RecoveryError as error:
            if is_gone(error):
                raise
            return f"no, error {number_of(error)}"
        return "yes"

    def _show(self, statement: str) -> dict[str, str | None]:
        """Return what a ``SHOW CREATE`` tells; an object that the server cannot show is told as such."""
        try:
            found = self._session.named(statement)
        except RecoveryError as error:
            if is_gone(error):
                raise
            return {"problem": error.message}
        return {key: value for key, value in found[0].items() if key not in _LEFT_OUT} if found else {}


def table_parts(text: str) -> dict[str, str | None]:
    """Return the parts of a ``CREATE TABLE`` by name, so that a difference names what it is about.

    The next value of AUTO_INCREMENT is told apart; it changes with every row.
    """
    lines = text.split("\n")
    end = next((number for number, line in enumerate(lines) if number and line.startswith(")")), len(lines))
    parts: dict[str, str | None] = {}
    order = []
    for line in lines[1:end]:
        part = line.strip().removesuffix(",")
        if column := _COLUMN.fullmatch(part):
            order.append(column[1])
            parts[f"column {column[1]}"] = column[2]
        elif named := _PART.fullmatch(part):
            kind = "constraint" if named[1] == "CONSTRAINT" else "index"
            parts[f"{kind} {named[2]}"] = f"{named[1]} {named[3]}"
        else:
            parts[part.split(" (")[0].lower()] = part
    parts["order of columns"] = ", ".join(order)
    if end < len(lines):
        parts["options"] = _AUTO_INCREMENT.sub("", lines[end].removeprefix(") "), count=1)
        if end + 1 < len(lines):
            parts["partitions"] = "\n".join(lines[end + 1 :])
    elif not order:
        parts["definition"] = text
    return parts
