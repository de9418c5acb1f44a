"""`leo campaigns`: what somebody types to start a campaign, to stop it for a while, and to end it."""

import asyncio
import io

import pytest

from engine.cli import run
from engine.db import Database
from tests.conftest import Tenant
from tests.engine.explaining import EVERYBODY, with_segment
from tests.engine.world import World, simple_world

pytestmark = pytest.mark.usefixtures("leo")
STATUS = "SELECT status FROM campaign"


@pytest.fixture
async def world(db: Database, tenant: Tenant) -> World:
    """A tenant with three people and a draft campaign for all of them."""
    made, campaign_id, _ = await simple_world(db, tenant, people=3)
    await made.rows("UPDATE campaign SET status = 'draft'")
    await with_segment(made, campaign_id, dict(EVERYBODY))
    return made


async def _types(world: World, *words: str) -> int:
    """In a thread, because the command runs a loop of its own."""
    return await asyncio.to_thread(run, ("campaigns", *words, "--tenant", world.tenant.slug))


async def test_a_campaign_is_started_paused_resumed_and_ended(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert await _types(world, "start", "tet") == 0
    assert "tet is active: it decides for 3 people in 1 batches." in capsys.readouterr().out
    assert await _types(world, "pause", "tet") == 0
    assert (await world.one(STATUS), await world.one("SELECT status FROM campaign_run")) == ("paused", "paused")
    assert await _types(world, "resume", "tet") == 0
    assert "1 batches are due" in capsys.readouterr().out
    assert await _types(world, "cancel", "tet", "--yes") == 0
    assert (await world.one(STATUS), await world.one("SELECT status FROM run_batch")) == ("ended", "cancelled")
    assert await _types(world, "list") == 0
    assert "ended" in capsys.readouterr().out


async def test_ending_one_is_asked_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert await _types(world, "cancel", "tet") == 1
    assert await world.one(STATUS) == "draft"


@pytest.mark.parametrize("command", ["start", "pause", "resume", "cancel"])
async def test_an_unknown_key_is_told_in_one_sentence(
    world: World, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert await _types(world, command, "tte", *(["--yes"] if command == "cancel" else [])) == 1
    assert "There is no campaign 'tte'." in capsys.readouterr().err
