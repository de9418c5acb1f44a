"""The outbox: what came of messages is told to the CDP of their people, after the commit and once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Incoming
from channels.egress import ANYWHERE
from channels.http import HttpClient
from engine import outbox
from engine.credentials import Vault
from engine.db import Database
from engine.outbox import tell
from engine.outbox.body import Event, body, metric
from engine.outbox.tell import FIRST_PAUSE, LEASE, MOST_ATTEMPTS
from engine.outcomes import record_outcomes
from engine.settings import Settings
from rules.errors import InvalidInput, NotFound
from rules.words import Channel, OutcomeType
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, new_cdp
from tests.engine.worker_process import WorkerProcess, until
from tests.engine.world import World, simple_world

ALL = tuple(OutcomeType)


@dataclass(slots=True)
class Telling:
    world: World
    cdp: Cdp
    vault: Vault
    http: HttpClient
    events: list[str]

    async def tell(self, at: datetime | None = None) -> outbox.Told:
        now = at or datetime.now(UTC) + timedelta(seconds=1)
        return await outbox.tell_due(
            self.world.db, self.vault, self.http, tenant_id=self.world.tenant.tenant_id, now=now
        )

    async def happen(self, kind: str, person: int = 0, *, key: str = "1", **raw: Any) -> None:
        told = Incoming(
            provider_id=key,
            type=OutcomeType(kind),
            at=datetime(2026, 5, 1, 2, tzinfo=UTC),
            delivery_ref=self.events[person],
            address=None,
            raw=raw,
        )
        async with self.world.db.transaction(self.world.tenant.tenant_id) as conn:
            await record_outcomes(conn, tenant_id=self.world.tenant.tenant_id, channel_id=None, incoming=[told])

    async def report(self, url: str | None = "", token: str | None = None, **more: Any) -> None:
        async with self.world.db.transaction(self.world.tenant.tenant_id) as conn:
            await outbox.set_report(
                conn,
                self.vault,
                tenant_id=self.world.tenant.tenant_id,
                source="cdp",
                url=self.cdp.sandbox.base_url if url == "" else url,
                token_key=self.cdp.database,
                token=self.cdp.password if token is None else token,
                **more,
            )

    async def arrived(self) -> list[dict[str, Any]]:
        return list((await self.cdp.sandbox.ask(f"cdp/{self.cdp.database}/events"))["events"])

    async def look(self) -> outbox.Look:
        async with self.world.db.transaction(self.world.tenant.tenant_id) as conn:
            (found,) = await outbox.look(conn)
        return found


@pytest.fixture
async def telling(db: Database, tenant: Tenant, settings: Settings, sandbox: SandboxProcess) -> AsyncIterator[Telling]:
    world, campaign_id, people = await simple_world(db, tenant, people=3)
    assert settings.credential_key is not None
    vault = Vault(settings.credential_key.get_secret_value())
    cdp = new_cdp(sandbox)
    await cdp.make(1)
    await connect(db, vault, tenant, cdp)
    await world.rows("UPDATE cdp_profiles SET source = 'cdp' WHERE ext_id <> 'kh-3'")
    _, (batch_id,) = await world.run(campaign_id, people)
    await world.decide(batch_id)
    sent = {one["profile_id"]: bytes(one["event_id"]).hex() for one in await world.deliveries()}
    http = HttpClient(egress=ANYWHERE, total_timeout_s=1.0)
    made = Telling(world, cdp, vault, http, [sent[person] for person in people])
    await made.report(outcomes=ALL)
    yield made
    await http.aclose()


async def test_an_outcome_is_told_once_with_all_that_leads_back_to_it(telling: Telling) -> None:
    await telling.happen("clicked", target="https://shop.example/a")
    assert await telling.arrived() == []
    assert await telling.tell() == outbox.Told(claimed=1, told=1)
    assert await telling.tell() == outbox.Told()
    (event,) = await telling.arrived()
    assert (event["metric"], event["primary_email"]) == ("email-click", "kh-1@people.example")
    assert event["event_time"] == "2026-05-01T02:00:00+00:00"
    assert event["touchpoint_url"] == "https://shop.example/a"
    data = event["event_data"]
    assert (data["outcome"], data["campaign"], data["delivery_event"]) == ("clicked", "tet", telling.events[0])
    assert (await telling.look()).told == 1


async def test_a_bulk_worker_tells_and_reads_callbacks_again_by_itself(
    telling: Telling, settings: Settings, tmp_path: Path
) -> None:
    await telling.happen("clicked")
    late = json.dumps(
        [{"id": "9", "type": "read", "at": "2026-05-01T09:00:00Z", "event_id": telling.events[1]}]
    ).encode()
    await telling.world.rows(
        "INSERT INTO callback (tenant_id, channel_id, body_hash, body, status, due_at) "
        "VALUES (leo_tenant(), %(channel)s, sha256(%(body)s), %(body)s, 'unknown', now())",
        channel=telling.world.channel_ids["email"],
        body=late,
    )
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    worker = WorkerProcess("bulk", environment, tmp_path / "worker.log")
    await worker.ready()

    async def is_done() -> bool:
        statuses = [row["status"] for row in await telling.world.rows("SELECT status FROM callback")]
        return statuses == ["read"] and len(await telling.arrived()) == 2

    await until(is_done)
    assert await worker.stop() == 0, worker.log_file.read_text(encoding="utf-8")
    assert {event["metric"] for event in await telling.arrived()} == {"email-click", "email-open"}


async def test_only_what_was_asked_for_is_told_and_only_of_the_sources_own_people(telling: Telling) -> None:
    await telling.report(outcomes=(OutcomeType.UNSUBSCRIBED,))
    await telling.happen("clicked")
    await telling.happen("unsubscribed", person=2)
    assert await telling.tell() == outbox.Told()
    await telling.happen("unsubscribed")
    await telling.happen("unsubscribed")
    assert await telling.tell() == outbox.Told(claimed=1, told=1)
    await telling.report(None)
    await telling.happen("unsubscribed", person=1)
    assert await telling.tell() == outbox.Told()


async def test_what_is_rolled_back_is_never_told(telling: Telling) -> None:
    with pytest.raises(ZeroDivisionError):
        async with telling.world.db.transaction(telling.world.tenant.tenant_id) as conn:
            told = Incoming(
                provider_id="1",
                type=OutcomeType.CLICKED,
                at=datetime.now(UTC),
                delivery_ref=telling.events[0],
                address=None,
            )
            await record_outcomes(conn, tenant_id=telling.world.tenant.tenant_id, channel_id=None, incoming=[told])
            raise ZeroDivisionError
    assert await telling.tell() == outbox.Told()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"mode": "reply", "status": 503, "text": "away"}, "The CDP answered 503: away"),
        ({"mode": "cut"}, "The provider gave no answer (cut)."),
    ],
)
async def test_what_failed_is_told_later_and_longer_and_longer_after(
    telling: Telling, fault: dict[str, Any], error: str
) -> None:
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "times": 2, **fault})
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    for attempt in range(2):
        assert await telling.tell(at) == outbox.Told(claimed=1, failed=1)
        looked = await telling.look()
        assert (looked.waiting, looked.failing) == (1, 1)
        assert looked.last_error is not None
        assert looked.last_error.startswith(error)
        at += FIRST_PAUSE * 2**attempt
        assert await telling.tell(at - timedelta(seconds=1)) == outbox.Told()
    assert await telling.tell(at) == outbox.Told(claimed=1, told=1)
    assert len(await telling.arrived()) == 1


async def test_what_arrived_although_nobody_said_so_is_not_told_again(telling: Telling) -> None:
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "cut", "keep": True})
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    assert await telling.tell(at) == outbox.Told(claimed=1, failed=1)
    assert await telling.tell(at + FIRST_PAUSE) == outbox.Told(claimed=1, found=1)
    assert len(await telling.arrived()) == 1


async def test_what_arrived_of_a_person_with_nothing_but_a_zalo_id_is_not_told_again(telling: Telling) -> None:
    await telling.world.rows(
        "INSERT INTO profile_address (tenant_id, profile_id, channel, value) "
        "SELECT tenant_id, profile_id, 'zalo_oa', '2512' || profile_id FROM profile_address WHERE channel = 'email'"
    )
    await telling.world.rows("UPDATE profile_address SET valid = false, reason = 'gone' WHERE channel = 'email'")
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "cut", "keep": True})
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    assert await telling.tell(at) == outbox.Told(claimed=1, failed=1)
    assert await telling.tell(at + FIRST_PAUSE) == outbox.Told(claimed=1, found=1)
    (event,) = await telling.arrived()
    assert event["social_media_ids"].startswith("zalo:2512")


async def test_what_a_lost_worker_held_is_due_again_and_looked_for_first(telling: Telling) -> None:
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    await telling.tell(at)
    await telling.world.rows("UPDATE outbox SET done_at = NULL, may_have_left = true, due_at = %(due)s", due=at + LEASE)
    assert await telling.tell(at + LEASE) == outbox.Told(claimed=1, found=1)
    assert len(await telling.arrived()) == 1


async def test_no_row_is_begun_that_would_outlast_the_lease(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "ABREAST", 1)
    monkeypatch.setattr(tell, "LEASE", timedelta(seconds=1.2))
    monkeypatch.setattr(tell, "CALL_LIMIT_S", 0.6)
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "hang"})
    for person in range(2):
        await telling.happen("clicked", person=person)
    at = datetime.now(UTC) + timedelta(seconds=1)
    assert await telling.tell(at) == outbox.Told(claimed=2, failed=1, released=1)
    rows = await telling.world.rows(
        "SELECT attempts, may_have_left, error IS NULL AS is_new FROM outbox ORDER BY due_at"
    )
    assert rows == [
        {"attempts": 0, "may_have_left": False, "is_new": True},
        {"attempts": 1, "may_have_left": True, "is_new": False},
    ]
    assert await telling.tell(at + FIRST_PAUSE * 2) == outbox.Told(claimed=2, told=2)
    assert len(await telling.arrived()) == 2


async def test_whoever_comes_after_the_lease_changes_nothing_that_another_has_begun(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tell, "CALL_LIMIT_S", 0.5)
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "hang"})
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    slow = asyncio.create_task(telling.tell(at))
    while not await telling.world.rows("SELECT outbox_id FROM outbox WHERE attempts = 1"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert (await telling.tell(at + LEASE)).told == 1
    assert (await slow).failed == 1
    assert (await telling.look()).told == 1
    assert await telling.tell(at + LEASE * 2) == outbox.Told()


async def test_a_retry_leaves_what_a_worker_has_in_hand(telling: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "CALL_LIMIT_S", 0.5)
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "reply", "status": 503})
    await telling.tell(at)
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "hang"})
    slow = asyncio.create_task(telling.tell(at + FIRST_PAUSE))
    while not await telling.world.rows("SELECT outbox_id FROM outbox WHERE attempts = 2"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with telling.world.db.transaction(telling.world.tenant.tenant_id) as conn:
        assert await outbox.retry(conn, now=at) == 0
    assert await telling.tell(at + FIRST_PAUSE) == outbox.Told()
    await slow


async def test_what_was_told_is_written_down_although_the_worker_has_to_stop(telling: Telling) -> None:
    for person in range(2):
        await telling.happen("clicked", person=person)
    await telling.cdp.sandbox.ask(
        "faults", {"channel": "cdp", "mode": "hang", "address": "kh-2@people.example", "times": None}
    )
    telling.http = HttpClient(egress=ANYWHERE, total_timeout_s=30.0)
    stopped = asyncio.create_task(telling.tell())
    while len(await telling.arrived()) < 1:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    await telling.http.aclose()
    assert (await telling.look()).told == 1


async def test_where_the_cdp_does_not_say_what_it_has_nothing_is_told_again(telling: Telling) -> None:
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "cut", "keep": True})
    await telling.cdp.sandbox.ask("faults", {"channel": "cdp", "mode": "reply", "status": 503, "stage": "list"})
    await telling.happen("clicked")
    at = datetime.now(UTC) + timedelta(seconds=1)
    assert await telling.tell(at) == outbox.Told(claimed=1, failed=1)
    assert await telling.tell(at + FIRST_PAUSE) == outbox.Told(claimed=1, failed=1)
    assert await telling.tell(at + FIRST_PAUSE * 3) == outbox.Told(claimed=1, found=1)
    assert len(await telling.arrived()) == 1


async def test_a_wrong_token_is_said_and_mended(telling: Telling) -> None:
    await telling.report(token="wrong-token")
    await telling.happen("clicked")
    assert (await telling.tell()).failed == 1
    looked = await telling.look()
    assert looked.last_error == "The CDP answered 500: ACCESS_TOKEN_VALUE to the CDP API is not valid !"
    await telling.world.rows("UPDATE outbox SET attempts = %(n)s, due_at = now()", n=MOST_ATTEMPTS - 1)
    await telling.tell()
    assert (await telling.look()).given_up == 1
    await telling.report()
    async with telling.world.db.transaction(telling.world.tenant.tenant_id) as conn:
        assert await outbox.retry(conn, now=datetime.now(UTC)) == 1
    assert (await telling.tell()).told == 1


async def test_a_report_that_cannot_be_used_is_refused(telling: Telling) -> None:
    for url in ("observer.example", "ftp://x", "http://", "http://user:secret@x.example"):
        with pytest.raises(InvalidInput, match="no URL"):
            await telling.report(url)
    with pytest.raises(InvalidInput, match="token"):
        await telling.report(token="a\r\nX: y")
    async with telling.world.db.transaction(telling.world.tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await outbox.set_report(
                conn, telling.vault, tenant_id=telling.world.tenant.tenant_id, source="other", url=None
            )


async def test_the_token_is_sealed(telling: Telling) -> None:
    rows = await telling.world.rows(
        "SELECT report::text || encode(ciphertext, 'escape') AS stored "
        "FROM source JOIN source_credential USING (tenant_id, source_id)"
    )
    assert not any(telling.cdp.password in row["stored"] for row in rows)


def test_a_person_without_an_e_mail_stays_one_person(tenant: Tenant) -> None:
    def event(outcome_id: int) -> Event:
        return Event(
            tenant_id=tenant.tenant_id,
            outcome_id=outcome_id,
            type=OutcomeType.UNSUBSCRIBED,
            channel=Channel.ZALO_OA,
            at=datetime.now(UTC),
            value=None,
            target=None,
            profile="p",
            email=None,
            phone="+84912345678",
            zalo="25125",
            about={},
        )

    first, second = body(event(1)), body(event(2))
    assert first["user_device_uuid"] == second["user_device_uuid"]
    assert first["event_data"]["leo_event"] != second["event_data"]["leo_event"]
    assert (first["metric"], first["social_media_ids"]) == ("unfollow", "zalo:25125")
    assert "primary_email" not in first


def test_every_outcome_has_a_name_in_the_cdp() -> None:
    for kind in OutcomeType:
        for channel in (*Channel, None):
            assert metric(kind, channel)
