"""What is in the archive is told, counted, answered, exported and erased as it was when it was live."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.contract import Incoming
from engine import explain, trace
from engine.archive import Moved
from engine.campaigns.funnel import funnel, lifts
from engine.cli import run
from engine.db import Database
from engine.outcomes import Recorded, record_outcomes
from engine.privacy import erase_profile, export_profile
from engine.series import campaign_series
from rules.errors import LeoError
from rules.words import OutcomeType
from tests.conftest import Tenant
from tests.engine.acting import acting, values
from tests.engine.aged import again, aged, archived, asked, counts
from tests.engine.ledger import sealed, verified
from tests.engine.world import World


async def traced(world: World, argument: str, **how: Any) -> dict[str, Any]:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        found = await trace.trace(conn, await trace.find(conn, argument), **how)
    return found.as_document()


@pytest.mark.parametrize("argument", ["kh-1", "decision", "delivery", "event_id"])
async def test_a_journey_is_told_as_it_was_and_says_where_it_is(db: Database, tenant: Tenant, argument: str) -> None:
    world = await aged(db, tenant)
    (one,) = await world.rows(
        """
        SELECT decision_id AS decision, delivery_id AS delivery, encode(event_id, 'hex') AS event_id FROM delivery_log
        ORDER BY delivery_id LIMIT 1
        """
    )
    name = str(one.get(argument, argument))
    before = await traced(world, name)
    await archived(world)
    after = await traced(world, name)
    since = await world.one("SELECT archived_at FROM archive_decision ORDER BY decision_id LIMIT 1")
    said = ("archived", "archived_at")
    assert [[journey.pop(one) for one in said] for journey in before["journeys"]] == [[False, None]]
    assert [[journey.pop(one) for one in said] for journey in after["journeys"]] == [[True, since.isoformat()]]
    assert after == before


async def test_live_journeys_come_before_those_of_the_archive(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (campaign_id,) = [row["campaign_id"] for row in await world.rows("SELECT campaign_id FROM campaign")]
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles ORDER BY 1")]
    await again(world, campaign_id, ids, ago=timedelta(days=1))
    shown = [journey["archived"] for journey in (await traced(world, "kh-1"))["journeys"]]
    assert shown == [False, True]
    shown = [journey["archived"] for journey in (await traced(world, "kh-1", newest=1))["journeys"]]
    assert shown == [False]


@pytest.mark.parametrize("by", ["event_id", "provider_id"])
async def test_what_comes_late_finds_its_message(db: Database, tenant: Tenant, by: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (one,) = await world.rows("SELECT * FROM archive_delivery ORDER BY delivery_id LIMIT 1")
    ref = bytes(one["event_id"]).hex() if by == "event_id" else one["provider_id"]
    late = Incoming(
        provider_id="told-1",
        type=OutcomeType("clicked"),
        at=datetime.now(UTC),
        delivery_ref=ref,
        address=None,
        raw={},
    )

    async def tell() -> Recorded:
        return await asked(
            world, record_outcomes, tenant_id=tenant.tenant_id, channel_id=one["channel_id"], incoming=[late]
        )

    assert await tell() == Recorded(new=1)
    assert (await tell()).new == 0
    (came,) = await world.rows("SELECT * FROM outcome WHERE type = 'clicked'")
    assert (came["delivery_id"], came["campaign_id"]) == (one["delivery_id"], one["campaign_id"])
    assert came["delivery_archived"]
    assert await world.graph_differences() == 0
    steps = (await traced(world, str(one["delivery_id"])))["journeys"][0]["steps"]
    assert [step["what"] for step in steps if step["step"] == "outcome"] == ["delivered", "clicked"]
    await sealed(world)
    assert (await verified(world)).finding is None


async def test_an_outcome_of_no_delivery_at_all_is_refused(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    with pytest.raises(LeoError):
        await world.rows(
            "INSERT INTO outcome (tenant_id, delivery_id, profile_id, type, dedup_key, occurred_at) "
            "SELECT tenant_id, 1, profile_id, 'read', 'y', now() FROM cdp_profiles LIMIT 1"
        )


async def test_figures_of_a_campaign_are_what_they_were(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant, people=12)
    campaign_id = await world.one("SELECT campaign_id FROM campaign")
    await world.rows(
        "INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, value, occurred_at) "
        "SELECT tenant_id, delivery_id, profile_id, campaign_id, 'bought', 'y', 5, now() FROM delivery_log LIMIT 3"
    )

    async def told() -> list[Any]:
        return [
            await asked(world, funnel, campaign_id=campaign_id),
            await asked(world, lifts, campaign_id=campaign_id),
            await asked(world, campaign_series, campaign_id=campaign_id),
            await world.rows("SELECT metric, labels, sum(n) FROM tally GROUP BY 1, 2 ORDER BY 1, 2"),
        ]

    before = await told()
    assert before[0].deliveries == {"sent": 12}
    assert await archived(world) == Moved(12, 12)
    assert await told() == before


async def test_an_archived_decision_is_explained_and_decided_again_alike(db: Database, tenant: Tenant) -> None:
    world = await aged(db, tenant)
    decision_id = await world.one("SELECT min(decision_id) FROM decision")
    how = {"tenant_id": tenant.tenant_id, "decision_id": decision_id}
    before = await asked(world, explain.replay, **how)
    await archived(world)
    assert await asked(world, explain.replay, **how) == before


async def test_a_person_is_found_in_the_archive_and_erased_from_it(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await aged(db, tenant)
    before = await asked(world, export_profile, ext_id="kh-1")
    await archived(world)
    after = await asked(world, export_profile, ext_id="kh-1")
    assert len(after["decisions"]) == len(after["deliveries"]) == 1
    for document in (before, after):
        for outcome in document["outcomes"]:
            outcome.pop("delivery_archived")
            outcome.pop("live_delivery_id")
    assert after == before
    await asked(world, erase_profile, ext_id="kh-1", reason="asked", by="test")
    with acting(admin_url, "superuser") as connection:
        for table in ("archive_decision", "archive_delivery"):
            rows = values(connection, f"SELECT t::text FROM {table} t WHERE tenant_id = %s", tenant.tenant_id)  # noqa: S608
            assert len(rows) == 4
            assert not [row for row in rows if "kh-1" in row or ("was asked" in row and "kh-" not in row)]
    assert (await counts(world))["old_attempts"] == 16
    found = await verified(world)
    assert (found.finding, found.records) == (None, 12)


@pytest.mark.usefixtures("leo")
async def test_the_commands_say_what_they_did(db: Database, tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
    await aged(db, tenant)

    async def leo(*words: str) -> tuple[int, str]:
        ended = await asyncio.to_thread(run, [*words, "--tenant", tenant.slug])
        return ended, capsys.readouterr().out

    assert await leo("archive", "run") == (
        1,
        "This tenant keeps everything live. Run: leo archive keep, or give --days\n",
    )
    assert await leo("archive", "keep", "--days", "20") == (2, "")
    assert await leo("archive", "keep") == (0, "400 days stay live.\n")
    assert await leo("archive", "run") == (0, "4 decisions and 4 deliveries archived.\n")
    _, shown = await leo("archive", "status")
    assert "live      0 decisions, 0 deliveries; kept: 400 days" in shown
    assert "archived  4 decisions, 4 deliveries, decided " in shown
    _, shown = await leo("archive", "status", "--json")
    assert (json.loads(shown)["archived_decisions"], json.loads(shown)["least"]) == (4, 35)
    assert ", archived" in (await leo("trace", "kh-1"))[1]
    assert await leo("archive", "keep", "--off") == (0, "Nothing more is archived.\n")
