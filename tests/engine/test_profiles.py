"""People come in by bulk: changed where they differ, left alone where they do not."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine import profiles
from engine.db import Database
from engine.demo.people import people
from engine.text import settled_deep
from graph.mirror import compare
from rules.errors import InvalidInput, NotFound
from tests.conftest import Tenant

_STATES = """
SELECT 'profile ' || p.profile_id AS row, p.xmin::text AS written FROM cdp_profiles p
UNION ALL SELECT 'address ' || address_id, xmin::text FROM profile_address
UNION ALL SELECT 'consent ' || consent_id, xmin::text FROM consent
UNION ALL SELECT 'target ' || target_id, xmin::text FROM relation_target
UNION ALL SELECT 'relation ' || relation_id, xmin::text FROM profile_relation
"""
_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)
_VALUES = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | _TEXT
_ADDRESSES = st.lists(
    st.fixed_dictionaries(
        {
            "channel": st.sampled_from(["email", "telegram", "app_push"]),
            "value": st.sampled_from(["mai@khach.example", "mai@", "700000001", "thiết-bị"]),
        },
        optional={"valid": st.booleans(), "reason": _TEXT},
    ),
    max_size=3,
)
_CONSENTS = st.lists(
    st.fixed_dictionaries(
        {
            "channel": st.sampled_from([None, "email"]),
            "purpose": st.sampled_from(["marketing", "service"]),
            "granted": st.booleans(),
            "at": st.sampled_from(["2026-01-01T00:00:00+00:00", "2026-02-01T07:00:00+07:00"]),
        }
    ),
    max_size=2,
)
_RELATIONS = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["INTERESTED_IN", "ENGAGED", "BOUGHT"]), "key": st.sampled_from(["a", "b"])},
        optional={"name": _TEXT, "weight": st.floats(-10, 10)},
    ),
    max_size=2,
)
_PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"ext_id": st.sampled_from(["kh-1", "kh-2", "kh-3", "kh-4"])},
        optional={
            "name": st.none() | _TEXT,
            "locale": st.sampled_from(["vi", "en", None]),
            "zone": st.sampled_from(["Asia/Ho_Chi_Minh", None]),
            "attributes": st.dictionaries(_TEXT, _VALUES, max_size=3),
            "addresses": _ADDRESSES,
            "consents": _CONSENTS,
            "relations": _RELATIONS,
        },
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda person: str(person["ext_id"]),
)


async def _upsert(db: Database, tenant: Tenant, *documents: dict[str, Any]) -> profiles.Upserted:
    async with db.transaction(tenant.tenant_id) as conn:
        return await profiles.upsert_profiles(conn, tenant_id=tenant.tenant_id, profiles=documents)


async def _get(db: Database, tenant: Tenant, ext_id: str) -> profiles.Profile:
    async with db.transaction(tenant.tenant_id) as conn:
        return await profiles.get_profile(conn, tenant_id=tenant.tenant_id, ext_id=ext_id)


async def _states(db: Database, tenant: Tenant) -> dict[str, str]:
    async with db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute(_STATES)).fetchall()
    return {row["row"]: row["written"] for row in rows}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=_PEOPLE, people_=_PEOPLE)
async def test_who_is_sent_twice_is_written_once(
    db: Database, tenant: Tenant, before: list[dict[str, Any]], people_: list[dict[str, Any]]
) -> None:
    await _upsert(db, tenant, *before)
    first = await _upsert(db, tenant, *people_)
    assert first.inserted + first.updated + first.unchanged == len(people_)
    written = await _states(db, tenant)
    again = await _upsert(db, tenant, *people_)
    assert again.unchanged == len(people_)
    assert dict(again.ids) == dict(first.ids)
    assert await _states(db, tenant) == written, "an unchanged row is not rewritten"


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people_=_PEOPLE)
@example(people_=[{"ext_id": "kh-1", "name": "\U0002f800", "attributes": {"\U0002f800": "e\u0301"}}])
async def test_what_is_read_is_what_was_sent_with_its_texts_composed(
    db: Database, tenant: Tenant, people_: list[dict[str, Any]]
) -> None:
    await _upsert(db, tenant, *people_)
    for sent in people_:
        found = await _get(db, tenant, sent["ext_id"])
        for name in ("name", "locale", "zone", "attributes"):
            if name in sent:
                assert getattr(found, name) == settled_deep(sent[name])
        if "addresses" in sent:
            assert {(a["channel"], a["value"]) for a in found.addresses} == {
                (a["channel"], a["value"]) for a in sent["addresses"]
            }


async def test_what_is_left_out_stays_and_null_empties(db: Database, tenant: Tenant) -> None:
    whole = {"ext_id": "kh-1", "name": "Mai", "zone": "Asia/Ho_Chi_Minh", "attributes": {"city": "Huế", "orders": 3}}
    await _upsert(db, tenant, whole)
    await _upsert(db, tenant, {"ext_id": "kh-1", "attributes": {"city": "Hà Nội"}})
    mai = await _get(db, tenant, "kh-1")
    assert (mai.name, mai.zone, mai.attributes) == ("Mai", "Asia/Ho_Chi_Minh", {"city": "Hà Nội"})
    done = await _upsert(db, tenant, {"ext_id": "kh-1", "name": None})
    assert done.updated == 1
    assert (await _get(db, tenant, "kh-1")).name is None


@pytest.mark.parametrize("value", ["mai@", "@khach.example", "mai khach@khach.example", "mai@-khach.example", "không"])
async def test_a_malformed_mail_address_is_kept_with_its_reason(db: Database, tenant: Tenant, value: str) -> None:
    await _upsert(db, tenant, {"ext_id": "kh-1", "addresses": [{"channel": "email", "value": value, "valid": True}]})
    (address,) = (await _get(db, tenant, "kh-1")).addresses
    assert address["value"] == value
    assert address["valid"] is False
    assert address["reason"]


async def test_an_address_keeps_what_is_known_of_it_until_the_caller_says_otherwise(
    db: Database, tenant: Tenant
) -> None:
    sent = {"ext_id": "kh-1", "addresses": [{"channel": "email", "value": "mai@khach.example"}]}
    await _upsert(db, tenant, sent)
    async with db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE profile_address SET valid = false, reason = 'bounced'")
    assert (await _upsert(db, tenant, sent)).unchanged == 1
    (address,) = (await _get(db, tenant, "kh-1")).addresses
    assert (address["valid"], address["reason"]) == (False, "bounced")
    stated = {"ext_id": "kh-1", "addresses": [{"channel": "email", "value": "mai@khach.example", "valid": True}]}
    assert (await _upsert(db, tenant, stated)).updated == 1
    (address,) = (await _get(db, tenant, "kh-1")).addresses
    assert (address["valid"], address["reason"]) == (True, None)
    moved = {"ext_id": "kh-1", "addresses": [{"channel": "telegram", "value": "7"}]}
    assert (await _upsert(db, tenant, moved)).updated == 1
    assert [a["channel"] for a in (await _get(db, tenant, "kh-1")).addresses] == ["telegram"]


async def test_consents_are_added_and_the_newest_holds(db: Database, tenant: Tenant) -> None:
    given_ = {"channel": "email", "purpose": "marketing", "granted": True, "at": "2026-01-01T00:00:00Z"}
    withdrawn = {**given_, "granted": False, "at": "2026-03-01T00:00:00Z"}
    await _upsert(db, tenant, {"ext_id": "kh-1", "consents": [withdrawn]})
    await _upsert(db, tenant, {"ext_id": "kh-1", "consents": [given_]})
    (consent,) = (await _get(db, tenant, "kh-1")).consents
    assert consent["granted"] is False


async def test_relations_lead_to_targets_and_people(db: Database, tenant: Tenant) -> None:
    mai: dict[str, Any] = {
        "ext_id": "kh-1",
        "relations": [
            {"kind": "INTERESTED_IN", "key": "ca-phe", "name": "Cà phê", "weight": 0.5},
            {"kind": "KNOWS", "key": "kh-2"},
        ],
    }
    await _upsert(db, tenant, mai, {"ext_id": "kh-2"})
    assert (
        await _upsert(db, tenant, {"ext_id": "kh-1", "relations": [{**mai["relations"][0], "weight": 0.7}]})
    ).updated == 1
    with pytest.raises(NotFound, match="kh-9"):
        await _upsert(db, tenant, {"ext_id": "kh-3", "relations": [{"kind": "KNOWS", "key": "kh-9"}]})
    with pytest.raises(NotFound):
        await _get(db, tenant, "kh-3")
    async with db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT kind, weight FROM profile_relation ORDER BY kind")).fetchall()
    assert [(row["kind"], row["weight"]) for row in rows] == [("INTERESTED_IN", 0.7), ("KNOWS", 1.0)]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "Profile 2"),
        ({"ext_id": ""}, "Profile 2"),
        ({"ext_id": "x" * 256}, "Profile 2"),
        ({"ext_id": "kh-1"}, "twice"),
        ({"ext_id": "bad", "nane": "Mai"}, "nane"),
        ({"ext_id": "bad", "zone": "Asia/Hanoi"}, "Asia/Hanoi"),
        ({"ext_id": "bad", "attributes": []}, "attributes"),
        ({"ext_id": "bad", "attributes": {"a": ["\x00"]}}, "attributes"),
        ({"ext_id": "bad", "addresses": [{"channel": "pigeon", "value": "x"}]}, "pigeon"),
        ({"ext_id": "bad", "addresses": [{"channel": "email", "value": " "}]}, "empty"),
        ({"ext_id": "bad", "addresses": {"channel": "email"}}, "addresses"),
        ({"ext_id": "bad", "consents": [{"channel": None, "granted": True}]}, "instant"),
        ({"ext_id": "bad", "consents": [{"granted": True, "at": "2026-01-01T00:00:00"}]}, "consents.at"),
        ({"ext_id": "bad", "consents": [{"granted": "yes", "at": "2026-01-01T00:00:00Z"}]}, "granted"),
        ({"ext_id": "bad", "relations": [{"kind": "LOVES", "key": "x"}]}, "LOVES"),
        ({"ext_id": "bad", "relations": [{"kind": "BOUGHT", "key": "x", "weight": float("nan")}]}, "weight"),
    ],
)
async def test_of_a_batch_with_one_wrong_person_nobody_is_written(
    db: Database, tenant: Tenant, document: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        await _upsert(db, tenant, {"ext_id": "kh-1"}, document)
    assert await _states(db, tenant) == {}


async def test_a_consent_from_the_future_is_refused(db: Database, tenant: Tenant) -> None:
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    with pytest.raises(InvalidInput, match="future"):
        await _upsert(db, tenant, {"ext_id": "kh-1", "consents": [{"channel": None, "granted": True, "at": later}]})


async def test_two_thousand_people_come_in_by_bulk_and_the_graph_with_them(db: Database, tenant: Tenant) -> None:
    documents = list(people(2_000, now=datetime.now(UTC)))
    done = await _upsert(db, tenant, *documents)
    assert (done.inserted, len(done.ids)) == (2_000, 2_000)
    documents[0]["attributes"] = {"city": "Huế"}
    done = await _upsert(db, tenant, *documents)
    assert (done.inserted, done.updated, done.unchanged) == (0, 1, 1_999)
    async with db.transaction(tenant.tenant_id) as conn:
        assert sum(one.missing + one.extra + one.different for one in await compare(conn)) == 0


async def test_two_callers_with_the_same_people_in_another_order_both_get_through(db: Database, tenant: Tenant) -> None:
    documents = [{"ext_id": f"kh-{number}", "attributes": {"round": 0}} for number in range(300)]
    await _upsert(db, tenant, *documents)
    for round_ in range(1, 4):
        one = [{**document, "attributes": {"round": round_}} for document in documents]
        other = [{**document, "attributes": {"round": -round_}} for document in reversed(documents)]
        await asyncio.gather(_upsert(db, tenant, *one), _upsert(db, tenant, *other))
        last = (await _get(db, tenant, "kh-0")).attributes
        assert last in ({"round": round_}, {"round": -round_})
        assert (await _get(db, tenant, "kh-299")).attributes == last, "whoever came second wrote everybody"


async def test_a_person_of_another_tenant_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    await _upsert(db, tenant, {"ext_id": "kh-1"})
    with pytest.raises(NotFound):
        await _get(db, other_tenant, "kh-1")
    async with db.transaction(other_tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await profiles.get_profile(conn, tenant_id=tenant.tenant_id, ext_id="kh-1")
