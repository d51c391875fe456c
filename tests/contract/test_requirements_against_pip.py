"""Requirements files, read by pip and by us: the same entries and options, or both refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

from pytest_devsecops.dependencies.model import ReadContext, SourceError
from pytest_devsecops.dependencies.sources.requirement_tree import read_tree

ASSETS = Path(__file__).parent.parent / "assets" / "requirements"
ACCEPTED = sorted((ASSETS / "accepted").glob("*.txt"))
REFUSED = sorted((ASSETS / "refused").glob("*.txt"))
ENVIRON = {"NAME": "named", "USER_NAME": "reader", "PASSWORD": "secret", "TAG": "v1"}

#: What pip learned, and what it stopped to accept, since the older version; we follow the newest.
NEW_SINCE = {"options", "utf32", "vcs"}
ACCEPTED_UNTIL = {"removed-option", "egg-with-extras"}

pytestmark = pytest.mark.slow


class Oracle(Protocol):
    def read(self, path: Path, root: Path, environ: dict[str, str]) -> dict[str, Any]: ...

    def disagreement(self, path: Path, root: Path, environ: dict[str, str]) -> str: ...


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_what_pip_accepts_we_read_the_same(pip_oracle: Oracle, path: Path) -> None:
    theirs = pip_oracle.read(path, path.parent, ENVIRON)

    assert theirs.get("entries") or theirs.get("options"), theirs
    assert pip_oracle.disagreement(path, path.parent, ENVIRON) == ""


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_pip_refuses_is_an_error_with_its_place_and_a_remedy(pip_oracle: Oracle, path: Path) -> None:
    assert "error" in pip_oracle.read(path, path.parent, ENVIRON)

    with pytest.raises(SourceError) as caught:
        read_tree(path, ReadContext(path.parent, ENVIRON))
    assert caught.value.place
    assert caught.value.remedy


@pytest.mark.parametrize("path", ACCEPTED, ids=lambda path: path.stem)
def test_an_older_pip_reads_the_same(old_pip_oracle: Oracle, path: Path) -> None:
    disagreement = old_pip_oracle.disagreement(path, path.parent, ENVIRON)

    assert bool(disagreement) is (path.stem in NEW_SINCE), disagreement


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_an_older_pip_refuses_the_same(old_pip_oracle: Oracle, path: Path) -> None:
    answer = old_pip_oracle.read(path, path.parent, ENVIRON)

    assert ("error" not in answer) is (path.stem in ACCEPTED_UNTIL), answer
