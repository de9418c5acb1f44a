"""`leo demo` as a newcomer runs it: a process of its own, on servers of its own, ending with the JSON it promises."""

import asyncio
import contextlib
import gzip
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.demo.hillstrom import COLUMNS
from engine.processes import background
from tests.engine.embedded_places import open_directory

TIMEOUT_S = 240
PEOPLE = 600


@pytest.fixture(scope="module")
def demo_home() -> Iterator[Path]:
    """A LEO_HOME of its own; everything that a demo leaves running in it is ended."""
    with open_directory("a home") as home:
        yield home
        background.stop_all(home)


async def leo(home: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command line and give exit code, stdout and stderr."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from engine.cli import main; main()",
        *arguments,
        env=environment | {"LEO_HOME": str(home), "COLUMNS": "140"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return process.returncode or 0, out.decode(), err.decode()


def last_object(out: str) -> dict[str, Any]:
    return dict(json.loads(out.strip().splitlines()[-1]))


def sent_times(home: Path) -> Counter[str]:
    """Count how often each delivery reached the sandbox, by its event id."""
    lines = (home / "sandbox.jsonl").read_text(encoding="utf-8").splitlines()
    return Counter(json.loads(line)["event_id"] for line in lines)


async def test_a_demo_ends_with_an_explained_delivered_traced_action(demo_home: Path) -> None:
    code, out, err = await leo(demo_home, "demo", "--people", str(PEOPLE), "--json")
    assert code == 0, err
    told = last_object(out)
    assert told["profiles"] == PEOPLE
    # Everybody is decided for once, and those who left a basket behind once more.
    assert told["decisions"] > PEOPLE
    assert told["decisions"] - told["no_action"] == sum(told["deliveries"].values())
    assert told["deliveries"]["sent"] > PEOPLE / 3
    assert sum(told["gates"].values()) == told["no_action"]
    assert {"consent", "control_group", "quiet_hours"} <= set(told["gates"])
    assert {"delivered", "read", "clicked"} <= set(told["outcomes"])
    assert (told["orphans"], told["graph_differences"]) == (0, 0)
    assert "DISPATCHED_AS" in err, "the statement behind the journey is shown"
    assert "chosen by score" in err, "the journey tells who decided"


async def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_nothing(demo_home: Path) -> None:
    playing = asyncio.create_task(leo(demo_home, "demo", "--people", "1500", "--json"))
    killed = await _kill_a_working_worker(demo_home, playing)
    code, out, err = await playing
    assert code == 0, err
    told = last_object(out)
    assert killed, "the demo ended before its worker could be killed"
    # Who said no to the first message while the second waited for a worker gets no second: it is cancelled.
    assert told["deliveries"].keys() <= {"sent", "uncertain", "failed", "cancelled"}, "nothing is left half-done"
    assert told["decisions"] - told["no_action"] == sum(told["deliveries"].values())
    assert max(sent_times(demo_home).values()) == 1, "nothing is sent twice"
    assert (told["orphans"], told["graph_differences"]) == (0, 0)


def _size(record: Path) -> int:
    return record.stat().st_size if record.exists() else 0


async def _kill_a_working_worker(home: Path, playing: "asyncio.Task[Any]") -> bool:
    """SIGKILL the bulk worker once the sandbox has received some of this demo's messages."""
    record = home / "sandbox.jsonl"
    before = _size(record)
    while not playing.done():
        run = background.running(home, "worker-bulk")
        if run is not None and _size(record) > before + 20_000:
            os.kill(run.pid, signal.SIGKILL)
            return True
        await asyncio.sleep(0.01)
    return False


async def test_ctrl_c_ends_it_and_says_what_runs_on(demo_home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEO_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from engine.cli import main; main()", "demo", "--people", "20000"),
        env=environment | {"LEO_HOME": str(demo_home), "COLUMNS": "140"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert b"Starting" in await process.stdout.readline()
    await asyncio.sleep(3)  # wherever it is then
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 130
    assert "Traceback" not in out.decode() + err.decode()
    assert "What was started runs on until: .venv/bin/leo down" in out.decode()
    assert background.running(demo_home, "api") is not None


async def test_the_customers_of_a_real_test_are_played(demo_home: Path, tmp_path: Path) -> None:
    arms = ("Mens E-Mail", "Womens E-Mail", "No E-Mail")
    line = "H{},10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,{},1,{},29.99"
    lines = [line.format(one, arms[one % 3], one % 2) for one in range(90)]
    customers = tmp_path / "customers.csv.gz"
    customers.write_bytes(gzip.compress("\n".join([",".join(COLUMNS), *lines]).encode()))
    code, out, err = await leo(demo_home, "demo", "--customers", str(customers), "--json")
    assert code == 0, err
    told = last_object(out)
    assert (told["profiles"], told["deliveries"]) == (90, {"sent": 60})
    assert told["outcomes"]["bought"] == 45
    assert (told["orphans"], told["graph_differences"]) == (0, 0)


async def test_a_broken_file_of_customers_is_one_sentence_and_starts_nothing(demo_home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "customers.csv"
    broken.write_text("customer,recency\nH1,1\n")
    code, out, err = await leo(demo_home, "demo", "--customers", str(broken))
    assert code == 2
    assert "lacks the columns" in err
    assert "Traceback" not in out + err
