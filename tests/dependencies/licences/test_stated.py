from __future__ import annotations

import pytest

from pytest_devsecops.dependencies.licences.aliases import by_text
from pytest_devsecops.dependencies.licences.expressions import parse
from pytest_devsecops.dependencies.licences.stated import Basis, read_licence, text_candidates
from pytest_devsecops.dependencies.model import Licence

MIT = "License :: OSI Approved :: MIT License"
BSD = "License :: OSI Approved :: BSD License"
APACHE = "License :: OSI Approved :: Apache Software License"


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("MIT License", ["MIT"]),
        ("The MIT License (MIT)", ["MIT"]),
        ("GPLv3 (with exceptions)", []),
        ("MIT", ["MIT"]),
        ("Expat license", ["MIT"]),
        ("BSD", ["BSD-2-Clause", "BSD-3-Clause"]),
        ("BSD License", ["BSD-2-Clause", "BSD-3-Clause"]),
        ("New BSD", ["BSD-3-Clause"]),
        ("3-Clause BSD License", ["BSD-3-Clause"]),
        ("BSD (3-clause)", ["BSD-3-Clause"]),
        ("BSD-like", []),
        ("Apache 2.0", ["Apache-2.0"]),
        ("Apache-2", ["Apache-2.0"]),
        ("Apache License, Version 2.0", ["Apache-2.0"]),
        ("Apache Software License v2", ["Apache-2.0"]),
        ("ASL 2", ["Apache-2.0"]),
        ("Apache", ["Apache-1.1", "Apache-2.0"]),
        ("GPLv3", ["GPL-3.0-only"]),
        ("GPL3", ["GPL-3.0-only"]),
        ("GPLv3+", ["GPL-3.0-or-later"]),
        ("GNU GPL v2 or later", ["GPL-2.0-or-later"]),
        ("GNU Lesser General Public License v3 or later", ["LGPL-3.0-or-later"]),
        ("GNU LGPLv2.1+", ["LGPL-2.1-or-later"]),
        ("AGPLv3", ["AGPL-3.0-only"]),
        ("MPLv2", ["MPL-2.0"]),
        ("Mozilla Public License 2.0 (MPL 2.0)", ["MPL-2.0"]),
        ("PSF", ["PSF-2.0", "Python-2.0"]),
        ("GPL-2.0+", ["GPL-2.0-or-later"]),
        ("MIT OR Apache-2.0", ["MIT OR Apache-2.0"]),
        ("Public Domain", ["LicenseRef-Public-Domain"]),
        ("Proprietary", ["LicenseRef-Proprietary"]),
        ("LGPL with exceptions", []),
        ("Dual License", []),
        ("UNKNOWN", []),
        ("", []),
        ("MIT License\n\n        Copyright (c) 2024 Somebody\n", ["MIT"]),
        ("Apache License\n     Version 2.0, January 2004\n   https://x.example/", ["Apache-2.0"]),
        ("Copyright (c) 2014\nSomebody\n\nPermission is hereby granted", []),
    ],
)
def test_common_free_texts_are_understood_and_others_are_not(text: str, candidates: list[str]) -> None:
    assert text_candidates(text) == tuple(map(parse, candidates))


def test_an_expression_decides_and_a_classifier_that_disagrees_is_noted() -> None:
    stated = read_licence(Licence("MIT", (BSD, MIT), "Apache 2.0"))
    assert (stated.shown, stated.basis) == ("MIT", Basis.EXPRESSION)
    assert [note.split("'")[1] for note in stated.notes] == [BSD]


def test_an_expression_that_is_none_leaves_the_licence_unknown_whatever_stands_beside_it() -> None:
    stated = read_licence(Licence("BSD", (MIT,), "MIT"))
    assert (stated.candidates, stated.basis) == ((), Basis.UNKNOWN)
    assert "not valid" in stated.notes[0]


@pytest.mark.parametrize(
    ("classifiers", "text", "shown", "basis"),
    [
        ((MIT,), "", "MIT", Basis.CLASSIFIER),
        ((BSD,), "", "BSD-2-Clause, or BSD-3-Clause", Basis.CLASSIFIER),
        ((BSD,), "BSD-3-Clause", "BSD-3-Clause", Basis.TEXT_AND_CLASSIFIER),
        ((BSD,), "BSD", "BSD-2-Clause, or BSD-3-Clause", Basis.TEXT_AND_CLASSIFIER),
        ((APACHE,), "Apache", "Apache-2.0", Basis.TEXT_AND_CLASSIFIER),
        ((MIT, APACHE), "", "MIT, or Apache-2.0", Basis.CLASSIFIER),
        ((MIT, APACHE), "MIT OR Apache-2.0", "Apache-2.0 OR MIT", Basis.TEXT_AND_CLASSIFIER),
        ((MIT, APACHE), "MIT", "MIT, or Apache-2.0", Basis.TEXT_AND_CLASSIFIER),
        ((), "MIT License", "MIT", Basis.TEXT),
        ((MIT, "License :: OSI Approved"), "", "MIT", Basis.CLASSIFIER),
        ((), "", "unknown", Basis.UNKNOWN),
        (("License :: OSI Approved",), "", "unknown", Basis.UNKNOWN),
        ((MIT, "License :: Freeware"), "", "unknown", Basis.UNKNOWN),
        ((MIT,), "Proprietary", "LicenseRef-Proprietary, or MIT", Basis.TEXT_AND_CLASSIFIER),
    ],
)
def test_classifiers_and_text_together(classifiers: tuple[str, ...], text: str, shown: str, basis: Basis) -> None:
    stated = read_licence(Licence("", classifiers, text))
    assert (stated.shown, stated.basis) == (shown, basis)


def test_a_text_that_is_not_understood_is_noted_beside_the_classifier_that_is() -> None:
    stated = read_licence(Licence("", (MIT,), "as agreed"))
    assert stated.notes == ("the licence field was not understood: 'as agreed'",)


def test_an_unknown_text_has_no_candidate() -> None:
    assert by_text("the licence of my uncle") == ()
