from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from pytest_devsecops.reports.html_page import render
from pytest_devsecops.reports.model import Report


class Page(HTMLParser):
    """What a browser would find in a page: its elements, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside][-1] += data

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("name", ["sample", "narrowed", "empty", "hostile"])
def test_only_the_pages_own_script_and_style_may_run(name: str, request: pytest.FixtureRequest) -> None:
    page = Page(render(request.getfixturevalue(name)))
    data, script = page.raw["script"]
    (style,) = page.raw["style"]
    (policy,) = [meta["content"] for meta in page.attributes("meta") if "http-equiv" in meta]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest(script)}'; style-src 'sha256-{digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert json.loads(data)["layout"]


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_the_page_asks_the_network_for_nothing(name: str, request: pytest.FixtureRequest) -> None:
    page = Page(render(request.getfixturevalue(name)))
    assert {tag for tag, _ in page.elements} & {"link", "img", "iframe", "object", "embed", "base", "form"} == {"form"}
    loaded = [
        value
        for _, attributes in page.elements
        for key, value in attributes.items()
        if key in ("src", "href", "action", "style", "srcset") or key.startswith("on")
    ]
    assert all(value and value.startswith("#") for value in loaded)


def test_hostile_text_stays_text(hostile: Report, sample: Report) -> None:
    text = render(hostile)
    assert "<img" not in text
    assert "\u202e" not in text
    assert text.count("</script") == render(sample).count("</script") == 2
    assert text.encode("utf-8")
    data = json.loads(Page(text).raw["script"][0])
    assert any(isinstance(one, str) and one.startswith("</script><script>alert(1)") for one in data["pool"])


def test_without_scripts_every_requirement_can_be_read(sample: Report) -> None:
    plain = re.findall(r"<noscript>.*</noscript>", render(sample), re.DOTALL)[0]
    assert plain.count('<th scope="row">') == 10
    assert plain.index("REC-1") < plain.index("DEP-1") < plain.index("ID-1")
    assert "left-pad-0 1.0 is not on the allow list (and 6 more findings)" in plain
    assert "2 findings waived by W-3" in plain


def test_the_head_tells_what_kind_of_run_it_was(sample: Report, narrowed: Report, empty: Report) -> None:
    assert Page(render(sample)).raw["title"] == [
        "2 requirements are violated | 10 requirements: 2 violated, 5 unverified, 1 waived, 2 met"
    ]
    assert "Narrowed run" not in render(sample)
    assert "Narrowed run.</strong> This run was narrowed (-k DEP; 1 claiming test deselected)" in render(narrowed)
    assert "<strong>Nothing is known</strong>" in render(empty)


def test_where_it_comes_from_can_be_checked(sample: Report) -> None:
    text = render(sample)
    for fact in (
        "2026-11-20 09:00:00 UTC to 2026-11-20 09:02:41 UTC",
        "4f0c1d5e8a7b69c3d2e1f00a9b8c7d6e5f4a3b2c",
        "has uncommitted changes",
        "devsecops.toml, sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "our_policy/devsecops.toml, sha256 60303ae2",
        "source osv-pypi.zip, built 2026-11-19T00:00:00Z",
        "workflow build, job security",
    ):
        assert fact in text


def test_the_words_promise_nothing(sample: Report) -> None:
    assert "complian" not in render(sample).lower()
    assert "Tests linked to this requirement" in render(sample)


def test_ten_thousand_tests_fit_into_three_megabytes(large: Callable[[int, int], Report]) -> None:
    text = render(large(10_000, 500))
    assert len(text.encode("utf-8")) <= 3_000_000
    assert "<p>9,000 more requirements, in report.json.</p>" in text
