"""Keeping secrets out of everything that is shown or written."""

from __future__ import annotations

import re

#: The authority's user part of every URL in a text (RFC 3986, section 3.2.1): up to the last ``@``
#: before the path, because passwords hold ``@`` more often than hosts do.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/\s?#\"'<>]*)@")

#: Over these transports the name before the ``@`` is an account of the server, such as ``git``.
_ACCOUNT_TRANSPORTS = ("ssh", "sftp")


def without_credentials(text: str) -> str:
    """Return ``text``, a URL or words around URLs, without the credentials in them.

    ``https://name:secret@host/`` and ``https://token@host/`` become ``https://host/``; of
    ``ssh://git:secret@host/`` the account ``git`` stays, because it is part of the address.
    """
    return _USER_INFO.sub(_address_only, text)


def _address_only(match: re.Match[str]) -> str:
    scheme, user = match["scheme"], match["user"]
    if scheme.lower().rpartition("+")[2] in _ACCOUNT_TRANSPORTS:
        account = user.partition(":")[0]
        return f"{scheme}://{account}@"
    return f"{scheme}://"
