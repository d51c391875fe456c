from __future__ import annotations

import pytest

from pytest_devsecops.dependencies.addresses import parse_address, repository_address


@pytest.mark.parametrize(
    "spelling",
    [
        "https://index.example/simple",
        "https://index.example/simple/",
        "HTTPS://Index.Example/simple",
        "https://index.example:443/simple",
        "https://user:secret@index.example/simple",
        "https://index.example//simple",
        "https://index.example/%73imple",
    ],
)
def test_spellings_of_one_address_are_equal(spelling: str) -> None:
    assert parse_address(spelling) == parse_address("https://index.example/simple")


@pytest.mark.parametrize(
    "other",
    [
        "https://index.example.evil/simple",
        "https://index.example@evil.example/simple",
        "https://evil.example/https://index.example/simple",
        "https://index.example:8443/simple",
        "http://index.example/simple",
        "https://index.example/Simple",
        "https://index.example/simple?mirror=evil",
        "https://index.example./simple",
    ],
)
def test_addresses_that_only_look_alike_differ(other: str) -> None:
    assert parse_address(other) != parse_address("https://index.example/simple")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "https:///simple",
        "https://index.example\\@evil.example/simple",
        "https://index.example/simple/../evil",
        "https://index.example/simple/%2e%2e/evil",
        "https://index.example/simple/%252e%252e/evil",
        "https://index.example/sim ple",
        "https://index.example:no/simple",
        "https://[::1/simple",
    ],
)
def test_what_can_be_read_in_two_ways_or_has_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_address(text)


@pytest.mark.parametrize(
    ("prefix", "below", "covered"),
    [
        ("code.example", "https://code.example/acme/tool", True),
        ("code.example/acme", "https://code.example/acme/tool", True),
        ("code.example/acme", "ssh://git@code.example/acme/tool.git", True),
        ("code.example/acme", "git@code.example:acme/tool.git", True),
        ("https://code.example/acme/", "git+https://code.example/acme/tool", True),
        ("https://code.example/acme", "ssh://git@code.example/acme/tool", False),
        ("code.example/acme", "https://code.example/acme-evil/tool", False),
        ("code.example/acme", "https://code.example.evil/acme/tool", False),
        ("code.example:8443/acme", "https://code.example:8443/acme/tool", True),
        ("code.example/acme", "https://code.example:8443/acme/tool", False),
        ("code.example/acme/tool.git", "https://code.example/acme/tool", True),
    ],
)
def test_a_prefix_covers_whole_path_segments_of_its_host_only(prefix: str, below: str, covered: bool) -> None:  # noqa: FBT001 - a table's column
    assert repository_address(prefix).covers(repository_address(below)) is covered


@pytest.mark.parametrize(
    ("text", "secure"),
    [
        ("https://index.example", True),
        ("ssh://git@code.example/a", True),
        ("http://index.example", False),
        ("git://code.example/a", False),
        ("http://localhost:3141/root", True),
        ("http://[::1]:3141/root", True),
        ("http://localhost.evil.example/", False),
    ],
)
def test_only_encrypted_transports_and_this_machine_are_secure(text: str, secure: bool) -> None:  # noqa: FBT001 - a table's column
    assert parse_address(text).is_secure is secure


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@Index.example:443/simple/", "https://index.example/simple"),
        ("https://[::1]:3141/root", "https://[::1]:3141/root"),
        ("code.example/acme", "code.example/acme"),
        ("https://index.example/?a=b", "https://index.example?a=b"),
    ],
)
def test_an_address_is_shown_in_normal_form_without_credentials(text: str, shown: str) -> None:
    assert str(parse_address(text)) == shown
