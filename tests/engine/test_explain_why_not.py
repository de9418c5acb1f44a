"""Why not: one answer for anybody and any campaign, whether or not anything was decided, and nothing is written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import explain
from engine.db import Database
from engine.explain import WhyNot
from engine.explain.answers import Answer
from engine.snapshots import create_snapshot
from rules.conditions import Language
from rules.errors import InvalidInput, NotFound
from rules.words import Action, Channel
from tests.conftest import Tenant
from tests.engine.explaining import NIGHT, NOW, QUIET, decided, two_channels, with_segment
from tests.engine.world import World, simple_world


async def why(world: World, ext_id: str = "kh-1", campaign: str = "tet", **more: Any) -> WhyNot:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await explain.why_not(conn, tenant_id=world.tenant.tenant_id, ext_id=ext_id, campaign=campaign, **more)


async def test_who_was_sent_it_did_get_it(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    (row,) = await decided(world, campaign_id, people)
    await world.rows("UPDATE delivery_log SET status = 'sent', sent_at = now()")
    found = await why(world)
    assert (found.answer, found.to_document()["decision_id"]) == (Answer.SENT, row["decision_id"])


@pytest.mark.parametrize(
    ("status", "code", "answer", "said"),
    [
        ("queued", None, Answer.ON_ITS_WAY, "đang chờ gửi"),
        ("uncertain", "timeout", Answer.MAY_HAVE_ARRIVED, "không rõ tin có đến nơi"),
        ("failed", "550 5.1.1", Answer.NOT_SENT, "tin bị từ chối hẳn"),
        ("dead", "provider_down", Answer.NOT_SENT, "đã thử nhiều lần"),
        ("expired", "too_late", Answer.NOT_SENT, "quá hạn"),
        ("cancelled", None, Answer.NOT_SENT, "chiến dịch hoặc lượt chạy đã bị huỷ"),
        ("cancelled", "consent_withdrawn", Answer.NOT_SENT, "rút lại sự đồng ý"),
    ],
)
async def test_deciding_to_send_is_not_sending(
    db: Database, tenant: Tenant, status: str, code: str | None, answer: Answer, said: str
) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    await decided(world, campaign_id, people)
    await world.rows("UPDATE delivery_log SET status = %(s)s, code = %(c)s", s=status, c=code)
    found = await why(world, language=Language.VI)
    assert found.answer is answer
    assert said in found.sentence


async def test_who_is_held_back_is_told_by_which_gate_with_the_decision(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    await world.rows(
        "INSERT INTO suppression (tenant_id, profile_id, reason) VALUES (leo_tenant(), %(p)s, 'asked')", p=people[0]
    )
    (row,) = await decided(world, campaign_id, people)
    found = await why(world)
    assert found.answer is Answer.HELD_BACK
    assert "suppression list" in found.sentence
    assert str(row["decision_id"]) in found.sentence


async def test_who_waits_is_told_until_when_in_their_own_clock(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=QUIET)
    await decided(world, campaign_id, people, now=NIGHT)
    assert (await why(world)).answer is Answer.WAITS
    assert "02/06/2026 08:00" in (await why(world, language=Language.VI)).sentence


async def test_without_a_decision_it_says_what_would_be_decided(db: Database, tenant: Tenant) -> None:
    world, _, people = await simple_world(db, tenant, people=2)
    await world.rows("DELETE FROM consent WHERE profile_id = %(p)s", p=people[1])
    fine, refused = await why(world), await why(world, "kh-2")
    assert (fine.answer, fine.rehearsed.decision.action) == (Answer.WOULD_SEND, Action.SEND)
    assert (refused.answer, refused.rehearsed.decision.reason) == (Answer.WOULD_BE_HELD, "consent")
    assert await world.decisions() == []


async def test_who_is_not_in_the_segment_is_told_which_condition_fails(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=2)
    await with_segment(world, campaign_id)
    found = await why(world)
    assert found.answer is Answer.NOT_IN_SEGMENT
    assert "orders" in found.sentence
    assert (await why(world, "kh-2")).answer is Answer.WOULD_SEND


async def test_who_joined_after_the_list_was_frozen_is_told_so(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=2)
    segment_id = await with_segment(world, campaign_id)
    async with db.transaction(tenant.tenant_id) as conn:
        snapshot = await create_snapshot(conn, tenant_id=tenant.tenant_id, segment_id=segment_id)
    await world.rows(
        """
        INSERT INTO campaign_run (tenant_id, campaign_id, kind, lane, snapshot_id, status)
        VALUES (leo_tenant(), %(c)s, 'snapshot', 'bulk', %(s)s, 'finished')
        """,
        c=campaign_id,
        s=snapshot.snapshot_id,
    )
    await world.rows("UPDATE cdp_profiles SET attributes = '{\"orders\": 9}' WHERE ext_id = 'kh-1'")
    assert (await why(world)).answer is Answer.NOT_IN_SNAPSHOT


async def test_a_batch_that_is_still_due_is_told_with_its_time(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    await world.run(campaign_id, people)
    found = await why(world)
    assert found.answer is Answer.TO_BE_DECIDED
    assert found.standing.due_at is not None


async def test_a_new_run_that_is_due_counts_more_than_what_was_decided_before(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    await decided(world, campaign_id, people)
    await world.run(campaign_id, people)
    assert (await why(world)).answer is Answer.TO_BE_DECIDED


async def test_who_waits_is_not_merely_told_that_a_batch_is_due(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=QUIET)
    await decided(world, campaign_id, people, now=NIGHT)
    found = await why(world)
    assert (found.answer, found.standing.due_at is not None) == (Answer.WAITS, True)


async def test_who_is_to_leave_a_segment_need_not_be_in_it(db: Database, tenant: Tenant) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=1)
    await with_segment(world, campaign_id)
    await world.rows("UPDATE campaign SET trigger_segment_id = segment_id, trigger_change = 'left', segment_id = NULL")
    assert (await why(world)).answer is Answer.WOULD_SEND


@pytest.mark.parametrize("status", ["draft", "paused", "ended"])
async def test_a_campaign_that_is_not_active_decides_for_nobody(db: Database, tenant: Tenant, status: str) -> None:
    world, _, _ = await simple_world(db, tenant, people=1)
    await world.rows("UPDATE campaign SET status = %(s)s", s=status)
    found = await why(world)
    assert (found.answer, status in found.sentence) == (Answer.NOT_ACTIVE, True)


async def test_why_not_by_another_channel_is_told(db: Database, tenant: Tenant) -> None:
    world, campaign_id = await two_channels(db, tenant)
    both = await world.people(1, channels=("email", "telegram"))
    mail = await world.people(1, prefix="mail-")
    await decided(world, campaign_id, both + mail)
    outscored = await why(world, channel=Channel.EMAIL)
    assert (outscored.answer, "preferred" in outscored.sentence) == (Answer.OTHER_CHOSEN, True)
    unreachable = await why(world, "mail-1", channel=Channel.TELEGRAM)
    assert (unreachable.answer, "address" in unreachable.sentence) == (Answer.OTHER_CHOSEN, True)
    assert (await why(world, "mail-1", channel=Channel.FACEBOOK)).answer is Answer.NOT_OFFERED


async def test_a_twin_who_was_written_to_already_is_the_reason(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    await world.rows("UPDATE profile_address SET value = 'same@people.example'")
    await decided(world, campaign_id, people[:1])
    found = await why(world, "kh-2")
    assert (found.answer, found.rehearsed.decision.reason) == (Answer.WOULD_BE_HELD, "duplicate")


async def test_at_an_instant_only_what_was_there_by_then_counts(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    later = datetime.now(UTC) + timedelta(days=2)
    await world.rows(
        """
        INSERT INTO consent (tenant_id, profile_id, granted, at) VALUES (leo_tenant(), %(p)s, false, %(at)s)
        """,
        p=people[0],
        at=later,
    )
    before, after = await why(world, at=later - timedelta(hours=1)), await why(world, at=later + timedelta(hours=1))
    assert (before.answer, after.answer) == (Answer.WOULD_SEND, Answer.WOULD_BE_HELD)
    await decided(world, campaign_id, people, now=datetime.now(UTC))
    assert (await why(world, at=NOW - timedelta(days=1))).decided is None


async def test_it_holds_no_locks(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    _, (batch_id,) = await world.run(campaign_id, people)
    async with db.transaction(tenant.tenant_id) as conn:
        await explain.why_not(conn, tenant_id=tenant.tenant_id, ext_id="kh-1", campaign="tet")
        assert (await world.decide(batch_id)).deliveries == 2


async def test_who_or_what_is_not_there_is_an_error(db: Database, tenant: Tenant) -> None:
    world, _, _ = await simple_world(db, tenant, people=1)
    with pytest.raises(NotFound, match="nobody"):
        await why(world, "nobody")
    with pytest.raises(NotFound, match="no-such"):
        await why(world, campaign="no-such")
    with pytest.raises(InvalidInput):
        await why(world, at=datetime(2026, 1, 1))  # noqa: DTZ001 - without a zone is the point
