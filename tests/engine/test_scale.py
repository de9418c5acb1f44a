"""`leo bench scale`: what more workers bring and what limits them, and what units cost as people grow."""

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from engine.bench import Place, Result, growth, namespaces, scale, site
from engine.bench.capacity import written
from engine.bench.curves import charts
from engine.bench.tenant import Bench
from engine.bench.usage import Usage
from engine.settings import Settings
from tests.engine.embedded_places import ROOT


def _usage(busy: float, **waits: float) -> Usage:
    return Usage(cores={"workers": 0.7, "PostgreSQL": 0.9}, busy=busy, all_cores=2, waits=waits)


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (_usage(1.9, work=1.0), "the processor: 1.90 of 2 cores busy (workers 0.70, PostgreSQL 0.90, others 0.30)"),
        (Usage({"workers": 0.3}, 2.0, 2, {}), "the processor, most of it other programs': 2.00 of 2 cores busy"),
        (_usage(1.0, work=0.5, commits=1.5), "commits: 1.5 of 2.0 sessions wait"),
        (_usage(1.0, locks=3.0), "locks: 3.0 of 3.0 sessions wait"),
        (
            _usage(1.3, work=0.5),
            "the workers' own threads, which compute and wait for PostgreSQL by turns: 0.70 of a core",
        ),
        (Usage({"workers": 0.7}, 0.8, 2, {"work": 0.1}, workers=2), "waiting for the provider: 0.80 of 2 cores busy"),
        (Usage({"workers": 0.1}, 0.4, 2, {}), "waiting for the provider"),
    ],
)
def test_the_limit_is_named_by_what_was_measured(usage: Usage, said: str) -> None:
    assert said in usage.limit


LEFT_BEHIND = """
import os, signal
from engine.bench import namespaces
with namespaces.made(2) as hosts:
    print(*hosts.names, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not namespaces.are_allowed(), reason="needs network namespaces")
def test_what_a_killed_benchmark_left_of_its_network_is_removed_by_the_next() -> None:
    argv = [sys.executable, "-c", LEFT_BEHIND]
    killed = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)  # noqa: S603 - ours
    left = killed.stdout.split()
    assert (len(left), killed.returncode) == (2, -signal.SIGKILL), killed.stderr
    assert set(left) <= set(re.findall(r"leo-[\w-]+", namespaces._told("netns")))
    with namespaces.made(1) as hosts:
        there = set(re.findall(r"leo-[\w-]+", namespaces._told("netns") + namespaces._told("link")))
        assert there & {*left, left[0].rpartition("-")[0]} == set()
        assert set(hosts.names) <= there, "what is at work is left alone"
        namespaces.remove_stale()
        assert set(hosts.names) <= set(re.findall(r"leo-[\w-]+", namespaces._told("netns")))


@pytest.fixture
def place(admin_url: str, settings: Settings) -> Place:
    return Place(admin_url=admin_url, settings=settings, say=lambda _text: None)


async def test_two_workers_share_one_run_and_it_is_known_who_worked(place: Place) -> None:
    async with scale._opened(place) as bench:
        measured = await bench.throughput(2, 200)
        # Where the system lets us, each worker is as on a host of its own.
        assert (bench.hosts is not None) == namespaces.are_allowed()
    assert measured.per_s > 0
    assert {"workers", "sandbox", "redis", "PostgreSQL"} == set(measured.usage.cores)
    assert measured.usage.cores["workers"] > 0
    assert measured.usage.cores["PostgreSQL"] > 0
    assert measured.usage.busy <= measured.usage.all_cores + 0.1


async def test_each_kind_of_work_is_measured_at_each_size_and_on_disk(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "PAGES", 4)
    async with site.opened(place) as opened:
        await opened.start_sandbox()
        bench = Bench(place, opened.db, UUID(int=0), 0, datetime.now(UTC))
        costs, taken = await growth.measure(opened, sizes=[300, 900], bench=bench)
    found = growth.figures(costs, taken)
    assert [one.people for one in costs] == [300, 900]
    assert {f"growth_{kind}" for kind in growth.KINDS} <= set(found)
    assert {f"{kind}_us_{people}" for kind in growth.KINDS for people in (300, 900)} <= set(found)
    assert taken.profile > taken.profile_graph > 0
    assert all(value > 0 for name, value in found.items() if not name.startswith("bytes_"))
    drawn = charts(found | {f"{name}per_s_{count}": 1.0 for name in ("", "slow_") for count in scale.WORKERS})
    assert [len(line.points) for line in drawn["growth"].lines] == [2] * len(growth.KINDS)


@pytest.mark.parametrize(
    ("busy", "gain", "met"),
    [
        pytest.param((0.8, 1.3, 1.3), 1.2, [], id="cores were left"),
        pytest.param((1.4, 1.7, 1.7), 1.2, [], id="one left too little, but two did not take it"),
        pytest.param((1.2, 1.9, 1.9), 1.2, [], id="one left enough, and two used it up for less"),
        pytest.param((1.4, 1.9, 1.9), 1.2, ["fast", "slow"], id="two took all that one left"),
        pytest.param((0.8, 1.3, 1.3), 1.6, ["fast", "slow"], id="as much as is asked for"),
    ],
)
def test_a_gain_counts_where_it_is_all_that_cores_allow(busy: tuple[float, ...], gain: float, met: list[str]) -> None:
    rates = (100.0, 100.0 * gain, 100.0 * gain)
    runs = [
        scale.Throughput(count, rate, _usage(cores, work=1.0))
        for count, rate, cores in zip(scale.WORKERS, rates, busy, strict=True)
    ]
    grown = {f"growth_{kind}": 1.0 for kind in growth.KINDS}
    result: Result = scale._result(1_000_000, runs, runs, grown, is_apart=True)
    assert [name for name, bar in zip(("fast", "slow"), result.bars, strict=False) if bar.is_met] == met


def test_a_gain_says_what_the_limit_was() -> None:
    runs = [scale.Throughput(count, 100.0, _usage(1.9, work=1.0)) for count in scale.WORKERS]
    grown = {f"growth_{kind}": 1.0 for kind in growth.KINDS}
    result: Result = scale._result(1_000_000, runs, runs, grown, is_apart=True)
    assert "with 2: the processor: 1.90 of 2 cores busy" in result.bars[0].text


def test_the_pictures_of_the_documentation_are_drawn_from_its_figures() -> None:
    docs = Path(__file__).parents[2] / "docs"
    figures = json.loads((docs / "scale.json").read_text(encoding="utf-8"))["figures"]
    for name, chart in charts(figures).items():
        assert (docs / "images" / f"{name}.svg").read_text(encoding="utf-8") == chart.svg()
    page = (docs / "capacity.md").read_text(encoding="utf-8")
    assert page == written(page, figures), "python -m engine.bench.curves writes its tables"


def test_a_table_that_has_no_place_on_the_page_is_missed() -> None:
    docs = Path(__file__).parents[2] / "docs"
    figures = json.loads((docs / "scale.json").read_text(encoding="utf-8"))["figures"]
    page = (docs / "capacity.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="0 places for bytes"):
        written(page.replace("<!-- bytes -->", ""), figures)
    assert written(page, figures | {"per_s_2": 2.0}) != page
