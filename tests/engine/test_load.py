"""`leo load`: what a stage asks of k6, when a step counts as broken, the report. `.ci/run` runs the smoke stage."""

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st

from engine import lanes
from engine.bench.chart import Chart, Line
from engine.db import Database
from engine.embedded import Servers
from engine.load import report
from engine.load.backlog import Sample, read
from engine.load.judge import breaking_point, judge
from engine.load.memory import LEAST_SAMPLES, Curve, Memory, growth
from engine.load.plan import SCRIPTS, Stage, Thresholds
from engine.load.points import DURATION, FAILED, Points
from engine.load.run import Ran, _program
from engine.metrics.page import Page
from engine.processes import background
from engine.processes.background import Part
from engine.settings import Settings
from rules.errors import InvalidInput

STAGES = list(json.loads((SCRIPTS / "stages.json").read_text())["stages"])
BEGAN = 1_000_000.0


def metrics(stage: Stage, **changed: dict[int, float]) -> dict[str, Any]:
    """What k6 tells of a stage in which everything went well, but for what is `changed` by step."""
    made: dict[str, Any] = {}
    for step in stage.steps:
        p95 = changed.get("p95", {}).get(step.place, 50.0)
        failed = changed.get("failed", {}).get(step.place, 0.0)
        dropped = changed.get("dropped", {}).get(step.place, 0.0)
        made[f"http_req_duration{{step:{step.place}}}"] = {"values": {"p(95)": p95, "count": 100}}
        made[f"http_req_failed{{step:{step.place}}}"] = {"values": {"rate": failed}}
        made[f"checks{{step:{step.place}}}"] = {"values": {"rate": 1.0}}
        made[f"dropped_iterations{{step:{step.place}}}"] = {"values": {"count": dropped}}
    return made


def drained_after(stage: Stage, **late: float) -> list[Sample]:
    """A backlog of 100 in each step that is gone 2 s after its end, or so much later."""
    samples = []
    for step in stage.steps:
        gone_s = step.ends_s + late.get(f"step_{step.place}", 2.0)
        samples += [Sample(BEGAN + at, 100, 0) for at in range(step.begins_s, int(gone_s))]
        samples.append(Sample(BEGAN + gone_s, 0, 0))
    return sorted(samples, key=lambda sample: sample.at)


def test_the_load_stage_is_5000_profiles_a_minute_for_three_minutes_within_the_promised_limits() -> None:
    stage = Stage.read("load")
    assert [(step.per_minute, step.seconds) for step in stage.steps] == [(5_000, 180)]
    assert abs(stage.people - 15_000) < stage.people * 0.001
    assert stage.thresholds == Thresholds(response_p95_ms=200, error_rate=0, backlog_drain_s=10)


def test_the_stress_stage_climbs_to_30000_within_the_same_limits() -> None:
    stage = Stage.read("stress")
    rates = [step.per_minute for step in stage.steps]
    assert rates == sorted(rates)
    assert (rates[0], rates[-1]) == (5_000, 50_000)
    assert stage.seeks_limit
    assert stage.thresholds == Stage.read("load").thresholds


def test_an_unknown_stage_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput) as refused:
        Stage.read("siege")
    assert all(name in refused.value.remedy for name in STAGES)


@pytest.mark.parametrize(("name", "seconds"), [("stress", 60), ("soak", 4)])
def test_only_a_stage_of_one_step_may_last_otherwise_and_no_shorter_than_a_wave(name: str, seconds: int) -> None:
    with pytest.raises(InvalidInput, match="cannot last"):
        Stage.read(name, seconds=seconds)


def test_k6_lasts_as_long_as_the_stage_that_was_asked_for() -> None:
    stage = Stage.read("soak", seconds=300)
    assert (stage.seconds, stage.people) == (300, 60 * 417)
    options = _inspected("soak", SECONDS="300")
    (launches,) = [made for name, made in options["scenarios"].items() if name.startswith("activate_")]
    assert (launches["duration"], launches["env"]["WAVES"]) == ("5m0s", "60")


@pytest.mark.parametrize("name", STAGES)
def test_k6_launches_every_campaign_of_a_stage_and_holds_it_to_its_limits(name: str) -> None:
    stage = Stage.read(name)
    options = _inspected(name)
    launches = [options["scenarios"][f"activate_{step.place}"] for step in stage.steps]
    assert [int(one["env"]["FIRST_WAVE"]) for one in launches] == [step.waves[0] for step in stage.steps]
    held = options["thresholds"]["http_req_duration"]
    assert held == [f"p(95)<={stage.thresholds.response_p95_ms}"]


def _inspected(stage: str, **given: str) -> dict[str, Any]:
    """What k6 makes of its scripts."""
    with tempfile.TemporaryDirectory() as directory:
        site = Path(directory) / "site.json"
        site.write_text(json.dumps({"url": "", "key": "", "people": 1, "campaigns": []}))
        told = {"STAGE": stage, "SITE": str(site), **given}
        words = [word for name, value in told.items() for word in ("-e", f"{name}={value}")]
        done = subprocess.run(  # noqa: S603 - our own scripts
            [_program(), "inspect", *words, str(SCRIPTS / "activation.js")],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            env={"HOME": directory},
        )
    assert done.returncode == 0, done.stderr
    options: dict[str, Any] = json.loads(done.stdout)
    return options


@pytest.mark.parametrize(
    ("changed", "late", "why"),
    [
        ({"p95": {2: 201.0}}, {}, "p95 of 201 ms"),
        ({"failed": {2: 0.001}}, {}, "0.10% of requests"),
        ({"dropped": {2: 3.0}}, {}, "3 requests could not be sent"),
        ({}, {"step_2": 11.0}, "gone after 11 s"),
        ({}, {"step_2": 13.0}, "not gone before the next step"),
    ],
)
def test_the_first_step_at_which_a_limit_breaks_is_named(
    changed: dict[str, dict[int, float]], late: dict[str, float], why: str
) -> None:
    stage = Stage.read("stress")
    steps = judge(stage, metrics(stage, **changed), drained_after(stage, **late), began=BEGAN)
    broken = breaking_point(steps)
    assert broken is not None
    assert broken.step.per_minute == 20_000
    assert any(why in reason for reason in broken.broken)
    assert not any(step.broken for step in steps[:2])


def test_a_stage_within_its_limits_has_no_breaking_point() -> None:
    stage = Stage.read("stress")
    steps = judge(stage, metrics(stage, p95={0: 200.0}), drained_after(stage, step_1=10.0), began=BEGAN)
    assert breaking_point(steps) is None
    assert [step.drain_s for step in steps][:2] == [2.0, 10.0]


def test_where_steps_follow_each_other_only_the_last_has_to_leave_nothing() -> None:
    stage = Stage.read("spike")
    waiting = [Sample(BEGAN + at, 10, 10) for at in range(stage.seconds)]
    steps = judge(stage, metrics(stage), [*waiting, Sample(BEGAN + stage.seconds + 4, 0, 0)], began=BEGAN)
    assert [step.drain_s for step in steps] == [None, None, 4.0]
    assert breaking_point(steps) is None


PAGE = b"""# TYPE leo_backlog_batches gauge
leo_backlog_batches{lane="bulk",state="due"} 2.0
leo_backlog_batches{lane="realtime",state="due"} 1.0
leo_backlog_batches{lane="bulk",state="later"} 70.0
leo_backlog_messages{lane="bulk",state="due"} 30.0
leo_backlog_messages{lane="bulk",state="held"} 500.0
leo_backlog_messages{lane="realtime",state="due"} 4.0
leo_messages_in_hand{lane="bulk"} 5.0
"""


def test_the_backlog_is_what_is_due_or_in_hand_in_both_lanes() -> None:
    assert read(PAGE, at=1.0) == Sample(1.0, batches=3, messages=39)


def test_figures_that_the_api_could_not_read_are_no_empty_backlog() -> None:
    assert read(b'leo_source_up{source="postgresql"} 0.0\n', at=1.0) is None


async def test_the_api_tells_its_backlog_under_the_names_that_are_read(
    database_url: str, servers: Servers, settings: Settings
) -> None:
    queues = lanes.connect(servers.redis_url)
    try:
        async with Database.open(database_url, settings) as db:
            page = await Page(db, queues).text()
    finally:
        await queues.aclose()
    assert read(page, at=1.0) == Sample(1.0, 0, 0)


@settings_(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 5_000), st.booleans()), min_size=1, max_size=60))
def test_every_request_is_counted_in_one_second(requests: list[tuple[float, float, bool]]) -> None:
    points = Points.of(
        point
        for at, took_ms, is_failed in requests
        for point in ((DURATION, BEGAN + at, took_ms), (FAILED, BEGAN + at, float(is_failed)))
    )
    assert sum(len(second.times_ms) for second in points.seconds) == len(requests)
    assert sum(second.failed for second in points.seconds) == sum(failed for _, _, failed in requests)
    assert points.began <= BEGAN + min(at for at, _, _ in requests)


def _ran(*, of: str = "stress", memory: Mapping[str, Curve] = MappingProxyType({}), **changed: Any) -> Ran:
    stage = Stage.read(of)
    samples = drained_after(stage)
    told = metrics(stage, p95={3: 900.0})
    told["http_req_duration{name:<trace>}"] = {"values": {"count": 1, "med": 1, "p(95)": 1, "p(99)": 1, "max": 1}}
    points = Points.of([(DURATION, BEGAN + 0.1, 20.0), (DURATION, BEGAN + 3, 40.0), (FAILED, BEGAN + 3, 0.0)])
    came = {
        "activated": stage.people,
        "decisions": stage.people,
        "messages": {"sent": 5},
        "events": 1,
        "outcomes": 1,
        "graph_differences": 0,
        **changed,
    }
    return Ran(
        stage, {"metrics": told}, points, tuple(samples), judge(stage, told, samples, began=BEGAN), came, 0, memory
    )


def test_the_report_stands_alone_and_names_the_breaking_point() -> None:
    page = report.page(_ran())
    assert "30,000 profiles a minute (p95 of 900 ms is above 200 ms)" in page
    assert page.count("<svg") == 4
    assert "&lt;trace&gt;" in page
    assert not [
        word for word in ("http:", "https:", "src=", "<script") if word in page.replace("http://www.w3.org", "")
    ]


def test_the_summary_is_k6s_own_with_the_backlog_beside_it() -> None:
    document = _ran().as_document()
    assert "http_req_failed{step:0}" in document["metrics"]
    assert (document["backlog_max"], document["backlog_drain_s"]) == (100, 2.0)
    assert document["breaking_point"]["per_minute"] == 30_000
    assert document["met"]


@pytest.mark.parametrize("changed", [{"activated": 1}, {"graph_differences": 2}, {"messages": {"queued": 1}}])
def test_fast_is_not_met_where_something_is_lost(changed: dict[str, Any]) -> None:
    assert not _ran(**changed).is_met


@settings_(max_examples=40, deadline=None)
@given(
    st.text(max_size=12),
    st.lists(st.tuples(st.floats(1, 1e7), st.floats(0, 1e6)), min_size=1, max_size=30),
    st.sampled_from(["log", "linear"]),
)
def test_a_chart_is_well_formed_and_keeps_its_points_inside(title: str, points: list[Any], axis: str) -> None:
    title = "".join(mark for mark in title if mark.isprintable())
    drawn = Chart(title, [Line(title, sorted(points))], "ms", "s", limit=5.0, is_log=axis == "log").svg()
    root = ET.fromstring(drawn)  # noqa: S314 - written a line above
    _, _, width, height = (float(word) for word in root.attrib["viewBox"].split())
    line = root.find("{http://www.w3.org/2000/svg}polyline")
    assert line is not None
    for pair in line.attrib["points"].split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_a_process_that_holds_more_and_more_memory_breaks_the_soak() -> None:
    even = [(BEGAN + at, 200.0) for at in range(300)]
    caches = [(BEGAN + at, min(200.0, 100.0 + at)) for at in range(300)]
    leaking = [(BEGAN + at, 200.0 + at) for at in range(300)]
    ran = _ran(of="soak", memory={"api": even, "worker-bulk-0": caches, "sandbox": leaking})
    assert (ran.growth, ran.is_met) == ({"api": 1.0, "worker-bulk-0": 1.0}, True)
    ran = _ran(of="soak", memory={"api": even, "worker-bulk-0": leaking})
    assert (list(ran.leaks), ran.is_met) == (["worker-bulk-0"], False)
    assert "worker-bulk-0" in report.lines(ran)[-1]
    assert report.page(ran).count("<svg") == 5
    assert ran.as_document()["memory_growth"]["worker-bulk-0"] > 1.2


def test_the_memory_of_each_process_of_ours_is_looked_at(tmp_path: Path) -> None:
    assert growth({"api": [(BEGAN, 1.0)] * (LEAST_SAMPLES - 1)}) == {}
    memory = Memory(tmp_path)
    run = background.start(tmp_path, Part(name="api", module="http.server", arguments=("0",)))
    try:
        # A process that has only just begun holds next to nothing.
        until = time.monotonic() + 30
        while time.monotonic() < until and all(held < 1 for _, held in memory.curves.get("api", ())):
            memory.look()
    finally:
        background.stop(tmp_path, run.name)
    at, megabytes = memory.curves["api"][-1]
    assert abs(at - time.time()) < 30
    assert megabytes > 1
