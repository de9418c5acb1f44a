"""Profiles come in bulk: new, changed or as they were; a mistake names its person and leaves nothing behind."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from engine.db import Database
from engine.profiles import Upserted, get_profile, list_profiles, profile_id_of, upsert_profiles
from graph.mirror import compare
from rules.errors import InvalidInput, NotFound
from rules.words import Channel
from tests.conftest import Tenant

AT = "2026-05-01T09:00:00+07:00"
TABLES = ("cdp_profiles", "profile_address", "consent", "profile_relation", "relation_target")
LABELS = ("Profile", "Topic", "Product", "INTERESTED_IN", "BOUGHT")

# Neither NUL nor a half of a surrogate pair can be stored.
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ADDRESSES = st.fixed_dictionaries(
    {"channel": st.sampled_from(Channel), "value": TEXTS.filter(lambda text: bool(text.strip()))},
    optional={"valid": st.booleans(), "reason": TEXTS},
)
CONSENTS = st.fixed_dictionaries(
    {
        "channel": st.none() | st.sampled_from(Channel),
        "purpose": st.sampled_from(["marketing", "service"]),
        "granted": st.booleans(),
        "at": st.datetimes(datetime(2000, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    }
)
RELATIONS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["INTERESTED_IN", "BOUGHT"]), "key": TEXTS},
    optional={"name": TEXTS, "weight": st.floats(-1e6, 1e6), "occurred_at": st.just(AT)},
)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"ext_id": TEXTS},
        optional={
            "name": st.none() | TEXTS,
            "locale": st.sampled_from(["vi", "en"]),
            "zone": st.sampled_from([None, "Asia/Ho_Chi_Minh", "America/New_York"]),
            "attributes": st.dictionaries(TEXTS, VALUES, max_size=4),
            "addresses": st.lists(ADDRESSES, max_size=3),
            "consents": st.lists(CONSENTS, max_size=3),
            "relations": st.lists(RELATIONS, max_size=3),
        },
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda person: str(person["ext_id"]),
)


async def upserted(db: Database, tenant: Tenant, *people: Mapping[str, Any]) -> Upserted:
    async with db.transaction(tenant.tenant_id) as connection:
        return await upsert_profiles(connection, tenant_id=tenant.tenant_id, profiles=people)


async def addresses(db: Database, tenant: Tenant, ext_id: str) -> dict[str, tuple[bool, str | None]]:
    async with db.transaction(tenant.tenant_id) as connection:
        person = await get_profile(connection, tenant_id=tenant.tenant_id, ext_id=ext_id)
    return {one["value"]: (one["valid"], one["reason"]) for one in person.addresses}


async def row_versions(db: Database, tenant: Tenant) -> dict[str, Sequence[Any]]:
    """Which transaction last wrote each row, of tables and graph; a row written anew has another."""
    found: dict[str, Sequence[Any]] = {}
    async with db.transaction(tenant.tenant_id) as connection:
        for schema, name in [("public", table) for table in TABLES] + [(tenant.graph, label) for label in LABELS]:
            statement = sql.SQL("SELECT xmin::text, ctid::text FROM {} ORDER BY 2").format(sql.Identifier(schema, name))
            found[name] = await (await connection.execute(statement)).fetchall()
    return found


async def test_people_are_inserted_changed_or_left_as_they_were(db: Database, tenant: Tenant) -> None:
    first = await upserted(db, tenant, {"ext_id": "a", "name": "An"}, {"ext_id": "b"}, {"ext_id": "c"})
    assert (first.inserted, first.updated, first.unchanged) == (3, 0, 0)
    again = await upserted(db, tenant, {"ext_id": "a", "name": "Ân"}, {"ext_id": "b"}, {"ext_id": "d"})
    assert (again.inserted, again.updated, again.unchanged) == (1, 1, 1)
    assert {**first.ids, **again.ids} == {**again.ids, "c": first.ids["c"]}


async def test_nobody_sent_is_nothing_done(db: Database, tenant: Tenant) -> None:
    assert await upserted(db, tenant) == Upserted(0, 0, 0, {})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE)
async def test_the_same_people_again_rewrite_no_row(db: Database, tenant: Tenant, people: list[dict[str, Any]]) -> None:
    await upserted(db, tenant, *people)
    before = await row_versions(db, tenant)
    again = await upserted(db, tenant, *people)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, len(people))
    assert await row_versions(db, tenant) == before


async def test_what_a_document_leaves_out_stays(db: Database, tenant: Tenant) -> None:
    whole = {
        "ext_id": "a",
        "name": "An",
        "locale": "vi",
        "zone": "Asia/Tokyo",
        "attributes": {"city": "Huế"},
        "addresses": [{"channel": "email", "value": "an@shop.example"}],
        "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": AT}],
    }
    await upserted(db, tenant, whole)
    assert (await upserted(db, tenant, {"ext_id": "a"})).unchanged == 1
    assert (await upserted(db, tenant, {"ext_id": "a", "zone": None, "attributes": {"tier": "gold"}})).updated == 1
    async with db.transaction(tenant.tenant_id) as connection:
        person = await get_profile(connection, tenant_id=tenant.tenant_id, ext_id="a")
    assert (person.name, person.locale, person.zone, person.attributes) == ("An", "vi", None, {"tier": "gold"})
    assert [one["value"] for one in person.addresses] == ["an@shop.example"]
    assert [one["granted"] for one in person.consents] == [True]


async def test_a_list_of_addresses_is_the_whole_list_and_none_given_changes_none(db: Database, tenant: Tenant) -> None:
    old, new = {"channel": "email", "value": "old@shop.example"}, {"channel": "telegram", "value": "700"}
    await upserted(db, tenant, {"ext_id": "a", "addresses": [old]}, {"ext_id": "b", "addresses": [old]})
    changed = await upserted(db, tenant, {"ext_id": "a", "addresses": [new]}, {"ext_id": "b"})
    assert (changed.updated, changed.unchanged) == (1, 1)
    assert list(await addresses(db, tenant, "a")) == ["700"]
    assert list(await addresses(db, tenant, "b")) == ["old@shop.example"]
    await upserted(db, tenant, {"ext_id": "a", "addresses": []})
    assert await addresses(db, tenant, "a") == {}


@pytest.mark.parametrize(
    "value",
    [
        "lan@shop.example",
        "lan+tết@shop.example",
        "nguyễn@cửahàng.example",
        unicodedata.normalize("NFD", "nguyễn@shop.example"),
        "o'neil@sub.domain.test",
        "first.last@xn--bcher-kva.example",
    ],
)
async def test_an_e_mail_address_of_good_form_is_valid(db: Database, tenant: Tenant, value: str) -> None:
    await upserted(db, tenant, {"ext_id": "a", "addresses": [{"channel": "email", "value": value}]})
    assert [valid for valid, _ in (await addresses(db, tenant, "a")).values()] == [True]


@pytest.mark.parametrize(
    "value",
    [
        "lan@",
        "@shop.example",
        "lan",
        "lan@@shop.example",
        "lan..b@shop.example",
        ".lan@shop.example",
        "lan@shop..example",
        "lan@-shop.example",
        "lan@shop",
        "l n@shop.example",
        f"lan@{'x' * 64}.example",
        "lan@192.168.0.1",
        "lan@shop.example\u200b",
    ],
)
async def test_a_malformed_e_mail_address_is_kept_with_its_reason(db: Database, tenant: Tenant, value: str) -> None:
    sent = {"ext_id": "a", "addresses": [{"channel": "email", "value": value, "valid": True}]}
    assert (await upserted(db, tenant, sent)).inserted == 1
    ((kept, (valid, reason)),) = (await addresses(db, tenant, "a")).items()
    assert (kept, valid) == (value, False)
    assert reason


async def test_a_bounced_address_stays_invalid_until_somebody_says_otherwise(db: Database, tenant: Tenant) -> None:
    address = {"channel": "email", "value": "an@shop.example"}
    await upserted(db, tenant, {"ext_id": "a", "addresses": [address]})
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute("UPDATE profile_address SET valid = false, reason = 'bounced'")
    assert (await upserted(db, tenant, {"ext_id": "a", "addresses": [address]})).unchanged == 1
    assert await addresses(db, tenant, "a") == {"an@shop.example": (False, "bounced")}
    assert (await upserted(db, tenant, {"ext_id": "a", "addresses": [{**address, "valid": True}]})).updated == 1
    assert await addresses(db, tenant, "a") == {"an@shop.example": (True, None)}


async def test_consents_are_added_and_the_newest_holds(db: Database, tenant: Tenant) -> None:
    granted = {"channel": None, "purpose": "marketing", "granted": True, "at": AT}
    withdrawn = {**granted, "granted": False, "at": "2026-05-02T09:00:00+07:00"}
    await upserted(db, tenant, {"ext_id": "a", "consents": [withdrawn]})
    assert (await upserted(db, tenant, {"ext_id": "a", "consents": [granted]})).updated == 1
    async with db.transaction(tenant.tenant_id) as connection:
        person = await get_profile(connection, tenant_id=tenant.tenant_id, ext_id="a")
        stored = await (await connection.execute("SELECT count(*) AS stored FROM consent")).fetchone()
    assert [one["granted"] for one in person.consents] == [False]
    assert stored == {"stored": 2}


async def test_relations_lead_to_targets_and_people_and_are_drawn(db: Database, tenant: Tenant) -> None:
    coffee = {"kind": "INTERESTED_IN", "key": "coffee", "name": "Cà phê", "weight": 2}
    await upserted(db, tenant, {"ext_id": "b"}, {"ext_id": "a", "relations": [coffee, {"kind": "KNOWS", "key": "b"}]})
    assert (await upserted(db, tenant, {"ext_id": "a", "relations": [{**coffee, "weight": 3}]})).updated == 1
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await (await connection.execute("SELECT kind, weight FROM profile_relation ORDER BY kind")).fetchall()
        differences = await compare(connection)
    assert [(row["kind"], row["weight"]) for row in rows] == [("INTERESTED_IN", 3), ("KNOWS", 1)]
    assert not any(one.missing or one.extra or one.different for one in differences)


async def test_knowing_nobody_writes_nothing(db: Database, tenant: Tenant) -> None:
    with pytest.raises(NotFound, match="'ghost'"):
        await upserted(db, tenant, {"ext_id": "a", "relations": [{"kind": "KNOWS", "key": "ghost"}]})
    async with db.transaction(tenant.tenant_id) as connection:
        assert await list_profiles(connection, tenant_id=tenant.tenant_id) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"nickname": "x"}, "nickname"),
        ({"name": 7}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"zone": "Asia/Nowhere"}, "Asia/Nowhere"),
        ({"attributes": ["city"]}, "attributes"),
        ({"attributes": {"deep": [{"k\x00": 1}]}}, "attributes"),
        ({"addresses": "an@shop.example"}, "addresses"),
        ({"addresses": [{"channel": "fax", "value": "1"}]}, "fax"),
        ({"addresses": [{"channel": "email", "value": "  "}]}, "address"),
        ({"consents": [{"granted": True}]}, "instant"),
        ({"consents": [{"granted": "yes", "at": AT}]}, "granted"),
        ({"consents": [{"granted": True, "at": "2026-05-01T09:00:00"}]}, "consents.at"),
        ({"consents": [{"granted": True, "at": datetime.now(UTC) + timedelta(days=2)}]}, "future"),
        ({"relations": [{"kind": "LIKES", "key": "x"}]}, "LIKES"),
        ({"relations": [{"kind": "BOUGHT", "key": "x", "weight": float("nan")}]}, "weight"),
    ],
)
async def test_a_mistake_names_its_person_and_nobody_is_written(
    db: Database, tenant: Tenant, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=f"'kh-7'.*{said}"):
        await upserted(db, tenant, {"ext_id": "kh-1"}, {"ext_id": "kh-7", **wrong})
    async with db.transaction(tenant.tenant_id) as connection:
        assert await list_profiles(connection, tenant_id=tenant.tenant_id) == []


@pytest.mark.parametrize("ext_id", [None, "", 7, "x" * 256, "a\x00"])
async def test_a_person_needs_an_ext_id(db: Database, tenant: Tenant, ext_id: object) -> None:
    with pytest.raises(InvalidInput, match="Profile 2"):
        await upserted(db, tenant, {"ext_id": "a"}, {"ext_id": ext_id})


async def test_nobody_is_sent_twice_in_one_call(db: Database, tenant: Tenant) -> None:
    with pytest.raises(InvalidInput, match="'a' is there twice"):
        await upserted(db, tenant, {"ext_id": "a"}, {"ext_id": "a", "name": "An"})


async def test_a_merged_profile_leads_to_the_one_it_became(db: Database, tenant: Tenant) -> None:
    ids = (await upserted(db, tenant, {"ext_id": "old"}, {"ext_id": "new"})).ids
    async with db.transaction(tenant.tenant_id) as connection:
        await connection.execute(
            "UPDATE cdp_profiles SET status = 'merged', merged_into = %s WHERE profile_id = %s",
            (ids["new"], ids["old"]),
        )
        assert await profile_id_of(connection, tenant_id=tenant.tenant_id, ext_id="old") == ids["new"]
        with pytest.raises(NotFound, match="'ghost'"):
            await profile_id_of(connection, tenant_id=tenant.tenant_id, ext_id="ghost")


async def test_people_are_listed_page_by_page(db: Database, tenant: Tenant) -> None:
    ids = sorted((await upserted(db, tenant, *({"ext_id": str(number)} for number in range(5)))).ids.values())
    async with db.transaction(tenant.tenant_id) as connection:
        page = await list_profiles(connection, tenant_id=tenant.tenant_id, limit=3)
        rest = await list_profiles(connection, tenant_id=tenant.tenant_id, after=page[-1].profile_id)
    assert [one.profile_id for one in (*page, *rest)] == ids


async def test_two_tenants_know_different_people_by_one_ext_id(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    ours = await upserted(db, tenant, {"ext_id": "a", "name": "An"})
    theirs = await upserted(db, other_tenant, {"ext_id": "a", "name": "Bình"})
    assert theirs.inserted == 1
    assert ours.ids["a"] != theirs.ids["a"]
    async with db.transaction(other_tenant.tenant_id) as connection:
        assert await list_profiles(connection, tenant_id=tenant.tenant_id) == []
