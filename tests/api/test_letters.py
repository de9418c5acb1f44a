"""Dead letters over the API: pages, counts, queued again, settled by a key that is named."""

import httpx
import pytest

from api.services import Services
from engine.dispatch.letters import Letter, list_letters
from tests.api.story import ok
from tests.conftest import Tenant
from tests.engine.world import simple_world


@pytest.fixture
async def letters(services: Services, tenant: Tenant) -> list[Letter]:
    """Three messages: one failed, one was given up, of one nobody knows."""
    world, campaign_id, people = await simple_world(services.db, tenant, people=3)
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    for person, status in zip(people, ("failed", "dead", "uncertain"), strict=True):
        await world.rows(
            "UPDATE delivery_log SET status = %(s)s, class = 'bad_request' WHERE profile_id = %(p)s", s=status, p=person
        )
    async with services.db.transaction(tenant.tenant_id) as conn:
        return await list_letters(conn)


async def test_dead_letters_come_in_pages_and_are_counted(caller: httpx.AsyncClient, letters: list[Letter]) -> None:
    page = await ok(await caller.get("/dead-letters", params={"limit": 2}))
    assert [one["delivery_id"] for one in page["items"]] == [one.delivery_id for one in letters[:2]]
    rest = await ok(await caller.get("/dead-letters", params={"limit": 2, "after": page["next"]}))
    assert ([one["status"] for one in rest["items"]], rest["next"]) == (["uncertain"], None)
    assert len((await ok(await caller.get("/dead-letters/counts")))["items"]) == 3
    assert (await caller.get("/dead-letters", params={"status": "sent"})).status_code == 422


async def test_they_are_queued_again_and_settled(caller: httpx.AsyncClient, letters: list[Letter]) -> None:
    failed, dead, uncertain = (one.delivery_id for one in letters)
    done = await ok(await caller.post("/dead-letters/redrive", json={"delivery_ids": [failed, uncertain]}))
    assert done["items"] == [
        {"delivery_id": failed, "refused": None},
        {"delivery_id": uncertain, "refused": "may_have_arrived"},
    ]
    arrived = {"delivery_ids": [uncertain], "resolution": "arrived", "note": "seen"}
    assert (await ok(await caller.post("/dead-letters/resolve", json=arrived)))["items"][0]["refused"] is None
    assert [one["delivery_id"] for one in (await ok(await caller.get("/dead-letters")))["items"]] == [dead]


@pytest.mark.parametrize("ids", [[], [0], ["x"], list(range(1, 502))])
async def test_what_names_no_messages_is_refused(caller: httpx.AsyncClient, ids: list[object]) -> None:
    assert (await caller.post("/dead-letters/redrive", json={"delivery_ids": ids})).status_code == 422
