"""What tests of agent tasks share: a small world to act in, a model that says what it is told to, a desk to work at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from engine.db import Database
from engine.memory import Embedder
from engine.segments import refresh_segment, save_segment
from engine.tasks import Desk, Reader, Task, Told, ask, get_task, steps, work_next
from engine.tenants import ALL_SCOPES
from engine.think.contract import Call, Reply, Request
from rules.conditions import Language
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.world import World

HANOI: dict[str, Any] = {"all": [{"attribute": "city", "is": "Hà Nội"}]}
SAVE = Call("create_segment", {"key": "ha-noi", "name": "Hà Nội", "conditions": [{"field": "city", "value": "Hà Nội"}]})
PLAN = Call("create_campaign", {"key": "tet", "name": "Tết", "segment": "ha-noi", "templates": ["offer"]})
START = Call("activate_campaign", {"campaign": "tet"})
NOTHING = Call("do_nothing", {"reason": "it is unclear"})


@dataclass(slots=True)
class Scripted:
    """A model whose answers are written beforehand: calls, or what it raises; `heard` are the requests it got."""

    answers: list[Sequence[Call] | Exception]
    heard: list[Request] = field(default_factory=list)

    async def call(self, request: Request, *, within_s: float) -> Reply:
        assert within_s > 0
        self.heard.append(request)
        answer = self.answers[min(len(self.heard), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return Reply(
            raw=f"<call> {answer!r}", calls=tuple(answer), model="scripted 1", prompt_hash=b"\x01" * 32, latency_ms=3.5
        )


@dataclass(slots=True)
class Office:
    """One tenant with people in Hà Nội and a template, its tasks, and a worker that takes them one by one."""

    world: World
    reader: Reader | None = None
    embedder: Embedder | None = None
    rung: list[tuple[Lane, tuple[int, ...]]] = field(default_factory=list)

    @property
    def db(self) -> Database:
        return self.world.db

    @property
    def tenant_id(self) -> UUID:
        return self.world.tenant.tenant_id

    async def ask(self, *calls: Call, text: str | None = None, **more: Any) -> Task:
        given = {"scopes": ALL_SCOPES, "locale": Language.EN, **more}
        async with self.db.transaction(self.tenant_id) as conn:
            return (await ask(conn, tenant_id=self.tenant_id, text=text, calls=calls, **given))[0]

    async def work(self, *, later: timedelta = timedelta(0), owner: str = "worker 1") -> Task | None:
        """Take the next task, `later` than now: who waits for a retry or a lease need not be waited for."""

        async def ring(tenant_id: UUID, batches: Mapping[Lane, tuple[int, ...]]) -> None:
            assert tenant_id == self.tenant_id
            self.rung.extend(batches.items())

        desk = Desk(self.db, self.reader, ring, owner, self.embedder)
        return await work_next(desk, tenant_id=self.tenant_id, now=datetime.now(UTC) + later)

    async def work_to_the_end(self, task: Task) -> Task:
        """Work until the task waits for nobody but a human."""
        for _ in range(20):
            if await self.work(later=timedelta(hours=2)) is None:
                return await self.get(task)
        raise AssertionError("it goes on and on")

    async def get(self, task: Task) -> Task:
        async with self.db.transaction(self.tenant_id) as conn:
            return await get_task(conn, tenant_id=self.tenant_id, task_id=task.task_id)

    async def trace(self, task: Task) -> list[Told]:
        async with self.db.transaction(self.tenant_id) as conn:
            return await steps(conn, tenant_id=self.tenant_id, task_id=task.task_id)

    async def moves(self, task: Task) -> list[str]:
        """The states that the task went through, after queued."""
        return [one.document["to"] for one in await self.trace(task) if one.kind == "moved"]

    async def kinds(self, task: Task) -> list[str]:
        return [str(one.kind) for one in await self.trace(task)]

    async def save_segment(self, key: str = "ha-noi") -> None:
        async with self.db.transaction(self.tenant_id) as conn:
            saved = await save_segment(conn, tenant_id=self.tenant_id, key=key, name=key, rule=HANOI)
            await refresh_segment(conn, tenant_id=self.tenant_id, segment_id=saved.segment_id)

    async def limit(self, people: int) -> None:
        await self.world.rows(
            "UPDATE tenant SET settings = %(settings)s::jsonb", settings=json.dumps({"approval": {"people": people}})
        )

    async def effects(self) -> dict[str, int]:
        """How many of each thing that a call may make."""
        counts = await self.world.rows(
            "SELECT (SELECT count(*) FROM segment) AS segments, (SELECT count(*) FROM segment_version) AS versions, "
            "(SELECT count(*) FROM campaign) AS campaigns, (SELECT count(*) FROM segment_snapshot) AS snapshots, "
            "(SELECT count(*) FROM campaign_run) AS runs, (SELECT count(*) FROM run_batch) AS batches"
        )
        return dict(counts[0])


async def office(db: Database, tenant: Tenant, *, people: int = 3, reader: Reader | None = None) -> Office:
    """Make a tenant's world to act in."""
    world = World(db, tenant)
    await world.connect()
    await world.template()
    await world.people(people)
    return Office(world, reader)
