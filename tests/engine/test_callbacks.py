"""The inbox: a callback is kept once, whoever reads it, and read again until it is clear that it is about nobody."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from channels.contract import Adapter, Incoming
from channels.registry import create
from engine import callbacks
from engine.callbacks import MOST_READINGS, Reading, Status, keep, replay_next
from engine.db import Database
from engine.dispatch.adapters import Adapters
from engine.settings import Settings
from rules.words import Channel, OutcomeType
from tests.conftest import Tenant
from tests.engine.world import NOBODY, World, simple_world

BODY = json.dumps(
    [{"id": "1", "type": "read", "at": "2026-05-01T09:00:00+07:00", "event_id": "<mail-of-another-system>"}]
).encode()


class Inbox:
    def __init__(self, world: World, adapters: Adapters) -> None:
        self.world = world
        self.adapters = adapters
        self.adapter: Adapter = create(Channel.EMAIL, NOBODY)

    @property
    def tenant_id(self) -> UUID:
        return self.world.tenant.tenant_id

    async def post(self, body: bytes = BODY, *, at: datetime) -> Reading:
        async with self.world.db.transaction(self.tenant_id) as conn:
            return await keep(
                conn,
                self.adapter,
                tenant_id=self.tenant_id,
                channel_id=self.world.channel_ids["email"],
                headers={"Content-Type": "application/json", "X-Leo-Signature": "secret"},
                body=body,
                now=at,
            )

    async def next(self, at: datetime) -> Reading | None:
        async with self.world.db.transaction(self.tenant_id) as conn:
            return await replay_next(conn, self.adapters, tenant_id=self.tenant_id, now=at)


@pytest.fixture
async def inbox(db: Database, tenant: Tenant, settings: Settings) -> Inbox:
    world, _, _ = await simple_world(db, tenant, people=1)
    return Inbox(world, Adapters.of(settings))


async def test_no_signature_and_no_token_is_kept(inbox: Inbox) -> None:
    await inbox.post(at=datetime.now(UTC))
    (row,) = await inbox.world.rows("SELECT headers, body, told FROM callback")
    assert row == {"headers": {"content-type": "application/json", "x-leo-signature": ""}, "body": BODY, "told": 1}


async def test_what_is_about_nobody_is_looked_at_less_and_less_often_and_then_left(inbox: Inbox) -> None:
    at = datetime.now(UTC)
    assert (await inbox.post(at=at)).status is Status.UNKNOWN
    assert await inbox.next(at + timedelta(seconds=14)) is None
    waits = []
    for _ in range(MOST_READINGS - 1):
        due = await inbox.world.one("SELECT due_at FROM callback")
        waits.append((due - at).total_seconds())
        at = due
        again = await inbox.next(at)
        assert again is not None
        assert again.status is Status.UNKNOWN
    assert waits == [15 * 4**times for times in range(MOST_READINGS - 1)]
    (row,) = await inbox.world.rows("SELECT due_at, readings, unknown FROM callback")
    assert row == {"due_at": None, "readings": MOST_READINGS, "unknown": 1}


async def test_what_is_known_is_not_read_again_and_what_is_old_is_forgotten(inbox: Inbox) -> None:
    at = datetime.now(UTC)
    assert (await inbox.post(b"[]", at=at)).status is Status.READ
    assert await inbox.next(at + timedelta(days=1)) is None
    await inbox.post(at=at - timedelta(days=2))
    async with inbox.world.db.transaction(inbox.tenant_id) as conn:
        await callbacks.forget(conn, before=at - timedelta(days=1))
        assert [one.body for one in await callbacks.list_callbacks(conn)] == [b""]


async def test_an_adapter_that_breaks_on_a_body_breaks_nothing_else(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(inbox.adapter), "parse_webhook", breaks)
    reading = await inbox.post(at=datetime.now(UTC))
    assert (reading.status, reading.error) == (Status.UNREADABLE, "The adapter raised ZeroDivisionError.")


async def test_an_id_that_no_index_holds_costs_its_outcomes_and_not_the_callback(inbox: Inbox) -> None:
    told = {
        "type": "replied",
        "at": "2026-05-01T09:00:00+07:00",
        "event_id": "theirs",
        "address": "kh-1@people.example",
    }
    # Random, for what repeats itself is compressed.
    body = json.dumps([{"id": secrets.token_hex(20_000), **told}]).encode()
    reading = await inbox.post(body, at=datetime.now(UTC))
    assert reading.status is Status.UNREADABLE
    assert reading.error is not None
    assert reading.error.startswith("index row")
    assert await inbox.world.one("SELECT count(*) FROM callback") == 1


async def test_an_outcome_of_a_kind_that_nobody_knows_is_kept_unread_and_its_row_quoted_nowhere(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Incoming(
        provider_id="1",
        type=cast("OutcomeType", "adored"),
        at=datetime(2026, 5, 1, tzinfo=UTC),
        delivery_ref=None,
        address="kh-1@people.example",
        raw={"text": "what somebody wrote"},
    )
    monkeypatch.setattr(type(inbox.adapter), "parse_webhook", lambda *_: [told])
    reading = await inbox.post(at=datetime.now(UTC))
    assert reading.status is Status.UNREADABLE
    (kept,) = await inbox.world.rows("SELECT status, error FROM callback")
    assert kept["status"] == "unreadable"
    assert "outcome_type_known" in kept["error"]
    assert "somebody" not in kept["error"]
