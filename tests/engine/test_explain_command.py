"""`leo decisions`, `why-not`, `campaigns`: what an operator types to learn why, and what would come of a campaign."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.db import Database
from tests.conftest import Tenant
from tests.engine.conftest import Types
from tests.engine.explaining import EVERYBODY, decided, with_segment
from tests.engine.world import simple_world


async def reads(types: Types, *words: str) -> Any:
    return json.loads(await types(*words, "--json"))


@pytest.fixture
async def decision_id(db: Database, tenant: Tenant) -> int:
    """The decision for kh-1 of five people."""
    world, campaign_id, people = await simple_world(db, tenant, people=5)
    await with_segment(world, campaign_id, dict(EVERYBODY))
    rows = await decided(world, campaign_id, people[:1], now=datetime.now(UTC))
    return int(rows[0]["decision_id"])


async def test_a_decision_is_listed_explained_and_replayed(types: Types, decision_id: int) -> None:
    assert (await reads(types, "decisions", "show", "--profile", "kh-1"))[0]["decision_id"] == decision_id
    assert str(decision_id) in await types("decisions", "show")
    said = await types("decisions", "explain", str(decision_id))
    assert "kh-1 gets offer v1 by email from campaign tet" in said
    assert "replays the same" in said
    vietnamese = await types("decisions", "explain", str(decision_id), "--language", "vi")
    for words in ("nhận offer v1", "phễu các phương án", "được chọn", "bộ chấm điểm chọn", "khớp mã băm"):
        assert words in vietnamese
    for words in ("chosen", "eligible", "funnel", "replays", "do nothing"):
        assert words not in vietnamese
    assert "bit for bit" in await types("decisions", "replay", str(decision_id))
    assert (await reads(types, "decisions", "replay", str(decision_id)))["same"]


async def test_why_not_is_answered_with_the_funnel_of_now(types: Types, decision_id: int) -> None:
    assert (await reads(types, "why-not", "kh-1", "tet"))["decision_id"] == decision_id
    said = await types("why-not", "kh-2", "tet")
    assert "offer (email) would be sent" in said
    assert "eligible" in said
    vietnamese = await types("why-not", "kh-2", "tet", "--language", "vi")
    assert "nếu quyết định lúc" in vietnamese
    for words in ("segment", "it would be", "funnel", "eligible"):
        assert words not in vietnamese


async def test_a_campaign_is_forecast_and_tried(types: Types, decision_id: int) -> None:
    del decision_id
    assert (await reads(types, "campaigns", "forecast", "tet"))["actions"] == {"send": 5}
    assert "5 people by rule" in await types("campaigns", "forecast", "tet", "--at", "2099-05-01T09:00+07:00")
    assert "asked of a sample of 2" in await types("campaigns", "forecast", "tet", "--sample", "2")
    tried = await reads(types, "campaigns", "dry-run", "tet", "--profile", "kh-2", "--profile", "kh-3")
    assert [one["profile"] for one in tried["decisions"]] == ["kh-2", "kh-3"]
    assert "kh-4" in await types("campaigns", "dry-run", "tet")


@pytest.mark.parametrize("at", ["tomorrow", "2026-05-01T09:00"])
async def test_an_instant_without_a_zone_is_refused(types: Types, at: str) -> None:
    assert "2026-05-01T09:00+07:00" in await types("campaigns", "forecast", "tet", "--at", at, ends_with=2)


async def test_who_is_not_there_is_told_with_a_remedy(types: Types, decision_id: int) -> None:
    del decision_id
    assert "leo import" in await types("why-not", "nobody", "tet", ends_with=1)
    assert "leo campaigns list lists them" in await types("why-not", "kh-1", "nowhere", ends_with=1)
