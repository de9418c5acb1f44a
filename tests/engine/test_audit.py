"""The audit ledger: whatever was recorded and sealed cannot be changed, removed or added to without being named."""

import asyncio
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from engine import audit
from engine.audit import Checkpoint, Finding, Sealed, read_checkpoint
from engine.audit.checkpoint import load_checkpoint
from engine.db import Database
from rules.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.acting import ROLES, acting, values
from tests.engine.ledger import SIGNER, forge, recorded, sealed, taken, verified
from tests.engine.world import World, simple_world

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_proof.py"
# One byte of each kind of record, in every column that is sealed and can be changed at all by a superuser.
CHANGES = {
    "decision": {
        "reason": "'quiet_hours'",
        "candidates": "'[1]'",
        "inputs": "inputs || '{\"facts\": {}}'",
        "inputs_hash": "set_byte(inputs_hash, 31, get_byte(inputs_hash, 31) # 1)",
        "arbiter": "'gemini'",
        "latency_us": "latency_us + 1",
        "policy_version": "policy_version + 1",
        "decided_at": "decided_at + interval '1 microsecond'",
        "arbitration": "'{}'",
    },
    "delivery_log": {
        "address": "address || 'x'",
        "lane": "'realtime'",
        "queued_at": "queued_at - interval '1 microsecond'",
        "event_id": "set_byte(event_id, 0, get_byte(event_id, 0) # 128)",
    },
    "outcome": {
        "type": "'bought'",
        "value": "0.1",
        "raw": "'{\"a\": 1}'",
        "occurred_at": "occurred_at + interval '1 microsecond'",
    },
}
# Of a delivery: where it stands, through whom it goes, and what the provider said.
MUTABLE = {
    *("moved_to", "through_id", "pinned", "setbacks", "settled"),
    *("status", "attempts", "due_at", "expires_at", "lease_owner", "lease_until", "provider_id"),
    *("code", "class", "response", "sent_at", "updated_at"),
}
EACH = [(table, column) for table, columns in CHANGES.items() for column in columns]
ID = {"decision": "decision_id", "delivery_log": "delivery_id", "outcome": "outcome_id"}
KIND = {"decision": "decision", "delivery_log": "delivery", "outcome": "outcome"}


def test_every_column_that_never_changes_is_sealed(admin_url: str) -> None:
    # Where an outcome's delivery is, is told by the delivery.
    changing = {"delivery_log": MUTABLE, "outcome": {"delivery_archived", "live_delivery_id"}}
    with acting(admin_url, "superuser") as connection:
        (source,) = values(connection, "SELECT prosrc FROM pg_proc WHERE proname = 'leo_ledger_content'")
        for table, letter in (("decision", "d"), ("delivery_log", "l"), ("outcome", "o")):
            columns = values(
                connection, "SELECT column_name FROM information_schema.columns WHERE table_name = %s", table
            )
            wanted = {*columns} - changing.get(table, set())
            assert wanted == {*re.findall(rf"\b{letter}\.(\w+)", source)}


async def test_what_was_recorded_is_sealed_once_and_whole(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    assert await sealed(world, most=5) == 12
    assert await sealed(world) == 0
    found = await verified(world)
    assert (found.finding, found.batches, found.records) == (None, 3, 12)


async def test_a_delivery_goes_on_after_it_was_sealed(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    await world.rows("UPDATE delivery_log SET status = 'sent', attempts = 1, sent_at = now(), provider_id = 'p-1'")
    assert (await verified(world)).finding is None


@pytest.mark.parametrize(("table", "column"), EACH)
async def test_any_change_of_a_record_is_named(
    db: Database, tenant: Tenant, admin_url: str, table: str, column: str
) -> None:
    world = await recorded(db, tenant)
    await sealed(world, most=5)
    ids = [row["id"] for row in await world.rows(f"SELECT {ID[table]} AS id FROM {table} ORDER BY 1")]  # noqa: S608
    change = f"UPDATE {table} SET {column} = {CHANGES[table][column]} WHERE {ID[table]} = {ids[1]}"  # noqa: S608
    forge(admin_url, tenant, table, change)
    finding = (await verified(world)).finding
    assert finding is not None
    assert (finding.record_id, finding.kind) == (ids[1], KIND[table])
    assert "was changed after it was sealed" in finding.what


async def test_a_record_that_is_gone_or_came_later_is_named(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    ids = [row["id"] for row in await world.rows("SELECT outcome_id AS id FROM outcome ORDER BY 1")]
    moved = f"UPDATE outcome SET outcome_id = outcome_id - 100000 WHERE outcome_id = {ids[0]}"  # noqa: S608
    forge(admin_url, tenant, "outcome", moved)
    finding = (await verified(world)).finding
    assert finding is not None
    assert "is gone" in finding.what or "came after its place was sealed" in finding.what
    forge(admin_url, tenant, "outcome", f"DELETE FROM outcome WHERE outcome_id = {ids[1]}")  # noqa: S608
    assert (await verified(world)).finding is not None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_batch SET leaves = set_byte(leaves, 40, get_byte(leaves, 40) # 1) WHERE batch_no = 2",
        "UPDATE ledger_batch SET root = sha256('x') WHERE batch_no = 2",
        "UPDATE ledger_batch SET head = sha256('x') WHERE batch_no = 2",
        "UPDATE ledger_batch SET after_id = after_id - 1 WHERE batch_no = 2",
        "DELETE FROM ledger_batch WHERE batch_no = 2",
    ],
)
async def test_a_change_of_the_ledger_itself_is_named(
    db: Database, tenant: Tenant, admin_url: str, change: str
) -> None:
    world = await recorded(db, tenant)
    await sealed(world, most=5)
    forge(admin_url, tenant, "ledger_batch", change)
    finding = (await verified(world)).finding
    assert finding is not None
    assert (finding.batch_no, finding.record_id) == (2, None)


async def test_a_ledger_made_anew_is_not_that_of_a_checkpoint_kept_elsewhere(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    kept = read_checkpoint(SIGNER.sign(await taken(world)), public_key=SIGNER.public_key)
    assert (await verified(world, kept)).finding is None
    forge(admin_url, tenant, "decision", "UPDATE decision SET latency_us = latency_us + 1")
    forge(admin_url, tenant, "ledger_batch", "DELETE FROM ledger_batch")
    assert (await verified(world, kept)).finding == Finding(
        "The ledger ends at batch 0, and the checkpoint was taken at 1.", 1
    )
    await sealed(world)
    assert (await verified(world)).finding is None  # alone it cannot tell
    finding = (await verified(world, kept)).finding
    assert finding is not None
    assert "the chain was made anew" in finding.what


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_changes_what_is_sealed(db: Database, tenant: Tenant, admin_url: str, role: str) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    for statement in ("UPDATE ledger_batch SET head = root", "DELETE FROM ledger_batch"):
        with acting(admin_url, role, tenant.tenant_id) as connection, pytest.raises(psycopg.Error):
            connection.execute(statement.encode())
    assert (await verified(world)).batches == 1


async def test_a_record_whose_transaction_is_still_open_is_waited_for(db: Database, tenant: Tenant) -> None:
    world, campaign_id, ids = await simple_world(db, tenant, people=4)
    _, batches = await world.run(campaign_id, ids, size=2)
    async with db.transaction(tenant.tenant_id) as conn:
        # Its ids are drawn, and it is not committed.
        await conn.execute("SELECT nextval('leo_id')")
        slow = await conn.execute(
            "INSERT INTO outcome (tenant_id, profile_id, type, dedup_key, occurred_at) "
            "VALUES (leo_tenant(), %s, 'visited', 'slow', now()) RETURNING outcome_id",
            (ids[0],),
        )
        assert await slow.fetchone()
        for batch_id in batches:
            await world.decide(batch_id)
        assert await sealed(world) == 0
    assert await sealed(world) == 9
    assert (await verified(world)).finding is None


async def _seals(world: World, times: int, **how: Any) -> list[Sealed]:
    """What some calls one after the other append."""
    done = []
    for _ in range(times):
        async with world.db.transaction(world.tenant.tenant_id) as conn:
            done.append(await audit.seal(conn, tenant_id=world.tenant.tenant_id, **{"grace_s": 0.0, **how}))
    return done


async def test_a_record_that_is_begun_behind_the_barrier_is_waited_for_by_those_after_it(
    db: Database, tenant: Tenant
) -> None:
    world, campaign_id, ids = await simple_world(db, tenant, people=4)
    _, (batch_id, later_id) = await world.run(campaign_id, ids, size=2)
    await world.decide(batch_id)
    # The mark stands behind these four, and the barrier is set.
    await _seals(world, 2)
    async with db.transaction(tenant.tenant_id) as conn:
        outcome = (
            "INSERT INTO outcome (tenant_id, profile_id, type, dedup_key, occurred_at) "
            "SELECT leo_tenant(), profile_id, 'visited', %(key)s, now() FROM cdp_profiles"
        )
        await conn.execute(outcome, {"key": "slow"})
        await world.decide(later_id)
        await world.rows(outcome, key="quick")
        assert sum(one.records for one in await _seals(world, 6)) == 4
    assert await sealed(world) == 12
    assert (await verified(world)).finding is None


async def test_between_mark_and_barrier_there_is_time_to_draw_an_id_and_begin(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    assert sum(one.records for one in await _seals(world, 6, grace_s=60.0)) == 0
    assert await sealed(world) == 12


async def test_a_batch_that_is_full_says_that_there_is_more(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    done = [(one.records, one.is_behind) for one in await _seals(world, 8, most=5) if one.records]
    assert done == [(5, True), (5, True), (2, False)]


async def test_sealing_side_by_side_seals_once(db: Database, tenant: Tenant) -> None:
    world = await recorded(db, tenant)

    async def once() -> int:
        async with db.transaction(tenant.tenant_id) as conn:
            return (await audit.seal(conn, tenant_id=tenant.tenant_id, grace_s=0.0, most=5)).records

    counts = [sum(await asyncio.gather(*(once() for _ in range(4)))) for _ in range(4)]
    assert sum(counts) == 12
    assert (await verified(world)).records == 12


async def test_a_proof_holds_without_the_database(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await recorded(db, tenant)
    await sealed(world, most=5)
    record_id = (await world.rows("SELECT delivery_id FROM delivery_log ORDER BY 1"))[2]["delivery_id"]
    async with db.transaction(tenant.tenant_id) as conn:
        proof = await audit.prove(conn, tenant_id=tenant.tenant_id, record_id=record_id)
    (tmp_path / "checkpoint.json").write_text(json.dumps(SIGNER.sign(await taken(world))))
    assert checked(tmp_path, proof) == 0
    for change in (
        {"content": proof["content"].replace("email", "e-mail")},
        {"path": proof["path"][:-1]},
        {"previous_head": "00" * 32},
        {"record_id": record_id + 100_000},
    ):
        assert checked(tmp_path, {**proof, **change}) == 1


def checked(folder: Path, proof: dict[str, Any]) -> int:
    (folder / "proof.json").write_text(json.dumps(proof))
    command = [sys.executable, "-I", str(SCRIPT), str(folder / "proof.json"), str(folder / "checkpoint.json")]
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode  # noqa: S603 - our own script


@pytest.mark.parametrize("content", [None, "", "no JSON"])
def test_what_is_no_proof_is_told_in_one_line(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "proof.json"
    if content is not None:
        file.write_text(content)
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-I", str(SCRIPT), str(file)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "leo audit proof" in done.stderr


async def test_what_cannot_be_proved_says_why(db: Database, tenant: Tenant, admin_url: str) -> None:
    world = await recorded(db, tenant)
    decision_id = (await world.decisions())[0]["decision_id"]

    async def prove(record_id: int) -> None:
        async with db.transaction(tenant.tenant_id) as conn:
            await audit.prove(conn, tenant_id=tenant.tenant_id, record_id=record_id)

    with pytest.raises(NotFound, match="not sealed yet"):
        await prove(decision_id)
    with pytest.raises(NotFound, match="There is no decision, delivery or outcome 1"):
        await prove(1)
    await sealed(world)
    forge(admin_url, tenant, "decision", f"UPDATE decision SET latency_us = 0 WHERE decision_id = {decision_id}")  # noqa: S608
    with pytest.raises(Conflict, match="changed after it was sealed"):
        await prove(decision_id)


async def test_a_record_that_came_after_its_place_was_sealed_has_no_proof(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    last_id = await world.one("SELECT max(outcome_id) FROM outcome")
    forge(admin_url, tenant, "outcome", f"UPDATE outcome SET outcome_id = 5 WHERE outcome_id = {last_id}")  # noqa: S608
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(NotFound, match="not sealed"):
            await audit.prove(conn, tenant_id=tenant.tenant_id, record_id=5)


async def test_another_tenant_s_ledger_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    world = await recorded(db, tenant)
    await sealed(world)
    decision_id = (await world.decisions())[0]["decision_id"]
    async with db.transaction(other_tenant.tenant_id) as conn:
        assert (await audit.verify(conn, tenant_id=other_tenant.tenant_id)).records == 0
        with pytest.raises(NotFound):
            await audit.prove(conn, tenant_id=other_tenant.tenant_id, record_id=decision_id)


@pytest.mark.parametrize("field", ["tenant_id", "batch_no", "head", "at", "signature"])
def test_a_checkpoint_that_was_changed_is_refused(field: str) -> None:
    document = SIGNER.sign(Checkpoint(UUID(int=1), 3, bytes(32), datetime(2026, 1, 1, tzinfo=UTC)))
    assert read_checkpoint(document, public_key=SIGNER.public_key).batch_no == 3
    changed = {
        "tenant_id": str(UUID(int=2)),
        "batch_no": 4,
        "head": "11" * 32,
        "at": "2026-01-02T00:00:00+00:00",
        "signature": "00" * 64,
    }
    with pytest.raises(InvalidInput, match="signature is not of this key"):
        read_checkpoint({**document, field: changed[field]}, public_key=SIGNER.public_key)


@pytest.mark.parametrize("text", ["", "no json", "[]", "{}", '{"tenant_id": 1}'])
def test_what_is_no_checkpoint_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match="That is no checkpoint of this ledger"):
        load_checkpoint(text, public_key=SIGNER.public_key)
