"""What is asked once more when a message leaves: it may have waited for hours, and its person may have said no."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from engine import policies
from engine.dispatch import Dispatched, claim_within
from engine.dispatch.letters import redrive
from rules.words import Lane
from tests.engine.acts import OWNER, Act
from tests.engine.world import ALWAYS

WITHDRAWN: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT tenant_id, profile_id, 'email', false, now() FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
# A second profile that was merged into the first, as a merge leaves it.
MERGED: LiteralString = """
    INSERT INTO cdp_profiles (tenant_id, ext_id, status, merged_into)
    SELECT tenant_id, 'web-1', 'merged', profile_id FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
BY_THE_OTHER: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT tenant_id, profile_id, NULL, false, now() FROM cdp_profiles WHERE ext_id = 'web-1'
"""
SUPPRESSED: LiteralString = """
    INSERT INTO suppression (tenant_id, profile_id, channel, reason)
    SELECT tenant_id, profile_id, 'email', 'asked' FROM cdp_profiles WHERE ext_id = %(whose)s
"""
BOUNCED: LiteralString = """
    INSERT INTO suppression (tenant_id, channel, address, reason, expires_at)
    SELECT tenant_id, 'email', address, 'bounced', now() + %(holds)s FROM delivery_log d
    JOIN cdp_profiles p USING (tenant_id, profile_id) WHERE p.ext_id = 'kh-1'
"""
ALL_AT_ONCE: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT tenant_id, profile_id, said.channel, said.granted, now()
    FROM cdp_profiles, (VALUES (NULL, true), ('email', false)) AS said (channel, granted)
    WHERE ext_id = 'kh-1'
"""
SUPPRESSED_SO: LiteralString = """
    INSERT INTO suppression (tenant_id, profile_id, channel, reason, expires_at)
    SELECT tenant_id, profile_id, %(channel)s, 'asked', now() + %(holds)s FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
BOUNCED_ON_TELEGRAM: LiteralString = """
    INSERT INTO suppression (tenant_id, channel, address, reason)
    SELECT tenant_id, 'telegram', address, 'bounced' FROM delivery_log
"""
WITHDRAWN_ON_TELEGRAM: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT tenant_id, profile_id, 'telegram', false, now() FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
ELSEWHERE: LiteralString = """
    INSERT INTO suppression (tenant_id, profile_id, channel, address, reason)
    SELECT tenant_id, profile_id, 'email', 'old@people.example', 'bounced' FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
GRANTED_AGAIN: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, channel, granted, at)
    SELECT tenant_id, profile_id, 'email', true, now() + interval '1 s' FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
OTHER_PURPOSE: LiteralString = """
    INSERT INTO consent (tenant_id, profile_id, purpose, granted, at)
    SELECT tenant_id, profile_id, 'service', false, now() FROM cdp_profiles WHERE ext_id = 'kh-1'
"""
INVALID: LiteralString = "UPDATE profile_address SET valid = false, reason = 'gone' WHERE value LIKE 'kh-1@%%'"
GONE: LiteralString = "UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'kh-1'"
REMOVED: LiteralString = "DELETE FROM profile_address WHERE value LIKE 'kh-1@%%'"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ([(WITHDRAWN, {})], "consent_withdrawn"),
        ([(MERGED, {}), (BY_THE_OTHER, {})], "consent_withdrawn"),
        ([(ALL_AT_ONCE, {})], "consent_withdrawn"),
        ([(SUPPRESSED, {"whose": "kh-1"})], "suppressed"),
        ([(MERGED, {}), (SUPPRESSED, {"whose": "web-1"})], "suppressed"),
        ([(BOUNCED, {"holds": timedelta(hours=1)})], "suppressed"),
        ([(INVALID, {})], "address_not_valid"),
        ([(REMOVED, {})], "address_not_valid"),
        ([(GONE, {})], "person_gone"),
    ],
)
async def test_a_message_does_not_leave_for_somebody_who_must_not_be_written_to_any_more(
    act: Act, changes: list[tuple[LiteralString, dict[str, Any]]], code: str
) -> None:
    await act.queue(2)
    for statement, values in changes:
        await act.world.rows(statement, **values)
    done = await act.send()
    assert (done.sent, done.cancelled) == (1, 1)
    assert [one["address"] for one in await act.sandbox.messages()] == ["kh-2@people.example"]
    cancelled, sent = sorted(await act.world.deliveries(), key=lambda one: str(one["status"]))
    assert (cancelled["status"], cancelled["code"], cancelled["attempts"]) == ("cancelled", code, 0)
    assert (cancelled["lease_owner"], sent["status"]) == (None, "sent")
    assert await act.world.graph_differences() == 0
    assert await act.send() == Dispatched(), "it is settled"


@pytest.mark.parametrize(
    "changes",
    [
        [(WITHDRAWN, {}), (GRANTED_AGAIN, {})],
        [(OTHER_PURPOSE, {})],
        [(BOUNCED, {"holds": timedelta(hours=-1)})],
        [(ELSEWHERE, {})],
        [(SUPPRESSED_SO, {"channel": "email", "holds": timedelta(hours=-1)})],
        [(SUPPRESSED_SO, {"channel": "telegram", "holds": timedelta(hours=1)})],
        [(BOUNCED_ON_TELEGRAM, {})],
        [(WITHDRAWN_ON_TELEGRAM, {})],
    ],
)
async def test_what_says_nothing_against_the_message_stops_nothing(
    act: Act, changes: list[tuple[LiteralString, dict[str, Any]]]
) -> None:
    await act.queue(1)
    for statement, values in changes:
        await act.world.rows(statement, **values)
    assert (await act.send()).sent == 1


async def test_what_the_law_asks_for_goes_out_whatever_was_withdrawn(act: Act) -> None:
    policy: dict[str, Any] = {"quiet_hours": None, "caps": [], "purposes": {"marketing": "legal_obligation"}}
    await act.queue(1, policy=policy)
    await act.world.rows(WITHDRAWN)
    assert (await act.send()).sent == 1


async def test_a_draft_that_calls_it_a_duty_of_law_changes_nothing(act: Act) -> None:
    await act.queue(1)
    await act.world.rows(
        "INSERT INTO policy (tenant_id, key, version, document, draft)"
        " VALUES (leo_tenant(), 'policy of tet', 2, %(document)s, true)",
        document=Jsonb({"quiet_hours": None, "caps": [], "purposes": {"marketing": "legal_obligation"}}),
    )
    await act.world.rows(WITHDRAWN)
    assert (await act.send()).cancelled == 1


async def test_many_who_withdrew_keep_nobody_else_waiting(act: Act) -> None:
    await act.queue(80)
    await act.world.rows(
        "INSERT INTO consent (tenant_id, profile_id, granted) SELECT tenant_id, profile_id, false FROM cdp_profiles"
    )
    done = await act.send()
    assert (done.claimed, done.cancelled, done.is_full) == (0, 64, True), "more is due: it is looked for at once"
    assert (await act.send()).cancelled == 16
    assert await act.world.statuses() == {"cancelled": 80}


async def test_a_redrive_hears_of_whoever_was_merged_into_the_person(act: Act) -> None:
    await act.queue(1)
    await act.world.rows("UPDATE delivery_log SET status = 'failed', class = 'bad_request'")
    await act.world.rows(MERGED)
    await act.world.rows(BY_THE_OTHER)
    (delivery,) = await act.world.deliveries()
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        (settled,) = await redrive(conn, delivery_ids=[delivery["delivery_id"]], now=datetime.now(UTC))
    assert settled.refused == "consent_withdrawn"


async def test_no_call_begins_that_could_outlast_the_lease(act: Act) -> None:
    await act.queue(3)
    tenant_id, now = act.world.tenant.tenant_id, datetime.now(UTC)
    async with act.world.db.transaction(tenant_id) as conn:
        taken = await claim_within(
            conn, act.adapters, tenant_id=tenant_id, lane=Lane.BULK, owner=OWNER, most=64, now=now
        )
    # So late do the last of a claim come whose first calls were slow.
    late = replace(taken, lease_until=datetime.now(UTC) + timedelta(seconds=44))
    done = await act.send(taken=late)
    assert (done.sent, done.released) == (0, 3)
    assert await act.sandbox.messages() == []
    assert (await act.send()).sent == 3


async def _hold(act: Act, **hours: Any) -> None:
    """Let a newer version of the campaign's policy have these hours."""
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        document = {**ALWAYS, "sending_hours": [], **hours}
        await policies.save(conn, tenant_id=act.world.tenant.tenant_id, key="policy of tet", document=document)


def _around(moment: datetime) -> tuple[str, str, datetime]:
    """Give an hour before and an hour after it, as a policy writes them, and the instant of the latter."""
    end = (moment + timedelta(hours=1)).replace(second=0, microsecond=0)
    return f"{moment - timedelta(hours=1):%H:%M}", f"{end:%H:%M}", end


async def test_what_waited_until_the_night_leaves_in_the_morning_of_its_person(act: Act) -> None:
    await act.queue(2)
    # Vietnam and California are never asleep at once.
    start, end, morning = _around(datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")))
    await act.world.rows(
        "UPDATE cdp_profiles SET zone = CASE ext_id WHEN 'kh-1' THEN 'Asia/Ho_Chi_Minh' ELSE 'America/Los_Angeles' END"
    )
    await _hold(act, quiet_hours={"start": start, "end": end})
    done = await act.send()
    assert (done.sent, done.released) == (1, 1)
    assert [one["address"] for one in await act.sandbox.messages()] == ["kh-2@people.example"]
    (waits,) = await act.world.rows("SELECT due_at, setbacks FROM delivery_log WHERE status = 'queued'")
    assert (waits["due_at"], waits["setbacks"]) == (morning, 0)
    assert (await act.send()).claimed == 0
    await act.world.rows("UPDATE delivery_log SET due_at = now() WHERE status = 'queued'")
    await _hold(act, quiet_hours=None)
    assert (await act.send()).sent == 1


async def test_hours_of_a_channel_are_kept_as_a_message_leaves(act: Act) -> None:
    await act.queue(1)
    start, end, opens = _around(datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")))
    closed = {"from": end, "to": start, "channels": ["email"]}
    await _hold(act, sending_hours=[closed, {"from": end, "to": start, "channels": ["zalo_oa"]}])
    assert (await act.send()).released == 1
    assert (await act.only())["due_at"] == opens
    await act.world.rows("UPDATE delivery_log SET due_at = now()")
    await _hold(act, sending_hours=[{**closed, "channels": ["zalo_oa"]}])
    assert (await act.send()).sent == 1
