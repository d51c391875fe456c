"""The HTML report in a real browser: Chromium, driven over its debugging pipe.

Needs ``chromium`` on the path. With ``DEVSECOPS_AXE`` naming a copy of ``axe.min.js``, the page is
checked for accessibility as well, light and dark, wide and narrow.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_devsecops.reports.html_page import render
from pytest_devsecops.reports.model import Report

pytestmark = pytest.mark.slow

SAMPLES = runpy.run_path(str(Path(__file__).parents[1] / "reports" / "conftest.py"))
TIMEOUT = 60.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
#: The browser reads its commands from file descriptor 3 and answers on 4; this puts them there.
_PLACE_PIPES = (
    "import fcntl, os, sys\n"
    "for place, number in enumerate([fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]], 3):\n"
    "    os.dup2(number, place)\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)
LAUNCHER = (sys.executable, "-c", _PLACE_PIPES)


class Browser:
    """Chromium, spoken to in the DevTools protocol: JSON messages that end with a zero byte."""

    def __init__(self, chromium: str, profile: Path) -> None:
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._process = subprocess.Popen(
            [*LAUNCHER, str(to_browser), str(from_browser), chromium, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **params: object) -> dict[str, Any]:
        """Send a command and return its result; what happens meanwhile is kept in ``events``."""
        self._number += 1
        message = {
            "id": self._number,
            "method": method,
            "params": params,
            **({"sessionId": session} if session else {}),
        }
        self._send(message)
        while (answer := self._receive()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return cast("dict[str, Any]", answer["result"])

    def wait_for(self, event: str) -> None:
        """Wait until ``event`` has happened."""
        while not any(one["method"] == event for one in self.events):
            self.events.append(self._receive())

    def close(self) -> None:
        """Stop the browser."""
        self._process.terminate()
        self._process.wait(TIMEOUT)
        os.close(self._out)
        os.close(self._in)

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], TIMEOUT)
            assert ready, "the browser did not answer"
            chunk = os.read(self._in, 1 << 20)
            assert chunk, "the browser went away"
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return cast("dict[str, Any]", json.loads(message))


class Page:
    """One page that shows a report."""

    def __init__(
        self, browser: Browser, path: Path, fragment: str = "", *, width: int = 1280, dark: bool = False
    ) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        browser.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=f"{path.as_uri()}{fragment}")
        browser.wait_for("Page.loadEventFired")

    def call(self, method: str, **params: object) -> dict[str, Any]:
        return self.browser.call(method, self.session, **params)

    def js(self, expression: str) -> Any:  # noqa: ANN401 - any JSON value
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed)

    def told(self, *methods: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self.browser.events if one["method"] in methods]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        assert "CI" not in os.environ, "chromium is not installed, and this run must not do without it"
        pytest.skip("chromium is not installed")
    started = Browser(chromium, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    made: dict[str, Report] = {
        "sample": SAMPLES["sample"](),
        "hostile": SAMPLES["hostile"](),
        "empty": SAMPLES["build"]([]),
        "large": SAMPLES["large"](10_000, 500),
    }
    paths = {name: folder / f"{name}.html" for name in made}
    for name, report in made.items():
        paths[name].write_text(render(report), encoding="utf-8")
    return paths


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]) -> Callable[..., Page]:
    def show(name: str, fragment: str = "", *, width: int = 1280, dark: bool = False) -> Page:
        return Page(browser, files[name], fragment, width=width, dark=dark)

    return show


ROWS = "document.querySelectorAll('tr.row').length"
IDS = "[...document.querySelectorAll('tr.row .id')].map(e => e.textContent)"


@pytest.mark.parametrize("name", ["sample", "hostile", "empty", "large"])
def test_the_page_loads_without_a_complaint_and_without_the_network(opened: Callable[..., Page], name: str) -> None:
    page = opened(name)
    page.js("document.querySelectorAll('.toggle').forEach((e, i) => i < 20 && e.click())")
    page.js("document.querySelectorAll('summary').forEach((e) => e.click())")
    page.js("new Promise((done) => setTimeout(done, 100))")
    assert page.told("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown") == []
    assert [one["request"]["url"] for one in page.told("Network.requestWillBeSent")] == [
        page.js("location.href.split('#')[0]")
    ]
    assert page.told("Page.javascriptDialogOpening") == []


def test_every_requirement_has_a_row_and_those_not_met_come_first(opened: Callable[..., Page]) -> None:
    page = opened("sample")
    assert page.js(IDS) == [
        *["REC-1", "DEP-1", "DEP-2", "PIPE-9", "WEB-3", "REC-2", "tests/test_misc.py::test_headers"],
        *["DEP-3", "ID-1", "WEB-2"],
    ]
    assert page.js("document.querySelectorAll('tr.row th[scope=row]').length") == 10
    assert page.js("document.querySelectorAll('thead th[scope=col]').length") == 5


@pytest.mark.parametrize(
    ("fragment", "ids"),
    [
        ("#status=met", ["ID-1", "WEB-2"]),
        ("#status=met,waived&owner=dev", ["DEP-3", "WEB-2"]),
        ("#family=recovery", ["REC-1", "REC-2"]),
        ("#severity=low", ["DEP-3"]),
        ("#q=left-pad-6", ["DEP-1"]),
        ("#q=uv.lock%20LEFT-PAD-1", ["DEP-1", "DEP-3"]),
        ("#status=met&sort=id&order=reverse", ["WEB-2", "ID-1"]),
        ("#q=%3Cscript%3E", []),
        ("#status=nonsense", 10),
    ],
)
def test_the_hash_chooses_what_is_shown(opened: Callable[..., Page], fragment: str, ids: list[str] | int) -> None:
    page = opened("sample", fragment)
    if isinstance(ids, int):
        assert page.js(ROWS) == ids
    else:
        assert page.js(IDS) == ids


def test_what_is_chosen_stands_in_the_hash(opened: Callable[..., Page]) -> None:
    page = opened("sample")
    page.js("document.querySelector('button.count[data-status=violated]').click()")
    page.js("document.querySelector('.toggle').click()")
    assert page.js("location.hash") == "#status=violated&open=REC-1"
    assert page.js("document.querySelector('#shown').textContent") == "2 of 10 requirements"
    page.js("location.hash = '#owner=platform'")
    page.js("new Promise((done) => setTimeout(done, 100))")
    assert page.js(IDS) == ["PIPE-9"]


def test_details_are_made_on_opening(opened: Callable[..., Page]) -> None:
    page = opened("sample")
    assert page.js("document.querySelectorAll('.detail').length") == 0
    page.js("document.querySelectorAll('.toggle')[1].click()")
    panel = page.js("document.querySelector('.detail').innerText")
    assert "Tests linked to this requirement (1)" in panel
    assert "Remedy: ask the owner of the allow list for clearance, or remove it" in panel
    assert "Examined: 143 dependencies, 12 rules, from uv.lock" in panel
    assert page.js("document.querySelectorAll('.findings > li').length") == 7
    assert "cd34cd34" not in panel
    page.js("document.querySelector('.check > details').open = true")
    page.js("new Promise((done) => setTimeout(done, 100))")
    assert "cd34cd34" in page.js("document.querySelector('.check > details').innerText")


def test_limits_stand_beside_what_was_measured(opened: Callable[..., Page]) -> None:
    page = opened("sample", "#open=REC-1")
    cells = page.js("[...document.querySelectorAll('.panel table tbody tr')].map(e => e.innerText.split('\\t'))")
    assert cells == [["rto", "41m", "30m", "above"], ["rpo", "1h", "25h", "within"]]


def test_the_keyboard_reaches_and_opens_a_requirement(opened: Callable[..., Page]) -> None:
    page = opened("sample")
    for _ in range(40):
        page.press("Tab", 9)
        if page.js("document.activeElement.className") == "toggle":
            break
    page.press("Enter", 13, "\r")
    assert page.js("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.press("Tab", 9)
    assert page.js("document.activeElement.tagName") == "SUMMARY"


def test_paper_shows_everything_open(opened: Callable[..., Page]) -> None:
    page = opened("sample")
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("document.querySelectorAll('tr.detail:not([hidden])').length") == 10
    assert page.js("[...document.querySelectorAll('details')].every(e => e.open && e.childElementCount > 1)")
    assert len(page.call("Page.printToPDF")["data"]) > 10_000
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js("document.querySelectorAll('tr.detail:not([hidden])').length") == 0


def test_ten_thousand_tests_load_within_a_second(opened: Callable[..., Page]) -> None:
    loaded = "performance.getEntriesByType('navigation')[0].loadEventEnd"
    page = opened("large")
    loads = [page.js(loaded), opened("large").js(loaded), opened("large").js(loaded)]
    assert page.js("document.querySelectorAll('*').length") < 5_000
    assert page.js("document.querySelector('#shown').textContent").startswith("10,000 of 10,000 requirements")
    assert min(loads) <= 1_000


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["sample", "hostile", "empty"])
def test_nothing_is_wider_than_the_window(opened: Callable[..., Page], name: str, width: int) -> None:
    page = opened(name, "#open=DEP-1&open=REC-1&open=BAD-1", width=width)
    assert page.js("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["sample", "empty"])
def test_axe_finds_no_barrier(opened: Callable[..., Page], name: str, width: int, *, dark: bool) -> None:
    axe = os.environ.get("DEVSECOPS_AXE")
    if axe is None:
        pytest.skip("DEVSECOPS_AXE does not name a copy of axe.min.js")
    page = opened(name, "#open=DEP-1&open=REC-1&open=DEP-3", width=width, dark=dark)
    page.js("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    page.js("new Promise((done) => setTimeout(done, 200))")
    assert page.js("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    page.js(f"{Path(axe).read_text(encoding='utf-8')}; 0")
    barriers = page.js("axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html)]))")
    assert barriers == []
