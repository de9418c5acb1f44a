"""Backup and restore: what comes back is what was kept, and nothing of it is sent a second time by itself."""

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from engine import audit
from engine.audit import Signer
from engine.backup import Restored, back_up, read_manifest, restore
from engine.backup.programs import directory_of
from engine.bench import disk
from engine.credentials import Vault, store
from engine.db import Database
from engine.dispatch import Adapters, dispatch_due
from engine.dispatch.letters import redrive
from engine.embedded import Servers
from engine.explorer.limits import Limits
from engine.explorer.reader import session
from engine.settings import Settings
from engine.trace import Kind, find, trace
from graph import mirror
from rules.errors import Conflict, InvalidInput, Unavailable
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.acts import Act
from tests.engine.world import World


@dataclass(frozen=True, slots=True)
class Before:
    """What was there when the backup was taken, and which messages had arrived when everything was lost."""

    act: Act
    other: Tenant
    directory: Path
    sent: list[int]
    trace: object
    newest_id: int
    arrived: list[str]


@pytest.fixture
async def before(act: Act, other_tenant: Tenant, settings: Settings, admin_url: str, tmp_path: Path) -> Before:
    """Eight messages: four were sent and one was clicked, one is in hand, three wait; and a batch that waits."""
    world = act.world
    await act.queue(8)
    await act.send(most=4)
    sent = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM delivery_log WHERE status = 'sent'")]
    await world.rows(
        """
        INSERT INTO outcome (tenant_id, delivery_id, profile_id, campaign_id, type, dedup_key, occurred_at)
        SELECT tenant_id, delivery_id, profile_id, campaign_id, 'clicked', 'one', now()
        FROM delivery_log WHERE profile_id = %(profile_id)s
        """,
        profile_id=sent[0],
    )
    await world.rows(
        """
        UPDATE delivery_log
        SET status = 'sending', lease_owner = 'w', lease_until = now() + interval '1 hour', attempts = 1
        WHERE delivery_id = (SELECT min(delivery_id) FROM delivery_log WHERE status = 'queued')
        """
    )
    await world.run(act.campaign_id, await world.people(5, first=100))
    await World(world.db, other_tenant).people(3)
    await _seal(world.db, world.tenant.tenant_id)
    # The barrier of a server that has seen far more transactions than the next one.
    await world.rows("UPDATE ledger_horizon SET barrier = '9000000000'")
    trace = await _trace(world.db, world.tenant.tenant_id, sent[0])
    signer = Signer(_key(settings))
    back_up(admin_url, tmp_path / "backup", signer=signer)
    newest_id = int(await world.one("SELECT last_value FROM leo_id"))
    # What the backup does not know: the rest goes out.
    await world.rows(
        "UPDATE delivery_log SET status = 'queued', lease_owner = NULL, lease_until = NULL WHERE status = 'sending'"
    )
    assert (await act.send()).sent == 4
    arrived = [one["event_id"] for one in await act.sandbox.messages()]
    return Before(act, other_tenant, tmp_path / "backup", sent, trace, newest_id, arrived)


@pytest.fixture
def empty(servers: Servers) -> Iterator[str]:
    """An empty database, as a superuser."""
    name = f"leo_test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.admin_database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield _of(servers.admin_database_url, name)
    with psycopg.connect(servers.admin_database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _of(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _key(settings: Settings) -> str:
    assert settings.credential_key
    return settings.credential_key.get_secret_value()


async def _seal(db: Database, tenant_id: UUID) -> int:
    records = 0
    for _ in range(5):
        async with db.transaction(tenant_id) as conn:
            records += (await audit.seal(conn, tenant_id=tenant_id, grace_s=0)).records
    return records


async def _trace(db: Database, tenant_id: UUID, profile_id: int) -> object:
    async with db.transaction(tenant_id, read_only=True) as conn:
        return await trace(conn, await find(conn, str(profile_id), kind=Kind.PROFILE))


async def _restore(before: Before, empty: str, settings: Settings, servers: Servers) -> tuple[Restored, str]:
    app_url = _of(servers.database_url, urlsplit(empty).path[1:])
    restored = await restore(
        before.directory, settings, admin_url=empty, database_url=app_url, credential_key=_key(settings)
    )
    return restored, app_url


async def test_what_comes_back_is_what_was_kept(
    before: Before, empty: str, settings: Settings, servers: Servers, vault: Vault
) -> None:
    restored, app_url = await _restore(before, empty, settings, servers)
    tenant = before.act.world.tenant
    mine = next(one for one in restored.tenants if one.held.slug == tenant.slug)
    assert mine.records > 16
    assert mine.elements > 0
    async with Database.open(app_url, settings) as db:
        assert await _trace(db, tenant.tenant_id, before.sent[0]) == before.trace
        for one in (tenant, before.other):
            async with db.transaction(one.tenant_id, read_only=True) as conn:
                assert sum(label.total for label in await mirror.compare(conn)) == 0
                assert (await audit.verify(conn, tenant_id=one.tenant_id)).finding is None
        world = World(db, before.other)
        assert await world.one("SELECT count(*) FROM cdp_profiles") == 3
        # Row security, immutable records and the mirror are there as before.
        async with db.before_tenant() as conn:
            assert await (await conn.execute("SELECT FROM cdp_profiles")).fetchone() is None
        with pytest.raises(Conflict, match="is a record"):
            await World(db, tenant).rows("UPDATE decision SET reason = 'x'")
        await world.people(2, first=50)
        assert await world.graph_differences() == 0
        # The tenant's reader has other rights in this database, and gets them with its next query.
        async with session(db, vault, tenant_id=tenant.tenant_id, query_id=1, limits=Limits()) as (reader, graph):
            counted = sql.SQL('SELECT count(*) FROM {}."Profile"').format(sql.Identifier(graph))
            assert await (await reader.execute(counted)).fetchone() == (13,)


async def test_nothing_is_sent_a_second_time_by_itself(
    before: Before, empty: str, settings: Settings, servers: Servers, adapters: Adapters
) -> None:
    restored, app_url = await _restore(before, empty, settings, servers)
    tenant_id = before.act.world.tenant.tenant_id
    held = next(one.held for one in restored.tenants if one.held.tenant_id == tenant_id)
    assert (held.messages, held.runs, held.people, held.campaigns) == (4, 1, 5, ("tet",))
    async with Database.open(app_url, settings) as db:
        world = World(db, before.act.world.tenant)
        assert await world.statuses() == {"sent": 4, "uncertain": 4}
        for lane in Lane:
            done = await dispatch_due(db, adapters, tenant_id=tenant_id, lane=lane, owner="after")
            assert done.claimed == 0
        (batch_id,) = [
            row["batch_id"] for row in await world.rows("SELECT batch_id FROM run_batch WHERE status = 'pending'")
        ]
        assert (await world.decide(batch_id)).deliveries == 0
        assert [one["event_id"] for one in await before.act.sandbox.messages()] == before.arrived
        # Somebody who knows that it did not arrive releases a message; it goes out, once.
        await world.rows("UPDATE campaign SET status = 'active'")
        await world.rows("UPDATE campaign_run SET status = 'finished' WHERE status = 'paused'")
        one = await world.one("SELECT min(delivery_id) FROM delivery_log WHERE status = 'uncertain'")
        async with db.transaction(tenant_id) as conn:
            await redrive(conn, delivery_ids=[one], now=datetime.now(UTC), may_double=True)
        assert (await dispatch_due(db, adapters, tenant_id=tenant_id, lane=Lane.BULK, owner="after")).sent == 1
        assert await world.statuses() == {"sent": 5, "uncertain": 3}


async def test_ids_go_on_far_ahead_and_the_ledger_goes_on_at_once(
    before: Before, empty: str, settings: Settings, servers: Servers
) -> None:
    _, app_url = await _restore(before, empty, settings, servers)
    tenant_id = before.act.world.tenant.tenant_id
    async with Database.open(app_url, settings) as db:
        world = World(db, before.act.world.tenant)
        (stranger,) = await world.people(1, prefix="after-")
        assert stranger > before.newest_id + 100_000_000
        await world.rows("UPDATE campaign SET status = 'active'")
        _, (batch_id,) = await world.run(before.act.campaign_id, [stranger])
        await world.decide(batch_id)
        assert await _seal(db, tenant_id) >= 2
        async with db.transaction(tenant_id, read_only=True) as conn:
            assert (await audit.verify(conn, tenant_id=tenant_id)).finding is None


async def test_a_changed_backup_and_a_database_in_use_are_refused(
    before: Before, empty: str, admin_url: str, settings: Settings, servers: Servers, database_url: str
) -> None:
    with pytest.raises(Conflict, match="holds tables already"):
        await restore(
            before.directory, settings, admin_url=admin_url, database_url=database_url, credential_key=_key(settings)
        )
    dump = before.directory / "database.dump"
    content = bytearray(dump.read_bytes())
    content[len(content) // 2] ^= 1
    dump.write_bytes(content)
    with pytest.raises(InvalidInput, match="is not what was written"):
        await _restore(before, empty, settings, servers)
    (before.directory / "manifest.json").unlink()
    with pytest.raises(InvalidInput, match="holds no whole backup"):
        await _restore(before, empty, settings, servers)
    with pytest.raises(InvalidInput, match="is not empty"):
        back_up(admin_url, before.directory, signer=Signer(_key(settings)))
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT to_regclass('public.tenant')").fetchone() == (None,)


@pytest.mark.skipif(not disk.may_mount(), reason="only where this process may mount a tmpfs can a disk be filled")
async def test_a_backup_that_found_no_room_is_none(
    before: Before, admin_url: str, settings: Settings, tmp_path: Path
) -> None:
    assert before.arrived
    with disk.mounted(tmp_path / "small", megabytes=1) as small:
        (small / "ballast").write_bytes(bytes(1024 * 1024 - 65_536))
        with pytest.raises(Unavailable, match="No space left"):
            back_up(admin_url, small / "kept", signer=Signer(_key(settings)))
        with pytest.raises(InvalidInput, match="holds no whole backup"):
            read_manifest(small / "kept")


async def test_a_backup_holds_neither_keys_nor_what_they_sealed_in_the_clear(
    act: Act, settings: Settings, admin_url: str, tmp_path: Path, vault: Vault
) -> None:
    channel_id = await act.connect("telegram")
    async with act.world.db.transaction(act.world.tenant.tenant_id) as conn:
        tenant_id = act.world.tenant.tenant_id
        await store(conn, vault, tenant_id=tenant_id, channel_id=channel_id, secrets={"token": "7:very-secret"})
    made = back_up(admin_url, tmp_path / "kept", signer=Signer(_key(settings)))
    assert vault.key_name in made.keys
    programs = directory_of("pg_restore", server=18)
    argv = [str(programs / "pg_restore"), "--file=-", str(tmp_path / "kept" / "database.dump")]
    text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout  # noqa: S603, ASYNC221
    text += (tmp_path / "kept" / "manifest.json").read_text(encoding="utf-8")
    assert {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "kept").iterdir()} == {
        "database.dump": 0,
        "manifest.json": 0,
    }
    assert vault.key_name in text
    for secret in ("very-secret", _key(settings), urlsplit(admin_url).password or "nothing"):
        assert secret not in text
