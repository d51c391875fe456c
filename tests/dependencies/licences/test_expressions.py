from __future__ import annotations

import pytest

from pytest_devsecops.dependencies.licences.aliases import CLASSIFIERS
from pytest_devsecops.dependencies.licences.expressions import Both, Choice, Term, parse, rule


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mit", "MIT"),
        ("MIT or apache-2.0", "Apache-2.0 OR MIT"),
        ("MIT AND (BSD-3-Clause OR ISC)", "(BSD-3-Clause OR ISC) AND MIT"),
        ("(MIT)", "MIT"),
        ("MIT OR MIT", "MIT"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("Apache-2.0+", "Apache-2.0+"),
        ("gpl-2.0-or-later with classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("LicenseRef-Ours", "LicenseRef-Ours"),
    ],
)
def test_an_expression_is_written_in_one_way(text: str, shown: str) -> None:
    assert str(parse(text)) == shown
    assert parse(shown) == parse(text)


def test_and_binds_closer_than_or() -> None:
    one, two, three = Term("MIT"), Term("ISC"), Term("Zlib")
    assert parse("MIT OR ISC AND Zlib") == Choice(frozenset({one, Both(frozenset({two, three}))}))


def test_order_and_nesting_make_no_difference() -> None:
    assert parse("MIT OR (ISC OR Zlib)") == parse("Zlib OR MIT OR ISC")


@pytest.mark.parametrize("text", ["", "BSD", "Apache 2.0", "MIT OR", "(MIT", "MIT WITH nothing-known"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Unknown|Invalid"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "allow", "deny", "accepted"),
    [
        ("MIT", ["MIT"], [], True),
        ("MIT", ["ISC"], [], False),
        ("MIT", [], ["GPL-3.0-only"], True),
        ("MIT", ["MIT"], ["MIT"], False),
        ("MIT AND ISC", ["MIT"], [], False),
        ("MIT AND ISC", ["MIT", "ISC"], [], True),
        ("MIT OR GPL-3.0-only", ["MIT"], [], True),
        ("MIT OR GPL-3.0-only", [], ["GPL-3.0-only"], True),
        ("MIT AND GPL-3.0-only", [], ["GPL-3.0-only"], False),
        ("MIT AND (ISC OR GPL-3.0-only)", ["MIT", "ISC"], ["GPL-3.0-only"], True),
        ("GPL-2.0-or-later", ["GPL-2.0-only"], [], True),
        ("GPL-2.0-only", ["GPL-2.0-or-later"], [], False),
        ("GPL-3.0-or-later", [], ["GPL-3.0-only"], False),
        ("GPL-3.0+", [], ["GPL-3.0-only"], False),
        ("GPL-3.0-only", [], ["GPL-3.0-or-later"], True),
        ("Apache-2.0+", ["Apache-2.0"], [], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only"], [], True),
        ("GPL-2.0-only", ["GPL-2.0-only WITH Classpath-exception-2.0"], [], False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", [], ["GPL-2.0-only"], False),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ["GPL-2.0-only WITH Classpath-exception-2.0"],
            ["GPL-2.0-only"],
            True,
        ),
        (
            "GPL-2.0-only WITH Classpath-exception-2.0",
            ["GPL-2.0-only"],
            ["GPL-2.0-only WITH Classpath-exception-2.0"],
            False,
        ),
        ("LicenseRef-Ours", ["LicenseRef-Ours"], [], True),
        ("LicenseRef-Theirs", ["LicenseRef-Ours"], [], False),
        ("Apache-2.0 AND MIT", ["MIT AND Apache-2.0"], [], True),
        ("MIT OR ISC", ["MIT", "ISC"], ["ISC OR MIT"], False),
    ],
)
def test_a_policy_accepts_by_the_meaning_of_the_expression(
    text: str,
    allow: list[str],
    deny: list[str],
    *,
    accepted: bool,
) -> None:
    ruling = rule(parse(text), [parse(one) for one in allow], [parse(one) for one in deny])
    assert ruling.accepted is accepted
    assert bool(ruling.reason) is not accepted


def test_a_refusal_names_every_licence_to_blame() -> None:
    ruling = rule(parse("MIT AND GPL-3.0-only AND Zlib"), [parse("MIT")], [parse("GPL-3.0-only")])
    assert ruling.reason == "GPL-3.0-only is denied by the policy and Zlib is not on the allow list"


def test_every_candidate_of_every_classifier_is_an_spdx_id() -> None:
    assert len(CLASSIFIERS) > 60
    for candidates in CLASSIFIERS.values():
        assert all(str(parse(one)) == one for one in candidates)
