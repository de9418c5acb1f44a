"""Background processes: started once, recognised for good, mended by `leo up`, stopped in order, no others touched."""

import http.server
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from engine.embedded.home import is_port_free
from engine.processes import background, supervise, table, track
from engine.processes.background import Part
from engine.processes.opening import Opening, refusal
from rules.errors import Conflict, Unavailable
from tests.engine.embedded_places import settings_for

LOOPBACK = "127.0.0.1"
PORTS = itertools.count(20_000 + os.getpid() % 10_000)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    yield tmp_path
    background.stop_all(tmp_path, grace_s=2)


def free_port() -> int:
    """Give a port below those that the system hands out, so that nobody gets it between a stop and the look after."""
    return next(port for port in PORTS if is_port_free(port))


def web_server(name: str = "web", port: int | None = None) -> Part:
    """Give a part that listens: Python's own web server stands in for the API."""
    port = port or free_port()
    return Part(name=name, module="http.server", arguments=(str(port), "--bind", LOOPBACK), port=port)


def listens(port: int | None) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port or 0)) == 0


def eventually(holds: Callable[[], object], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_part_is_started_once_and_stopped(home: Path) -> None:
    part = web_server()
    first = background.start(home, part)
    eventually(lambda: listens(part.port))
    assert background.start(home, part) == first == background.running(home, "web")
    assert background.stop(home, "web") == first
    assert not listens(part.port)
    assert background.stop(home, "web") is None


def test_a_part_with_other_arguments_replaces_the_old_one(home: Path) -> None:
    old, new = web_server(), web_server()
    background.start(home, old)
    run = background.start(home, new)
    eventually(lambda: listens(new.port))
    assert not listens(old.port)
    assert background.start(home, replace(new, environment={"LEO_X": "1"})).pid != run.pid


def test_a_dead_part_is_started_again(home: Path) -> None:
    part = web_server()
    first = background.start(home, part)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: background.running(home, "web") is None)
    assert background.start(home, part).pid != first.pid


def test_a_part_gets_the_settings_it_is_given_and_no_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEO_STRAY", "1")
    run = background.start(home, replace(web_server(), environment={"LEO_HOME": "here"}))
    given = psutil.Process(run.pid).environ()
    assert given["LEO_HOME"] == "here"
    assert "LEO_STRAY" not in given


def test_run_files_hold_no_secret(home: Path) -> None:
    part = replace(web_server(), environment={"LEO_PLATFORM_KEY": "hush"}, arguments=("0", "--secret", "hush"))
    background.start(home, part)
    path = home / "run" / "web.json"
    assert "hush" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_reused_pid_is_never_signalled(home: Path) -> None:
    """The run file names a living process, but another than the one it was written for."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as bystander:
        real = track.describe("web", bystander.pid)
        track.write(home / "run", replace(real, started="boot:1"))
        assert background.running(home, "web") is None
        assert background.stop(home, "web") is None
        assert background.stop_all(home) == []
        assert bystander.poll() is None
        assert track.is_running(real)
        bystander.kill()
        bystander.wait()
        assert not track.is_running(real)


def test_a_torn_run_file_is_no_obstacle(home: Path) -> None:
    (home / "run" / "web.json").write_text('{"name": "we')
    assert background.running(home, "web") is None
    assert background.stop_all(home) == []
    assert list((home / "run").iterdir()) == []


def test_a_process_that_ignores_sigterm_is_killed(home: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    log = home / "log" / "deaf.log"
    pid = track.spawn([sys.executable, "-c", code], log=log, environment=dict(os.environ), cwd=home)
    eventually(lambda: "deaf" in log.read_text())
    run = track.describe("deaf", pid)
    assert track.stop(run, grace_s=0.2)
    assert not track.is_running(run)


def test_a_long_log_is_put_aside(home: Path) -> None:
    log = background.log_file(home, "web")
    log.write_bytes(b"x" * (track.LOG_MAX_BYTES + 1))
    background.start(home, web_server())
    assert log.stat().st_size < track.LOG_MAX_BYTES
    assert log.with_suffix(".log.1").exists()


def run_supervisor(home: Path, *parts: Part) -> tuple[supervise.Supervisor, threading.Thread, list[str]]:
    said: list[str] = []
    supervisor = supervise.Supervisor(home=home, parts=parts, say=said.append)
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    return supervisor, thread, said


def test_up_starts_a_crashed_part_again_and_says_so(home: Path) -> None:
    part = web_server()
    supervisor, thread, said = run_supervisor(home, part)
    try:
        eventually(lambda: listens(part.port))
        first = background.running(home, "web")
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: any("runs again" in line for line in said))
        eventually(lambda: listens(part.port))
    finally:
        supervisor.stopping.set()
        thread.join(timeout=30)
    assert "web ended" in said[0]
    assert not thread.is_alive()
    assert background.running(home, "web") is None
    assert not listens(part.port)


def test_up_waits_longer_each_time_for_what_ends_at_once(home: Path) -> None:
    supervisor, thread, said = run_supervisor(home, Part(name="short", module="this"))
    try:
        eventually(lambda: sum("ended" in line for line in said) >= 2)
    finally:
        supervisor.stopping.set()
        thread.join(timeout=30)
    ended = [line for line in said if "ended" in line]
    assert "in 1 s" in ended[0]
    assert "in 2 s" in ended[1]
    assert "Namespaces are one honking great idea" in ended[0]  # the last word in its log


def test_up_ends_its_parts_in_the_opposite_order(home: Path) -> None:
    parts = [web_server("first"), web_server("second")]
    supervisor, thread, _ = run_supervisor(home, *parts)
    eventually(lambda: all(listens(part.port) for part in parts))
    first, second = (background.running(home, part.name) for part in parts)
    assert first is not None
    assert second is not None
    supervisor.stopping.set()
    while thread.is_alive():
        # Looked at in this order: what is still there later was outlived by nothing that was gone before.
        is_first_there = track.is_running(first)
        assert is_first_there or not track.is_running(second)
        time.sleep(0.001)
    assert not track.is_running(first)
    assert not track.is_running(second)


def test_up_takes_over_parts_that_changed(home: Path) -> None:
    old, new = web_server(), web_server()
    supervisor, thread, _ = run_supervisor(home, old)
    try:
        eventually(lambda: listens(old.port))
        supervisor.look_after = lambda: [new]
        eventually(lambda: listens(new.port))
        assert not listens(old.port)
    finally:
        supervisor.stopping.set()
        thread.join(timeout=30)


def test_only_one_up_at_a_time(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        track.write(home / "run", track.describe(supervise.NAME, other.pid))
        with pytest.raises(Conflict, match="runs already") as caught:
            supervise.claim(home)
        assert "leo down" in caught.value.remedy
        other.kill()
        other.wait()
        supervise.claim(home)
        supervise.release(home)


class Door(http.server.BaseHTTPRequestHandler):
    """Answers as /readyz does: 503 with a reason twice, then 200."""

    answers: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        status = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        reasons = [] if status == 200 else ["PostgreSQL does not answer."]
        self.wfile.write(json.dumps({"reasons": reasons}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_where_everything_is_comes_when_the_api_answers_and_a_late_one_is_told_of_once() -> None:
    port = free_port()
    said: list[str] = []
    opening = Opening(
        url=f"http://{LOOPBACK}:{port}",
        log="api.log",
        show=lambda: said.append("the table"),
        say=said.append,
        expected_s=0.0,
    )
    opening.look()
    (late,) = said
    assert "has not answered" in late
    assert "refused" in late
    assert "api.log" in late
    Door.answers = [503, 200]
    with http.server.HTTPServer((LOOPBACK, port), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert refusal(opening.url) == "PostgreSQL does not answer."
        opening.look()
        opening.look()  # it is not asked again
        server.shutdown()
    assert said == [late, "the table"]


def test_two_homes_do_not_fight_for_a_port(tmp_path: Path) -> None:
    one, two = (table.resolved(settings_for(tmp_path / name)) for name in ("one", "two"))
    with socket.create_server((LOOPBACK, one.api_port)):
        again = table.resolved(settings_for(tmp_path / "two"))
        assert again.api_port != one.api_port
    assert table.resolved(settings_for(tmp_path / "one")).api_port == one.api_port
    assert two.sandbox_smtp_port


def test_a_port_you_set_is_never_silently_another(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taker:
        port = int(taker.getsockname()[1])
        with pytest.raises(Unavailable, match=f"Port {port}.*in use by another program") as caught:
            table.resolved(settings_for(tmp_path).model_copy(update={"api_port": port}))
    assert "LEO_API_PORT" in caught.value.remedy


def test_who_only_names_a_port_minds_no_program_that_has_it(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taker:
        port = int(taker.getsockname()[1])
        settings = settings_for(tmp_path).model_copy(update={"api_port": port})
        assert table.api_url(table.as_kept(settings)).endswith(f":{port}")
    kept = table.resolved(settings_for(tmp_path))
    assert table.as_kept(settings_for(tmp_path)) == kept
