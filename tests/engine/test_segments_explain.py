"""Anybody can ask why a person is in a segment or is not, what a rule would find, and who came and went."""

from datetime import UTC, datetime
from typing import Any

import pytest

from engine import segments
from engine.db import Database
from rules.conditions import Language
from rules.errors import InvalidInput, NotFound
from rules.words import Cause, Change
from tests.conftest import Tenant
from tests.engine.crowd import BUYERS, HUE, Crowd

RULE: dict[str, Any] = {"all": [HUE, {"not": BUYERS}, {"attribute": "orders", "at_least": 3}]}


@pytest.fixture
def crowd(db: Database, tenant: Tenant) -> Crowd:
    return Crowd(db, tenant)


async def explained(
    crowd: Crowd, segment: segments.Segment, ext_id: str, language: Language = Language.EN
) -> segments.Explanation:
    async with crowd.db.transaction(crowd.tenant.tenant_id, read_only=True) as conn:
        return await segments.explain(
            conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id, ext_id=ext_id, language=language
        )


async def previewed(crowd: Crowd, rule: dict[str, Any], **more: Any) -> segments.Preview:
    async with crowd.db.transaction(crowd.tenant.tenant_id, read_only=True) as conn:
        return await segments.preview(conn, rule=rule, **more)


async def test_each_condition_says_whether_it_holds(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế", "orders": 2}, recheck=False)
    segment = await crowd.refreshed("new", RULE)
    why_not = await explained(crowd, segment, "an")
    assert (why_not.ext_id, why_not.key, why_not.version, why_not.holds) == ("an", "new", 1, False)
    assert (why_not.member_since, why_not.changed_at) == (None, None)
    assert [part.holds for part in why_not.explained.parts] == [True, True, False]
    assert "orders" in why_not.explained.parts[2].text


async def test_a_member_is_one_since_an_instant(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế", "orders": 3}, recheck=False)
    before = datetime.now(UTC)
    segment = await crowd.refreshed("new", RULE)
    why = await explained(crowd, segment, "an")
    assert why.holds
    assert why.member_since is not None
    assert why.member_since == why.changed_at
    assert before <= why.member_since <= datetime.now(UTC)


async def test_what_holds_and_who_is_a_member_may_differ_until_the_next_refresh(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế", "orders": 3}, recheck=False)
    segment = await crowd.refreshed("new", RULE)
    await crowd.happen("purchase", "an")
    before = await explained(crowd, segment, "an")
    assert not before.holds
    assert before.member_since is not None
    await crowd.recheck()
    after = await explained(crowd, segment, "an")
    assert (after.holds, after.member_since) == (False, None)
    assert after.changed_at is not None
    assert before.changed_at is not None
    assert after.changed_at > before.changed_at


async def test_it_is_said_in_vietnamese_too(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    english, vietnamese = [(await explained(crowd, segment, "an", one)).explained.text for one in Language]
    assert english != vietnamese


async def test_of_a_merged_profile_it_is_said_of_the_one_it_became(crowd: Crowd) -> None:
    ids = await crowd.change(an={"city": "Huế"}, twin={"city": "Vinh"}, recheck=False)
    await crowd.rows(
        "UPDATE cdp_profiles SET status = 'merged', merged_into = %(an)s WHERE ext_id = 'twin'", an=ids["an"]
    )
    segment = await crowd.refreshed("hue", HUE)
    assert (await explained(crowd, segment, "twin")).ext_id == "an"


async def test_nobody_and_no_segment_are_told(crowd: Crowd) -> None:
    segment = await crowd.refreshed("hue", HUE)
    with pytest.raises(NotFound, match="nobody"):
        await explained(crowd, segment, "nobody")
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await segments.explain(conn, tenant_id=crowd.tenant.tenant_id, segment_id=1, ext_id="nobody")


async def test_a_preview_counts_and_names_some_and_keeps_nothing(crowd: Crowd) -> None:
    await crowd.change(
        **{f"kh-{number}": {"city": "Huế"} for number in range(30)}, binh={"city": "Vinh"}, recheck=False
    )
    found = await previewed(crowd, dict(HUE), sample=4)
    assert found.count == 30
    assert len(found.sample) == 4
    assert {row["ext_id"] for row in found.sample} <= {f"kh-{number}" for number in range(30)}
    assert found.took_ms > 0
    assert found.text.keys() == {"en", "vi"}
    assert "Huế" in found.text["vi"]
    assert await crowd.rows("SELECT FROM segment") == []


async def test_a_preview_of_nobody_is_empty(crowd: Crowd) -> None:
    found = await previewed(crowd, dict(HUE))
    assert (found.count, list(found.sample)) == (0, [])


async def test_a_preview_refuses_what_cannot_be_read_or_asked(crowd: Crowd) -> None:
    await crowd.change(an={}, recheck=False)
    with pytest.raises(InvalidInput, match="rule"):
        await previewed(crowd, {"attribute": "city", "resembles": "Huế"})
    with pytest.raises(NotFound, match="nosuch"):
        await previewed(crowd, {"graph": "nosuch"})


async def test_changes_are_listed_with_their_times_and_causes(crowd: Crowd) -> None:
    await crowd.change(an={"city": "Huế"}, binh={}, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    await crowd.change(an={"city": "Vinh"}, binh={"city": "Huế"})
    await crowd.recheck()
    async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
        found = await segments.changes(conn, tenant_id=crowd.tenant.tenant_id, segment_id=segment.segment_id)
    assert {(one.ext_id, one.change, one.cause) for one in found} == {
        ("an", Change.JOINED, Cause.REQUEST),
        ("an", Change.LEFT, Cause.EVENT),
        ("binh", Change.JOINED, Cause.EVENT),
    }
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_changes_come_page_by_page_each_once_however_many_one_refresh_made(crowd: Crowd, limit: int) -> None:
    four: dict[str, Any] = {f"kh-{number}": {"city": "Huế"} for number in range(4)}
    await crowd.change(**four, recheck=False)
    segment = await crowd.refreshed("hue", HUE)
    moved: dict[str, Any] = {"kh-2": {"city": "Vinh"}}
    await crowd.change(**moved)
    await crowd.recheck()
    seen: list[tuple[str, Change]] = []
    before = after = None
    while True:
        async with crowd.db.transaction(crowd.tenant.tenant_id) as conn:
            page = await segments.changes(
                conn,
                tenant_id=crowd.tenant.tenant_id,
                segment_id=segment.segment_id,
                before=before,
                after=after,
                limit=limit,
            )
        if not page:
            break
        assert len(page) <= limit
        seen += [(one.ext_id or "", one.change) for one in page]
        before, after = page[-1].refresh_id, page[-1].profile_id
    assert seen[0] == ("kh-2", Change.LEFT)
    assert sorted(seen[1:]) == [(f"kh-{number}", Change.JOINED) for number in range(4)]
