"""Two workers share what is to be sent: who has as many claims in hand as it may leaves the next to the other."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
from arq.connections import ArqRedis

from engine import lanes
from engine.db import Database
from engine.dispatch import Adapters
from engine.settings import Settings
from engine.worker.jobs import Hands, after, dispatch
from rules.words import Lane
from tests.conftest import Tenant

JOB = "rung by the other worker"
QUEUE = lanes.queue_name(Lane.BULK)


@pytest.fixture
async def hands(db: Database, settings: Settings, client: ArqRedis) -> AsyncIterator[Hands]:
    adapters = Adapters.of(settings)
    yield Hands(db, adapters, client, lane=Lane.BULK, owner="worker-bulk@here")
    await adapters.aclose()


async def heard(hands: Hands, tenant: Tenant) -> None:
    """Hear the bell as a worker does: the job, and what comes after it."""
    ctx: dict[str, Any] = {"hands": hands, "job_id": JOB}
    await dispatch(ctx, str(tenant.tenant_id))
    await after(ctx)


async def test_a_claim_beyond_the_places_is_rung_for_again_under_its_name(
    hands: Hands, client: ArqRedis, tenant: Tenant
) -> None:
    with ExitStack() as places:
        for _ in range(lanes.PACES[Lane.BULK].abreast):
            assert places.enter_context(hands.sending(str(tenant.tenant_id)))
        await heard(hands, tenant)
    assert await client.zscore(QUEUE, JOB) is not None


async def test_another_tenants_claims_take_no_place(
    hands: Hands, client: ArqRedis, tenant: Tenant, other_tenant: Tenant
) -> None:
    with ExitStack() as places:
        for _ in range(lanes.PACES[Lane.BULK].abreast):
            places.enter_context(hands.sending(str(other_tenant.tenant_id)))
        await heard(hands, tenant)
    assert await client.zscore(QUEUE, JOB) is None


async def test_a_place_is_free_again_after_its_claim(hands: Hands, client: ArqRedis, tenant: Tenant) -> None:
    for _ in range(lanes.PACES[Lane.BULK].abreast + 1):
        await heard(hands, tenant)
    assert await client.zscore(QUEUE, JOB) is None


async def test_a_job_goes_on_while_places_are_free_and_makes_room_where_tenants_may_wait(
    hands: Hands,
) -> None:
    with ExitStack() as jobs:
        for number in range(lanes.PACES[Lane.BULK].jobs - 1):
            jobs.enter_context(hands.holding(str(number)))
        assert hands.turn_s == lanes.LONG_TURN_S
        jobs.enter_context(hands.holding("the last place"))
        assert hands.turn_s == lanes.TURN_S
    assert hands.turn_s == lanes.LONG_TURN_S
