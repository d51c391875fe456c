from __future__ import annotations

import pytest

from pytest_devsecops.core.redaction import without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://index.example/simple", "https://index.example/simple"),
        ("https://name:secret@index.example/simple", "https://index.example/simple"),
        ("https://token@index.example/simple", "https://index.example/simple"),
        ("https://name:p@ss@index.example/simple", "https://index.example/simple"),
        ("git+https://token@code.example/a/b.git@v1#egg=b", "git+https://code.example/a/b.git@v1#egg=b"),
        ("git+ssh://git@code.example/a/b.git@v1", "git+ssh://git@code.example/a/b.git@v1"),
        ("ssh://git:secret@code.example/a", "ssh://git@code.example/a"),
        ("https://code.example/@scope/package", "https://code.example/@scope/package"),
        ("-i https://a:b@x.example -f https://c@y.example", "-i https://x.example -f https://y.example"),
        ("mail me@host.example", "mail me@host.example"),
    ],
)
def test_credentials_leave_every_url_and_nothing_else_changes(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
