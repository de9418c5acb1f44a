"""An answer is remembered by all the model saw: once, for the tenant it was given for, and counted."""

from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from engine.db import Database
from engine.think.answers import Remembered, forget, known, remember, speed, usage
from engine.think.contract import Answer
from rules.words import Arbiter
from tests.conftest import Tenant

ONE, TWO = b"\x01" * 32, b"\x02" * 32


def answered(place: int, *, ms: float = 500.0, cost: float = 0.001) -> Remembered:
    given = Answer(
        place=place,
        probabilities=(0.25, 0.75),
        model="gemma@1",
        prompt_hash=b"\x09" * 32,
        latency_ms=ms,
        prompt_tokens=100,
        answer_tokens=8,
        cost=cost,
    )
    return Remembered(Arbiter.FUNCTIONGEMMA, given)


async def test_an_answer_comes_back_as_it_was_given(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        await remember(conn, answers={ONE: answered(1)})
    async with db.transaction(tenant.tenant_id) as conn:
        assert await known(conn, hashes=[ONE, TWO]) == {ONE: answered(1)}
    async with db.transaction(other_tenant.tenant_id) as conn:
        assert await known(conn, hashes=[ONE]) == {}


async def test_the_first_answer_stays(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        await remember(conn, answers={ONE: answered(1)})
        await remember(conn, answers={ONE: answered(0), TWO: answered(0)})
        found = await known(conn, hashes=[ONE, TWO])
    assert [found[one].answer.place for one in (ONE, TWO)] == [1, 0]


async def test_old_answers_are_forgotten(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        await remember(conn, answers={ONE: answered(1)})
        assert await forget(conn, before=datetime.now(UTC) - timedelta(days=1)) == 0
        assert await forget(conn, before=datetime.now(UTC) + timedelta(days=1)) == 1
        assert await known(conn, hashes=[ONE]) == {}


async def test_the_tokens_of_agent_tasks_are_counted_beside_choices(db: Database, tenant: Tenant) -> None:
    told = {"model": "gemini-3.5-flash-lite@1", "prompt_tokens": 700, "answer_tokens": 30, "cost": 0.002}
    async with db.transaction(tenant.tenant_id) as conn:
        task = await (
            await conn.execute(
                "INSERT INTO agent_task (tenant_id, kind) VALUES (%s, 'text') RETURNING task_id", (tenant.tenant_id,)
            )
        ).fetchone()
        assert task is not None
        for place, kind in enumerate(("answered", "checked", "answered")):
            await conn.execute(
                "INSERT INTO task_step (tenant_id, task_id, place, kind, document) VALUES (%s, %s, %s, %s, %s)",
                (tenant.tenant_id, task["task_id"], place, kind, Jsonb(told)),
            )
        await remember(conn, answers={ONE: answered(1)})
        used = await usage(conn, since=datetime.now(UTC) - timedelta(hours=1))
    assert [(one.arbiter, one.model, one.answers, one.prompt_tokens) for one in used] == [
        (Arbiter.FUNCTIONGEMMA, "gemma@1", 1, 100),
        (None, "gemini-3.5-flash-lite@1", 2, 1400),
    ]
    assert used[1].cost == pytest.approx(0.004)


async def test_speed_and_use_are_measured_of_what_was_answered(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as conn:
        assert (await speed(conn, arbiter=Arbiter.FUNCTIONGEMMA)).answers == 0
        given = {bytes([place]) * 32: answered(0, ms=100.0 * place) for place in range(1, 12)}
        await remember(conn, answers=given)
        measured = await speed(conn, arbiter=Arbiter.FUNCTIONGEMMA)
        used = await usage(conn, since=datetime.now(UTC) - timedelta(hours=1))
    assert (measured.answers, round(measured.mean_s, 3)) == (11, 0.6)
    assert round(measured.cost, 6) == 0.001
    assert [(one.arbiter, one.model, one.answers, one.prompt_tokens, one.answer_tokens) for one in used] == [
        (Arbiter.FUNCTIONGEMMA, "gemma@1", 11, 1100, 88)
    ]
