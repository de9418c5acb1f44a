"""A person gets what is kept of them, and can be erased: nobody is recognisable, and the ledger still holds."""

import asyncio
import json
from typing import Any

import pytest

from engine import audit, explain
from engine.cli import run
from engine.db import Database
from engine.settings import Settings
from rules.errors import Conflict, InvalidInput, NotFound
from tests.conftest import Tenant
from tests.engine.acting import acting, values
from tests.engine.erasing import EVERYTHING, SECRET, TABLES, TRACES, erased, exported, known
from tests.engine.ledger import forge, sealed, verified
from tests.engine.world import World


async def test_a_person_gets_all_that_is_kept_of_them_and_of_nobody_else(db: Database, tenant: Tenant) -> None:
    world = await known(db, tenant)
    document = await exported(world)
    text = json.dumps(document, ensure_ascii=False)
    assert all(trace in text for trace in TRACES)
    assert "kh-2" not in text
    kinds = ("profiles", "addresses", "consents", "events", "decisions", "deliveries", "inbox", "outcomes")
    assert {kind: len(document[kind]) for kind in kinds} == dict.fromkeys(kinds, 1)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no profile 'kh-9'"):
        await exported(world, "kh-9")


async def test_nobody_finds_an_erased_person_in_any_table_or_in_the_graph(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await known(db, tenant)
    await sealed(world)
    done = await erased(world)
    assert done.counts["profiles"] == 1
    assert done.counts["records"] == 3
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        rows = [
            (table, row)
            for table in values(connection, TABLES)
            for row in values(connection, EVERYTHING.replace("{table}", table), tenant.tenant_id)
        ]
    found = [(table, row) for table, row in rows if any(trace in row for trace in TRACES)]
    assert len(rows) > 40
    assert found == []
    assert await world.graph_differences() == 0
    queued = await world.rows("SELECT status, address FROM delivery_log ORDER BY delivery_id")
    assert [row["address"] for row in queued].count("erased") == 1
    assert [row["status"] for row in queued].count("cancelled") == 1
    with pytest.raises(NotFound):
        await erased(world)


async def test_the_ledger_holds_after_an_erasure_and_still_finds_a_change(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world = await known(db, tenant)
    await sealed(world)
    await erased(world)
    await erased(world, "kh-2")
    found = await verified(world)
    assert (found.finding, found.records) == (None, 12)
    decision_id = await world.one("SELECT min(decision_id) FROM decision WHERE inputs = '{}'")
    async with db.transaction(tenant.tenant_id) as conn:
        with pytest.raises(Conflict, match="was erased"):
            await audit.prove(conn, tenant_id=tenant.tenant_id, record_id=decision_id)
        with pytest.raises(NotFound, match="was erased with its person"):
            await explain.explain_decision(conn, tenant_id=tenant.tenant_id, decision_id=decision_id)
    forge(admin_url, tenant, "decision", "UPDATE decision SET reason = 'chosen?' WHERE inputs = '{}'")
    finding = (await verified(world)).finding
    assert finding is not None
    assert finding.record_id == decision_id


async def test_what_was_not_sealed_yet_is_sealed_as_it_was(db: Database, tenant: Tenant) -> None:
    world = await known(db, tenant)
    await erased(world)
    assert await sealed(world) == 12
    assert (await verified(world)).finding is None


async def test_erasing_needs_a_reason_and_stays_inside_the_tenant(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    world = await known(db, tenant)
    with pytest.raises(InvalidInput, match="needs a reason"):
        await erased(world, reason=" ")
    with pytest.raises(NotFound):
        await erased(World(db, other_tenant))
    assert await world.one("SELECT count(*) FROM erasure") == 0


async def test_the_command_line_exports_and_erases(
    db: Database,
    tenant: Tenant,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await known(db, tenant)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    async def types(*words: str) -> str:
        code = await asyncio.to_thread(run, ("profile", *words, "--tenant", tenant.slug))
        said = capsys.readouterr()
        assert code == 0, said
        return said.out

    assert json.loads(await types("export", "kh-1"))["profiles"][0]["name"] == SECRET
    assert "1 profiles" in await types("erase", "kh-1", "--reason", "asked", "--yes")


CALLBACKS = {
    "their address, as a provider writes it": b'{"email": "KH-1@People.Example"}',
    "their message": b'{"event_id": "EVENT"}',
    "their message by the provider's name": b'{"mid": "wamid.kh-1"}',
    "their address, in a mail": b"Final-Recipient: rfc822; kh-1@people.example\r\n\xff\xfe",
    "somebody else": b'{"email": "kh-2@people.example"}',
}


async def test_what_providers_posted_of_an_erased_person_is_emptied(db: Database, tenant: Tenant) -> None:
    world = await known(db, tenant)
    event = await world.one(
        "UPDATE delivery_log SET provider_id = 'wamid.kh-1' WHERE address = 'kh-1@people.example'"
        " RETURNING encode(event_id, 'hex')"
    )
    for body in CALLBACKS.values():
        await world.rows(
            "INSERT INTO callback (tenant_id, channel_id, body_hash, body, headers, status, error, due_at)"
            " SELECT leo_tenant(), min(channel_id), sha256(%(body)s), %(body)s, '{\"a\": \"b\"}', 'unknown',"
            " 'kh-1?', now() FROM channel WHERE kind = 'email' RETURNING callback_id",
            body=body.replace(b"EVENT", str(event).encode()),
        )
    assert (await erased(world)).counts["callbacks"] == 4
    left = await world.rows("SELECT body, headers, error, due_at IS NULL AS settled FROM callback ORDER BY callback_id")
    emptied: dict[str, Any] = {"body": b"", "headers": {}, "error": None, "settled": True}
    assert [row == emptied for row in left] == [True, True, True, True, False]
    assert left[4]["body"] == CALLBACKS["somebody else"]
