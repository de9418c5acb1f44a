"""Embeddings are the same everywhere, near for texts that share words, and follow people as they change."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import embeddings
from engine.db import Database, Transaction
from engine.embeddings import DIMENSIONS, centre_segment, embed, embed_profiles, nearest, profile_text, written
from engine.profiles import upsert_profiles
from rules.errors import Conflict, NotFound
from tests.conftest import Tenant

BOOKS = {"an": ["sách thiếu nhi", "truyện tranh"], "bao": ["sach thieu nhi"], "chi": ["golf", "tennis"]}


def _distance(one: str, other: str) -> float:
    return 1 - sum(a * b for a, b in zip(embed(one), embed(other), strict=True))


@given(text=st.text(max_size=80))
def test_an_embedding_has_384_numbers_and_length_1(text: str) -> None:
    numbers = embed(text)
    assert len(numbers) == DIMENSIONS
    assert math.isclose(math.hypot(*numbers), 1)
    assert embed(text) == numbers


# The numbers of "Huế sách" that are not 0, by their place.
PLACES = {
    2: 0.27735,
    4: -0.226455,
    44: -0.226455,
    65: 0.27735,
    66: 0.226455,
    94: 0.27735,
    131: 0.226455,
    150: -0.339683,
    160: -0.226455,
    167: -0.27735,
    193: -0.226455,
    238: -0.226455,
    314: 0.339683,
    317: 0.226455,
    346: 0.226455,
}


def test_it_is_the_same_on_every_machine() -> None:
    """Stored embeddings outlive a release: if these numbers change, MODEL has to change too."""
    places = {place: round(number, 6) for place, number in enumerate(embed("Huế sách")) if number}
    assert embeddings.MODEL == "hash-384-v1"
    assert places == PLACES


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("sách thiếu nhi", "sach thieu nhi", "máy ảnh"),
        ("laptop", "laptops", "lavender"),
        ("HUẾ", "huế", "hà nội"),
        ("Hà Nội, golf", "golf, Hà Nội", "Hà Nội, tennis"),
        ("Hà Nội, golf", "Hà Nội, tennis", "Cần Thơ, tennis"),
    ],
)
def test_texts_that_share_words_are_nearer_than_others(text: str, near: str, far: str) -> None:
    assert _distance(text, near) < _distance(text, far)


def test_words_without_a_common_part_are_strangers_whatever_they_mean() -> None:
    assert _distance("shoes", "sneakers") > 0.8


def test_what_says_who_somebody_is_stays_out_of_the_text() -> None:
    attributes = {
        "city": "Huế",
        "labels": ["vip", "loyal", 7, None],
        "interests": {"sport": "golf", "since": 2020},
        "funnelStage": "customer",
        "firstName": "Lan",
        "full_name": "Trần Lan",
        "primaryEmail": "lan@example.com",
        "contact": "lan@example.com",
        "phone_number": "+84901234567",
        "homeAddress": "1 Lê Lợi",
        "dateOfBirth": "1990-01-01",
        "customerID": "KH-1",
        "website": "https://example.com/lan",
        "score": "12345",
        "is_vip": True,
    }
    assert profile_text(attributes) == "Huế\ncustomer\ngolf\nvip\nloyal"


values = st.recursive(st.none() | st.text(max_size=8) | st.integers(), st.lists)


@given(attributes=st.dictionaries(st.text(max_size=8), values))
def test_any_attributes_give_a_text_and_the_order_of_keys_does_not_matter(attributes: dict[str, Any]) -> None:
    turned = dict(reversed(attributes.items()))
    assert profile_text(turned) == profile_text(attributes)


async def _people(connection: Transaction, tenant: Tenant, people: Mapping[str, Any]) -> dict[str, int]:
    documents = [{"ext_id": ext_id, "attributes": {"keywords": words}} for ext_id, words in people.items()]
    return dict((await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=documents)).ids)


async def _looked_at(db: Database, tenant: Tenant, most: int = 1000) -> int:
    async with db.transaction(tenant.tenant_id) as connection:
        return await embed_profiles(connection, tenant_id=tenant.tenant_id, most=most)


async def _held(db: Database, tenant: Tenant) -> dict[str, tuple[str, Any]]:
    """Each person's embedding with the version of its row."""
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await connection.execute(
            "SELECT ext_id, embedding::text, e.updated_at"
            " FROM profile_embedding e JOIN cdp_profiles USING (tenant_id, profile_id)"
        )
        return {row["ext_id"]: (row["embedding"], row["updated_at"]) for row in await rows.fetchall()}


async def test_people_are_embedded_once_until_they_change(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await _people(connection, tenant, BOOKS)
    assert await _looked_at(db, tenant) == 3
    first = await _held(db, tenant)
    assert first.keys() == BOOKS.keys()
    assert await _looked_at(db, tenant) == 0
    async with db.transaction(tenant.tenant_id) as connection:
        await _people(connection, tenant, {"an": ["cà phê"]})
        await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=[{"ext_id": "bao", "name": "Bảo"}])
    assert await _looked_at(db, tenant) == 2
    second = await _held(db, tenant)
    assert second["an"][0] != first["an"][0]
    assert second["bao"][0] == first["bao"][0], "a new name is no new text"
    assert second["chi"] == first["chi"]
    assert await _looked_at(db, tenant) == 0


async def test_a_change_committed_late_is_seen_all_the_same(
    db: Database, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction began before the embedding was made, and so is stamped earlier."""
    monkeypatch.setattr(embeddings, "LONGEST_CHANGE", timedelta(seconds=1))
    async with db.transaction(tenant.tenant_id) as connection:
        await _people(connection, tenant, {"an": ["golf"]})
    async with db.transaction(tenant.tenant_id) as late:
        await late.execute("SELECT now()")
        assert await _looked_at(db, tenant) == 1
        await _people(late, tenant, {"an": ["tennis"]})
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("SELECT pg_sleep(1.1)")
    assert await _looked_at(db, tenant) == 1
    async with db.transaction(tenant.tenant_id) as connection:
        (near,) = await nearest(connection, embedding=written(embed("tennis")), most=1)
    assert near.distance == pytest.approx(0, abs=1e-6)
    assert await _looked_at(db, tenant) == 0


async def test_the_newest_changes_come_first_and_no_more_than_asked(db: Database, tenant: Tenant) -> None:
    for ext_id in ("old", "new"):
        async with db.transaction(tenant.tenant_id) as connection:
            await _people(connection, tenant, {ext_id: ["golf"]})
    assert await _looked_at(db, tenant, most=1) == 1
    assert (await _held(db, tenant)).keys() == {"new"}


async def test_who_is_gone_has_no_embedding_and_is_near_nobody(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ids = await _people(connection, tenant, BOOKS)
    await _looked_at(db, tenant)
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE cdp_profiles SET status = 'deleted' WHERE ext_id = 'an'")
        near = await nearest(connection, embedding=written(embed("sách")), most=9)
    assert {one.profile_id for one in near} == {ids["bao"], ids["chi"]}
    assert await _looked_at(db, tenant) == 1
    assert (await _held(db, tenant)).keys() == {"bao", "chi"}


async def test_another_model_is_replaced(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await _people(connection, tenant, BOOKS)
    await _looked_at(db, tenant)
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE profile_embedding SET model = 'other'")
        assert await nearest(connection, embedding=written(embed("sách")), most=9) == []
    assert await _looked_at(db, tenant) == 3
    async with db.transaction(tenant.tenant_id) as connection:
        assert len(await nearest(connection, embedding=written(embed("sách")), most=9)) == 3


async def test_the_nearest_are_this_tenants_in_order_and_exact(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    """Many people with the same words, of two tenants: where an index of neighbours loses its way."""
    people = {f"p{n:03}": [f"k{n % 10}", "sách"] for n in range(300)}
    for one in (other_tenant, tenant):
        async with db.transaction(one.tenant_id) as connection:
            ids = await _people(connection, one, people)
        await _looked_at(db, one)
    async with db.transaction(tenant.tenant_id) as connection:
        found = await nearest(connection, embedding=written(embed("sách k3")), most=40)
    same = [ids[ext_id] for ext_id, words in people.items() if words[0] == "k3"]
    assert [one.profile_id for one in found[:30]] == sorted(same)
    assert [one.distance for one in found] == sorted(one.distance for one in found)
    assert found[29].distance < 1e-6 < found[30].distance


async def test_a_segments_centre_is_the_mean_of_its_members(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        ids = await _people(connection, tenant, BOOKS)
        row = await (
            await connection.execute(
                "INSERT INTO segment (tenant_id, key, name) VALUES (%s, 'readers', 'Readers') RETURNING segment_id",
                (tenant.tenant_id,),
            )
        ).fetchone()
        assert row is not None
        of = {"tenant_id": tenant.tenant_id, "segment_id": row["segment_id"]}
        assert not await centre_segment(connection, **of)
        with pytest.raises(Conflict, match="readers"):
            await embeddings.centre_of_segment(connection, tenant_id=tenant.tenant_id, key="readers")
        await connection.execute(
            "INSERT INTO segment_member (tenant_id, segment_id, profile_id)"
            " SELECT %(tenant_id)s, %(segment_id)s, unnest(%(ids)s)",
            {**of, "ids": [ids["an"], ids["bao"]]},
        )
    await _looked_at(db, tenant)
    async with db.transaction(tenant.tenant_id) as connection:
        # Nobody has to wait for the worker: where none is kept yet, it is that of this moment.
        first = await embeddings.centre_of_segment(connection, tenant_id=tenant.tenant_id, key="readers")
        assert await centre_segment(connection, **of)
        centre = await embeddings.centre_of_segment(connection, tenant_id=tenant.tenant_id, key="readers")
        assert first == centre
        near = [one.profile_id for one in await nearest(connection, embedding=centre, most=3)]
    assert near[2] == ids["chi"]
    texts = [profile_text({"keywords": BOOKS[name]}) for name in ("an", "bao")]
    mean = [(a + b) / 2 for a, b in zip(*map(embed, texts), strict=True)]
    assert [float(number) for number in centre[1:-1].split(",")] == pytest.approx(mean, abs=1e-6)


async def test_who_is_not_there_is_not_found_and_who_is_not_embedded_is_told(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        await _people(connection, tenant, BOOKS)
        of = {"tenant_id": tenant.tenant_id}
        with pytest.raises(NotFound, match="nobody"):
            await embeddings.embedding_of_profile(connection, **of, ext_id="nobody")
        with pytest.raises(Conflict, match="no embedding yet"):
            await embeddings.embedding_of_profile(connection, **of, ext_id="an")
        with pytest.raises(NotFound, match="none"):
            await embeddings.centre_of_segment(connection, **of, key="none")
        with pytest.raises(NotFound, match="999"):
            await centre_segment(connection, **of, segment_id=999)
