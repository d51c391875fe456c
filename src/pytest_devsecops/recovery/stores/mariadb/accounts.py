"""Accounts: users, roles, memberships and privileges, in the tables and as the server applies them."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pytest_devsecops.recovery.model import RecoveryError
from pytest_devsecops.recovery.stores.mariadb.server import OWN_USER, literal_name
from pytest_devsecops.recovery.stores.mariadb.session import Session, is_gone, number_of

Named = dict[str, dict[str, str | None]]

_GRANT = re.compile(
    r"GRANT (?P<what>.+?) ON (?P<object>.+?) TO (?P<who>PUBLIC|`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?)(?P<rest>.*)",
    re.DOTALL,
)
_MEMBER = re.compile(
    r"GRANT (?P<role>`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?(?:,\s*`.*)?) TO (?P<who>\S+)(?P<rest>.*)", re.DOTALL
)
#: Privileges with columns in parentheses stay together.
_COMMA = re.compile(r",\s*(?![^()]*\))")
#: When the password was set, by which version the row was written, and rights, which are told apart.
_LEFT_OUT = frozenset({"access", "version_id", "password_last_changed", "user", "host"})
_SECRET = ("authentication_string", "auth_or", "user_attributes")
_SHOWN_GLOBAL = "*.*"


def account_name(user: object, host: object) -> str:
    """Return how an account is called: ``user@host``, or the role's name alone."""
    return f"{user}@{host}" if host else str(user)


def accounts(session: Session) -> list[tuple[str, str, bool]]:
    """Return user, host and whether it is a role, of all accounts but ours."""
    roles = "is_role = 'Y'" if _has_roles(session) else "false"
    found = session.rows(f"select user, host, {roles} from mysql.user where user <> '{OWN_USER}' order by 1, 2")
    return [(str(user), str(host), role in ("1", 1)) for user, host, role in found]


def read_accounts(session: Session) -> dict[str, Named]:
    """Return users, roles, memberships and privileges by kind and name."""
    properties = _properties(session)
    things: dict[str, Named] = {"user": {}, "role": {}, "membership": {}, "privileges": {}}
    for user, host, role in accounts(session):
        name = account_name(user, host)
        about = properties.get((user, host), {})
        place = literal_name(user) if role else f"{literal_name(user)}@{literal_name(host)}"
        try:
            lines = [str(line) for (line,) in session.rows(f"show grants for {place}")]
        except RecoveryError as error:
            if is_gone(error):
                raise
            # It is in the tables, but the server has not read them again.
            about["in force"] = f"no, error {number_of(error)}"
            lines = []
        else:
            about["in force"] = "yes"
        things["role" if role else "user"][name] = about
        for line in lines:
            _add_line(things, name, about, line)
    return things


def _add_line(things: dict[str, Named], name: str, about: dict[str, str | None], line: str) -> None:
    """Take one line of ``SHOW GRANTS`` apart."""
    if line.startswith("SET DEFAULT ROLE"):
        about["default role"] = line.removeprefix("SET DEFAULT ROLE ").partition(" FOR ")[0]
    elif found := _GRANT.fullmatch(line):
        if not (found["object"] == _SHOWN_GLOBAL and found["what"] == "USAGE"):
            option = "yes" if "GRANT OPTION" in found["rest"] else "no"
            own = things["privileges"].setdefault(f"{name} on {found['object']}", {})
            # The tables may hold a privilege twice, for the host '' and for '%', which mean the same.
            known = {_in_order(one) for one in _COMMA.split(own.get("privileges") or found["what"])}
            own["privileges"] = ", ".join(sorted(known | {_in_order(one) for one in _COMMA.split(found["what"])}))
            own["with grant option"] = option
    elif member := _MEMBER.fullmatch(line):
        option = "yes" if "ADMIN OPTION" in member["rest"] else "no"
        things["membership"][f"{name} in {member['role']}"] = {"with admin option": option}
    else:
        about[line] = "granted"


def _in_order(privilege: str) -> str:
    """Return a privilege with its columns in an order of ours; the server's own is nobody's choice."""
    what, parenthesis, columns = privilege.partition(" (")
    return f"{what} ({', '.join(sorted(columns.removesuffix(')').split(', ')))})" if parenthesis else privilege


def _has_roles(session: Session) -> bool:
    return any(row["Field"] == "is_role" for row in session.named("show columns from mysql.user"))


def _properties(session: Session) -> dict[tuple[str, str], dict[str, str | None]]:
    try:
        found = session.rows("select user, host, priv from mysql.global_priv")
    except RecoveryError as error:
        if is_gone(error):
            raise
        return _columns(session)
    return {(str(user), str(host)): _texts(json.loads(str(text))) for user, host, text in found}


def _columns(session: Session) -> dict[tuple[str, str], dict[str, str | None]]:
    """Return the properties of accounts where they are columns, as MySQL keeps them."""
    rows = session.named("select * from mysql.user")
    return {
        (str(row["User"]), str(row["Host"])): _texts({k: v for k, v in row.items() if not k.lower().endswith("_priv")})
        for row in rows
    }


def _texts(properties: dict[str, Any]) -> dict[str, str | None]:
    """Return what is not left out and is no default; a server writes defaults down or does not."""
    told = {name: value for name, value in properties.items() if name.lower() not in _LEFT_OUT}
    if not told.get("is_role"):
        told["plugin"] = told.get("plugin") or "mysql_native_password"
    return {
        name: _secret(value) if name in _SECRET else _plain(value)
        for name, value in told.items()
        # A password that never expires is written as 0, one that follows the server's setting as -1.
        if (value != -1 if name == "password_lifetime" else value)
    }


def _plain(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, sort_keys=True)


def _secret(value: object) -> str | None:
    if not value:
        return None
    return f"(secret {hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]})"
