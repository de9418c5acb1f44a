"""The command line: what it answers, with which exit code, and never a traceback for what a person can mend."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import embedded
from engine.cli import run
from engine.cli.app import COMMANDS
from engine.processes import background, supervise, track
from engine.processes.opening import refusal
from tests.engine.embedded_places import ROOT, open_directory, settings_for

LEO = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from engine.cli import main; main()"]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_directory() as path:
        monkeypatch.setenv("LEO_HOME", str(path))
        for name in ("LEO_DATABASE_URL", "LEO_ADMIN_DATABASE_URL", "LEO_REDIS_URL"):
            monkeypatch.delenv(name, raising=False)
        yield path


def leo(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*LEO, *words], capture_output=True, text=True, check=False, timeout=120)  # noqa: S603


def test_help_names_every_command_and_is_quick() -> None:
    leo("--help")  # compiled by now
    started = time.monotonic()
    shown = leo("--help")
    took_s = time.monotonic() - started
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in COMMANDS)
    assert took_s < 1.5  # 0.35 s on two idle cores


def test_help_imports_no_server_library() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from engine.cli import run; run(['--help'])\n"
        "print([name for name in ('psycopg', 'redis', 'pydantic', 'fastapi', 'arq') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "loading"),
    [
        (["worker", "--lane", "bulk"], "typer"),
        (["worker", "--lane", "bulk"], "arq"),
        (["worker", "--lane", "cron"], "arq"),
        (["api"], "fastapi"),
        (["sandbox"], "aiohttp"),
        (["sync"], "psycopg"),
        (["up"], "psycopg"),
    ],
)
def test_ctrl_c_while_a_command_is_loading_ends_it_quietly(
    home: Path, tmp_path: Path, words: list[str], loading: str
) -> None:
    # At the first import of the named library the process is interrupted, as if somebody had pressed Ctrl-C just then.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {loading!r}:\n"
        "            sys.meta_path.remove(self)\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupt())\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(ROOT)))}
    ended = subprocess.run(  # noqa: S603
        [*LEO, *words], capture_output=True, text=True, check=False, timeout=60, env=environment
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
    assert track.read_all(home / "run") == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_of_the_table_exists(name: str) -> None:
    assert run([name, "--help"]) == 0


@pytest.mark.parametrize("words", [["nosuch"], ["down", "--nosuch"], ["db", "nosuch"]])
def test_a_wrong_call_ends_with_2(words: list[str]) -> None:
    assert run(words) == 2


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("leo-activation ")


def test_a_wrong_setting_is_one_sentence_and_a_remedy(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("LEO_API_PORT", "many")
        ended = leo("down")
    assert ended.returncode == 2
    first, second = ended.stderr.splitlines()
    assert first.startswith("leo: The setting LEO_API_PORT is wrong")
    assert "LEO_API_PORT" in second
    assert ended.stdout == ""
    assert not home.exists()


@pytest.mark.parametrize(
    "url", ["postgresql://leo_app:hush@127.0.0.1:1/leo", "postgresql://leo_app:hush@nosuch.invalid/leo"]
)
def test_a_database_that_is_not_there_ends_without_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("LEO_DATABASE_URL", url)
    for words in (["db", "status"], ["db", "upgrade"], ["up"]):
        ended = leo(*words)
        assert ended.returncode == 1
        assert ended.stderr.startswith("leo: ")
        assert len(ended.stderr.splitlines()) == 2
        assert "hush" not in ended.stderr + ended.stdout
    embedded.stop(settings_for(home))


def test_a_file_that_cannot_be_used_is_told_without_a_traceback(home: Path, tmp_path: Path) -> None:
    (home / "lock").mkdir(parents=True)
    ended = leo("tenants", "list")
    assert ended.returncode == 1
    assert [line.split(":")[0] for line in ended.stderr.splitlines()] == [
        "leo",
        "     Make room or give yourself the right to it, or name another place; LEO_HOME is one too.",
    ]
    assert f"{home / 'lock'} cannot be used: Is a directory." in ended.stderr
    (home / "lock").rmdir()
    (tmp_path / "file").touch()
    ended = leo("load", "smoke", "--out", str(tmp_path / "file"))
    assert ended.returncode == 2
    assert f"{tmp_path / 'file'} cannot be written: File exists." in ended.stderr
    assert embedded.is_running(settings_for(home)) == {}, "nothing was started for it"


@pytest.mark.parametrize("option", ["--smtp-port", "--http-port"])
def test_a_port_of_the_sandbox_that_is_taken_is_told_in_one_sentence(home: Path, option: str) -> None:
    del home
    with socket.create_server(("127.0.0.1", 0)) as taker:
        port = str(taker.getsockname()[1])
        ended = leo("sandbox", "--smtp-port", "0", "--http-port", "0", option, port)
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert said.startswith(f"The sandbox cannot listen on 127.0.0.1:{port}: Address already in use.")
    assert option in said


def test_the_database_is_set_up_step_by_step(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = leo("db", "status")
    assert (first.returncode, "leo db upgrade" in first.stdout) == (1, True)
    assert first.stderr == f"A new, empty database is made for LEO_HOME, {home}.\n"
    assert run(["db", "bootstrap"]) == 0
    assert run(["db", "upgrade"]) == 0
    assert "before: no schema" in capsys.readouterr().out
    assert run(["db", "upgrade"]) == 0
    assert run(["db", "status"]) == 0
    assert run(["doctor"]) == 0
    assert set(embedded.is_running(settings_for(home))) == {"postgres"}


def test_bootstrap_prints_its_sql_for_an_administrator(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "bootstrap", "--print"]) == 0
    assert "CREATE ROLE leo_owner" in capsys.readouterr().out
    assert not home.exists()


def test_down_stops_what_runs_and_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    embedded.ensure(settings_for(home))
    assert run(["down"]) == 0
    assert [line.split(" (")[0] for line in capsys.readouterr().out.splitlines()] == [
        "stopped redis",
        "stopped postgres",
    ]
    assert run(["down"]) == 0
    assert "nothing was running" in capsys.readouterr().out
    assert run(["down", "--erase"]) == 0
    assert not home.exists()


def test_doctor_speaks_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert document["well"] is True
    assert {"area", "state", "text", "remedy"} == set(document["findings"][0])
    assert not home.exists()


def start_up() -> subprocess.Popen[str]:
    return subprocess.Popen([*LEO, "up"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"leo up ended without {text!r}:\n{seen}")


def wait_for_parts(home: Path) -> None:
    """Wait until each part is written down: what was started and not yet written down would go on."""
    deadline = time.monotonic() + 60
    while not all(background.running(home, name) for name in ("sandbox", "api", "worker-realtime", "worker-bulk")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_runs_everything_until_it_is_told_to_end(home: Path, number: signal.Signals) -> None:
    with start_up() as process:
        shown = read_until(process, "End: Ctrl-C")
        # Whoever follows a link that was just shown is answered.
        found = re.search(r"http://127\.0\.0\.1:\d+(?=/docs)", shown)
        assert found is not None
        assert refusal(found.group()) is None
        assert all(
            name in shown
            for name in ("PostgreSQL", "Redis", "sandbox", "api", "worker-realtime", "worker-bulk", "console")
        )
        again = leo("up")
        assert again.returncode == 1
        assert "runs already" in again.stderr
        started = time.monotonic()
        os.kill(process.pid, number)
        assert "has ended" in read_until(process, "has ended")
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - started < 20
    assert [run for run in track.read_all(home / "run") if track.is_running(run)] == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_up_that_is_ended_while_it_starts_leaves_nothing(home: Path, number: signal.Signals, code: int) -> None:
    with start_up() as process:
        deadline = time.monotonic() + 60
        while "postgres" not in (runs := embedded.is_running(settings_for(home))) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, number)
        said, _ = process.communicate(timeout=60)
    assert runs
    assert process.returncode == code
    assert "Traceback" not in said
    assert "End: Ctrl-C" not in said
    assert [run for run in track.read_all(home / "run") if track.is_running(run)] == []


def test_down_ends_an_up_of_another_terminal(home: Path) -> None:
    with start_up() as process:
        read_until(process, "End: Ctrl-C")
        ended = leo("down")
        assert "stopped leo up" in ended.stdout
        assert process.wait(timeout=60) == 0
    assert track.read(home / "run", supervise.NAME) is None


def test_up_after_a_killed_up_takes_everything_over(home: Path) -> None:
    with start_up() as process:
        read_until(process, "End: Ctrl-C")
        wait_for_parts(home)
        process.kill()
    assert embedded.is_running(settings_for(home))
    with start_up() as process:
        read_until(process, "End: Ctrl-C")
        os.kill(process.pid, signal.SIGTERM)
        read_until(process, "has ended")
    assert run(["down"]) == 0
    assert [run for run in track.read_all(home / "run") if track.is_running(run)] == []
