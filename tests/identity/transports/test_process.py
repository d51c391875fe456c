"""Applications in a process of our own."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_devsecops.identity import process_target
from pytest_devsecops.identity.errors import UnreachableError
from pytest_devsecops.identity.live import Live

pytestmark = pytest.mark.slow

_SERVER = """
import http.server, json, os, subprocess, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/hang":
            time.sleep(30)
        if self.path == "/end":
            os._exit(7)
        body = json.dumps({"pid": os.getpid(), "child": child.pid, "text": os.environ.get("TEXT"),
                           "client": self.client_address[0]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        print("asked for", words[1], flush=True)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def server(tmp_path: Path) -> str:
    script = tmp_path / "server.py"
    script.write_text(_SERVER)
    return f"{sys.executable} {script} {{port}}"


def _is_gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_starts_answers_and_ends_with_its_children(server: str) -> None:
    target = process_target(server, env={"TEXT": '{"at": "{base_url}"}'})
    with Live(target) as live:
        answer = live.browser("127.0.0.9").get("/").json()
        assert answer["text"] == f'{{"at": "{target.base_url}"}}'
        assert answer["client"] == "127.0.0.9"
    with Live(target) as live:
        assert live.browser().get("/").json()["pid"] == answer["pid"], "one process for as long as the target lives"
    del target, live
    gc.collect()
    assert _is_gone(answer["pid"])
    assert _is_gone(answer["child"])


def test_a_process_that_ends_at_once_shows_its_output() -> None:
    target = process_target([sys.executable, "-c", "print('no such database'); raise SystemExit(3)"])
    with pytest.raises(UnreachableError, match=r"(?s)exit code 3 before it answered.*no such database"):
        Live(target)


def test_a_process_that_never_answers_has_a_time_limit() -> None:
    target = process_target([sys.executable, "-c", "import time; time.sleep(60)"], patience=0.5)
    with pytest.raises(UnreachableError, match=r"did not answer at / within 0.5 seconds"):
        Live(target)


def test_a_request_that_hangs_and_a_process_that_dies_are_told_with_the_output(server: str) -> None:
    hangs = pytest.raises(UnreachableError, match=r"no response within 0.3 seconds")
    with Live(process_target(server, timeout=0.3)) as live, hangs:
        live.browser().get("/hang")
    with Live(process_target(server)) as live:
        live.browser().get("/page")
        with pytest.raises(UnreachableError, match=r"(?s)no response.*asked for .*/page"):
            live.browser().get("/end")


def test_it_ends_even_if_the_test_run_is_killed(server: str, tmp_path: Path) -> None:
    words = server.split()
    script = tmp_path / "run.py"
    script.write_text(
        "import time\nfrom pytest_devsecops.identity import process_target\n"
        "from pytest_devsecops.identity.live import Live\n"
        f"live = Live(process_target({words!r}))\n"
        "print(live.browser().get('/').json()['pid'], flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
    assert _is_gone(pid)
