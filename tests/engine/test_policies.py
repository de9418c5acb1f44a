"""A policy is drafted, compared and switched on; a version never changes, and what holds is clear at any time."""

import asyncio
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest

from engine import policies
from engine.db import Database
from rules.consent import Basis
from rules.errors import Conflict, InvalidInput, NotFound
from rules.policy import Policy
from tests.conftest import Tenant
from tests.engine.world import ALWAYS, simple_world

ONE = {"caps": [{"limit": 1, "days": 1}]}
TWO = {"caps": [{"limit": 2, "days": 1}]}
NOON = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # in Vietnam


async def _save(db: Database, tenant: Tenant, document: dict[str, Any], **more: Any) -> policies.Version:
    async with db.transaction(tenant.tenant_id) as conn:
        return await policies.save(conn, tenant_id=tenant.tenant_id, key="default", document=document, **more)


async def _holds(db: Database, tenant: Tenant) -> int | None:
    async with db.transaction(tenant.tenant_id) as conn:
        found = await policies.find_in_force(conn, tenant_id=tenant.tenant_id, key="default")
    return None if found is None else found.version


async def test_a_draft_holds_for_nobody_until_it_is_switched_on(db: Database, tenant: Tenant) -> None:
    await _save(db, tenant, ONE)
    draft = await _save(db, tenant, TWO, is_draft=True, note="try it")
    assert (draft.version, draft.draft, await _holds(db, tenant)) == (2, True, 1)
    async with db.transaction(tenant.tenant_id) as conn:
        on = await policies.switch_on(conn, tenant_id=tenant.tenant_id, key="default", version=2)
    assert (on.version, on.draft, on.from_version, on.note, on.document) == (3, False, 2, "try it", TWO)
    assert await _holds(db, tenant) == 3


async def test_one_goes_back_to_an_older_version_by_a_new_one(db: Database, tenant: Tenant) -> None:
    await _save(db, tenant, ONE)
    await _save(db, tenant, TWO)
    async with db.transaction(tenant.tenant_id) as conn:
        back = await policies.switch_on(conn, tenant_id=tenant.tenant_id, key="default", version=1)
        kept = await policies.versions(conn, tenant_id=tenant.tenant_id, key="default")
        with pytest.raises(Conflict, match="holds already"):
            await policies.switch_on(conn, tenant_id=tenant.tenant_id, key="default", version=3)
    assert (back.version, back.document) == (3, ONE)
    assert [one.document for one in kept] == [ONE, TWO, ONE]


async def test_saving_the_same_again_makes_no_version(db: Database, tenant: Tenant) -> None:
    first = await _save(db, tenant, ONE)
    assert (await _save(db, tenant, ONE)).policy_id == first.policy_id
    assert (await _save(db, tenant, ONE, is_draft=True)).version == 2


async def test_versions_that_are_saved_at_once_are_numbered_one_by_one(db: Database, tenant: Tenant) -> None:
    documents = [{"caps": [{"limit": limit, "days": 1}]} for limit in range(1, 9)]
    saved = await asyncio.gather(*(_save(db, tenant, document) for document in documents))
    assert sorted(one.version for one in saved) == list(range(1, 9))


async def test_a_wrong_document_is_refused_with_its_field(db: Database, tenant: Tenant) -> None:
    with pytest.raises(InvalidInput, match=r"caps\[0\]"):
        await _save(db, tenant, {"caps": [{"limit": 1}]}, is_draft=True)


async def test_another_tenants_policy_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    await _save(db, tenant, ONE)
    async with db.transaction(other_tenant.tenant_id) as conn:
        assert await policies.keys(conn, tenant_id=other_tenant.tenant_id) == []
        with pytest.raises(NotFound):
            await policies.get(conn, tenant_id=other_tenant.tenant_id, key="default")


async def test_saving_what_holds_makes_no_version_though_a_draft_came_since(db: Database, tenant: Tenant) -> None:
    first = await _save(db, tenant, ONE)
    await _save(db, tenant, TWO, is_draft=True)
    assert (await _save(db, tenant, ONE)).policy_id == first.policy_id
    assert (await _save(db, tenant, TWO, is_draft=True)).version == 2


async def test_a_version_that_is_switched_on_twice_becomes_one_new_version(db: Database, tenant: Tenant) -> None:
    await _save(db, tenant, ONE, is_draft=True)
    for _ in range(2):
        async with db.transaction(tenant.tenant_id) as conn:
            on = await policies.switch_on(conn, tenant_id=tenant.tenant_id, key="default", version=1)
        assert on.version == 2


async def test_where_there_are_drafts_alone_nothing_holds_and_the_newest_is_shown(db: Database, tenant: Tenant) -> None:
    await _save(db, tenant, ONE, is_draft=True)
    await _save(db, tenant, TWO, is_draft=True)
    assert await _holds(db, tenant) is None
    async with db.transaction(tenant.tenant_id) as conn:
        shown = await policies.get(conn, tenant_id=tenant.tenant_id, key="default")
        kept = await policies.keys(conn, tenant_id=tenant.tenant_id)
    assert shown.version == 2
    assert kept == [policies.Key("default", None, 2)]


async def test_a_kept_version_is_read_as_the_gates_read_it(db: Database, tenant: Tenant) -> None:
    saved = await _save(db, tenant, TWO)
    assert saved.policy() == Policy.parse(TWO, version=1)


async def test_the_next_batch_is_decided_under_what_was_switched_on(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=None)
    await _save(db, tenant, dict(ALWAYS))
    await _save(db, tenant, {**ALWAYS, "control_share": 1.0}, is_draft=True)
    _, first = await world.run(campaign_id, people[:1])
    assert (await world.decide(first[0], now=NOON)).reasons == {"chosen": 1}
    async with db.transaction(tenant.tenant_id) as conn:
        on = await policies.switch_on(conn, tenant_id=tenant.tenant_id, key="default", version=2)
    _, second = await world.run(campaign_id, people[1:])
    assert (await world.decide(second[0], now=NOON)).reasons == {"control_group": 2}
    assert {one["policy_version"] for one in await world.decisions()} == {1, on.version}


async def test_names_in_a_policy_are_one_name_however_they_were_typed(db: Database, tenant: Tenant) -> None:
    typed, stored = (unicodedata.normalize(form, "đặt chỗ Huế") for form in ("NFD", "NFC"))
    who = unicodedata.normalize("NFD", "Hằng")
    document = {
        "purposes": {typed: "contract"},
        "caps": [{"limit": 1, "days": 1, "purposes": [typed]}],
        "eligibility": [
            {"name": "Near", "when": {"like": {"profile": who}, "within": 0.5}, "for": {"templates": [typed]}}
        ],
    }
    async with db.transaction(tenant.tenant_id) as conn:
        saved = await policies.save(conn, tenant_id=tenant.tenant_id, key=typed, document=document)
        found = await policies.get(conn, tenant_id=tenant.tenant_id, key=stored)
        assert await policies.get(conn, tenant_id=tenant.tenant_id, key=typed, version=1) == found == saved
    policy = found.policy()
    assert policy.basis(stored) is Basis.CONTRACT
    assert policy.caps[0].purposes == frozenset({stored})
    assert policy.requirements[0].scope.templates == frozenset({stored})
    # An ext_id stays as it was sent: people are found by it.
    assert found.document["eligibility"][0]["when"] == {"like": {"profile": who}, "within": 0.5}
