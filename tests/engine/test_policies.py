"""A policy is drafted, compared and switched on; a version never changes, and what holds is clear at any time."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine import policies
from engine.cli.policies import app, read
from engine.db import Database
from rules.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Tenant

ONE = {"caps": [{"limit": 1, "days": 1}]}
TWO = {"caps": [{"limit": 2, "days": 1}]}


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


def test_a_file_may_be_yaml_or_json(tmp_path: Path) -> None:
    written = tmp_path / "policy.yaml"
    written.write_text("caps:\n  - {limit: 1, days: 1}\n", encoding="utf-8")
    assert read(written) == ONE
    written.write_text(json.dumps(ONE), encoding="utf-8")
    assert read(written) == ONE


@pytest.mark.parametrize(
    "text", ["caps: [", "- a", "", "!!python/object/apply:os.system [id]", "a: " + "x" * 1_048_577], ids=range(5)
)
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    written = tmp_path / "policy.yaml"
    written.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput):
        read(written)


def test_a_file_is_said_without_being_kept(tmp_path: Path) -> None:
    written = tmp_path / "policy.yaml"
    written.write_text("control_share: 0.1\n", encoding="utf-8")
    told = CliRunner().invoke(app, ["say", str(written), "--language", "vi"])
    assert told.exit_code == 0
    assert "10%" in told.output
