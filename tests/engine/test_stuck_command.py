"""`leo stuck`: what an operator types to see what does not get on, to take it up again, and to see who did."""

import getpass
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.db import Database
from engine.decide import put_off
from tests.conftest import Tenant
from tests.engine.conftest import Types
from tests.engine.world import World, simple_world

REASON = "The policy was mended."


@pytest.fixture
async def batch_id(db: Database, tenant: Tenant) -> int:
    """A batch that could not be decided and was put off."""
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    _, (batch_id,) = await world.run(campaign_id, people)
    async with db.transaction(tenant.tenant_id) as conn:
        await put_off(conn, batch_id=batch_id, until=datetime(2099, 1, 1, tzinfo=UTC))
    return batch_id


async def reads(types: Types, *words: str, ends_with: int = 0) -> Any:
    return json.loads(await types("stuck", *words, "--json", ends_with=ends_with))


async def test_what_was_put_off_is_listed_and_taken_up_once(types: Types, batch_id: int) -> None:
    (shown,) = (await reads(types, "list"))["put_off"]
    assert (shown["batch_id"], shown["setbacks"]) == (batch_id, 1)
    table = await types("stuck", "list")
    assert str(batch_id) in table
    assert "put_off" in table
    said = await types("stuck", "take-up", "batch", str(batch_id), "--reason", REASON)
    assert f"The batch {batch_id} goes on: 1 became due." in said
    assert (await reads(types, "list"))["put_off"] == []
    again = await reads(types, "take-up", "batch", str(batch_id), "--reason", REASON)
    assert again["moved"] == 0


async def test_who_took_it_up_and_why_is_shown(types: Types, batch_id: int) -> None:
    await types("stuck", "take-up", "batch", str(batch_id), "--reason", "[bold]Sửa xong[/]")
    log = await types("stuck", "log")
    assert str(batch_id) in log
    assert "[bold]Sửa xong[/]" in log
    assert f"cli {getpass.getuser()}" in log


async def test_what_there_is_not_ends_with_a_sentence(types: Types, batch_id: int) -> None:
    said = await types("stuck", "take-up", "batch", str(batch_id + 1), "--reason", REASON, ends_with=1)
    assert str(batch_id + 1) in said
    assert "Traceback" not in said


async def test_what_is_refused_is_said_and_ends_with_an_error(
    types: Types, batch_id: int, db: Database, tenant: Tenant
) -> None:
    world = World(db, tenant)
    await world.decide(batch_id)
    await world.rows("UPDATE delivery_log SET status = 'sent', sent_at = now()")
    message = str((await world.deliveries())[0]["delivery_id"])
    said = await types("stuck", "take-up", "message", message, "--reason", REASON, ends_with=1)
    assert f"The message {message} was left as it is: done." in said
