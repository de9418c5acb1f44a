"""Who is like a text or somebody: within a distance, or among the nearest so many that are active."""

from typing import Any

import pytest

from engine.db import Database
from engine.embeddings import embed_profiles
from tests.conftest import Tenant
from tests.engine.crowd import Crowd

LIKE_A_GOLFER = {"like": {"text": "golf tennis"}, "nearest": 1}


@pytest.fixture
async def readers(db: Database, tenant: Tenant) -> Crowd:
    crowd = Crowd(db, tenant)
    await crowd.change(
        an={"keywords": ["sách thiếu nhi", "truyện tranh"]},
        bao={"keywords": ["sach thieu nhi"]},
        chi={"keywords": ["golf", "tennis"]},
        recheck=False,
    )
    async with db.transaction(tenant.tenant_id) as conn:
        assert await embed_profiles(conn, tenant_id=tenant.tenant_id, most=100) == 3
    return crowd


@pytest.mark.parametrize(
    ("rule", "members"),
    [
        (LIKE_A_GOLFER, {"chi"}),
        ({"like": {"text": "sách thiếu nhi"}, "nearest": 2}, {"an", "bao"}),
        ({"like": {"profile": "bao"}, "within": 0}, {"bao"}),
        ({"like": {"profile": "bao"}, "within": 2}, {"an", "bao", "chi"}),
        ({"not": {"like": {"profile": "bao"}, "within": 0.001}}, {"an", "chi"}),
        ({"like": {"profile": "nobody"}, "within": 2}, set()),
    ],
)
async def test_whoever_is_near_belongs_to_it(readers: Crowd, rule: dict[str, Any], members: set[str]) -> None:
    await readers.refreshed("like", rule)
    assert await readers.members("like") == members


async def test_who_is_gone_takes_nobodys_place_among_the_nearest(readers: Crowd) -> None:
    segment = await readers.refreshed("like", LIKE_A_GOLFER)
    await readers.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'chi'")
    await readers.refresh(segment)
    members = await readers.members("like")
    assert len(members) == 1
    assert members < {"an", "bao"}
