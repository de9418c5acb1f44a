"""Which messages that failed are followed by another channel, in which run, and which by nothing."""

import asyncio
from datetime import UTC, datetime
from typing import Any, LiteralString

import pytest
from psycopg.types.json import Jsonb

from engine.queries import queries
from tests.engine.acts import Act
from tests.engine.stand_ins import fallbacks, two_channels
from tests.engine.world import ALWAYS

A_DAY = {"hours": 24}
OVER: dict[str, LiteralString] = {
    "its time": "UPDATE delivery_log SET expires_at = now() - interval '1 s'",
    "its campaign": "UPDATE campaign SET status = 'ended'",
    "its run": "UPDATE campaign_run SET status = 'cancelled'",
}


async def _fails(act: Act, place: int = 0, *, status: str = "failed") -> None:
    """Let the message at a place fail for good, and what follows from that follow."""
    row = (await act.world.deliveries())[place]
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await conn.execute(
            "UPDATE delivery_log SET status = %s, class = 'bad_request' WHERE delivery_id = %s",
            (status, row["delivery_id"]),
        )
        told = {"delivery_ids": [row["delivery_id"]], "now": datetime.now(UTC)}
        await conn.execute(queries("dispatch")["fall_back"], told)


async def _runs(act: Act) -> list[str]:
    rows = await act.world.rows("SELECT status FROM campaign_run WHERE kind = 'fallback' ORDER BY run_id")
    return [row["status"] for row in rows]


@pytest.mark.parametrize("over", OVER)
async def test_what_is_over_is_followed_by_nothing(act: Act, over: str) -> None:
    await two_channels(act, 1, fallback=A_DAY)
    await act.world.rows(OVER[over])
    await _fails(act)
    assert await _runs(act) == []


@pytest.mark.parametrize("status", ["sent", "uncertain", "queued"])
async def test_what_did_not_fail_in_the_end_is_followed_by_nothing(act: Act, status: str) -> None:
    """A late result may tell of a failure that another attempt has made up for."""
    await two_channels(act, 1, fallback=A_DAY)
    await _fails(act, status=status)
    assert await _runs(act) == []


@pytest.mark.parametrize(("holds", "draft", "runs"), [(A_DAY, None, ["pending"]), (None, A_DAY, [])])
async def test_a_draft_of_a_policy_starts_and_stops_no_fallback(act: Act, holds: Any, draft: Any, runs: Any) -> None:
    await two_channels(act, 1, fallback=holds)
    await act.world.rows(
        "INSERT INTO policy (tenant_id, key, version, document, draft)"
        " VALUES (leo_tenant(), 'policy of tet', 2, %(document)s, true)",
        document=Jsonb({**ALWAYS, "fallback": draft}),
    )
    await _fails(act)
    assert await _runs(act) == runs


async def test_who_fails_while_the_fallback_waits_joins_its_run(act: Act) -> None:
    await two_channels(act, 2, fallback=A_DAY)
    await _fails(act)
    await _fails(act, 1)
    assert (await _runs(act), len(await fallbacks(act))) == (["pending"], 2)


async def test_who_fails_after_the_fallback_has_ended_is_followed_by_another_run(act: Act) -> None:
    await two_channels(act, 2, fallback=A_DAY)
    await _fails(act)
    await act.world.decide((await fallbacks(act))[0])
    await _fails(act, 1)
    assert await _runs(act) == ["finished", "pending"]
    assert (await act.world.decide((await fallbacks(act))[0])).deliveries == 1


async def test_a_fallback_that_is_just_ending_is_waited_for_and_not_joined(act: Act) -> None:
    await two_channels(act, 2, fallback=A_DAY)
    await _fails(act)
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        await conn.execute("UPDATE run_batch SET status = 'done' WHERE status = 'pending'")
        await conn.execute("UPDATE campaign_run SET status = 'finished' WHERE kind = 'fallback'")
        failing = asyncio.create_task(_fails(act, 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(failing), 0.3)
    await failing
    assert await _runs(act) == ["finished", "pending"]
