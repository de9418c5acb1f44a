"""`leo sync` killed at twenty random points ends where one that nobody disturbed ends."""

import asyncio
import random
import signal
import sys
from typing import Any

from engine.credentials import Vault
from engine.db import Database
from engine.embedded import Servers
from engine.ingest.sync import Mode
from engine.settings import Settings
from tests.channels.sandbox_process import ROOT, SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import connect, new_cdp, take

KILLS = 20
PEOPLE = 400
LARGE = 110
# What people became, whatever ids and instants it got.
OUTCOME = (
    "SELECT p.ext_id, p.status, p.name, p.locale, p.attributes, p.source_rev, p.source_root, w.ext_id AS winner, "
    "(SELECT array_agg(ROW(channel, value, valid, reason)::text ORDER BY channel, value) FROM profile_address a "
    " WHERE a.profile_id = p.profile_id) AS addresses, "
    "(SELECT array_agg(ROW(channel, purpose, granted, at)::text ORDER BY channel, purpose, at) FROM consent c "
    " WHERE c.profile_id = p.profile_id) AS consents, "
    "(SELECT array_agg(ROW(r.kind, t.key, t.name)::text ORDER BY r.kind, t.key) FROM profile_relation r "
    " JOIN relation_target t USING (target_id) WHERE r.profile_id = p.profile_id) AS relations, "
    "(SELECT array_agg(ROW(e.ext_id, e.type, e.occurred_at)::text ORDER BY e.ext_id) FROM marketing_event e "
    " WHERE e.profile_id = p.profile_id) AS events, "
    "(SELECT array_agg(s.key ORDER BY s.key) FROM segment_member m JOIN segment s USING (segment_id) "
    " WHERE m.profile_id = p.profile_id) AS segments "
    "FROM cdp_profiles p LEFT JOIN cdp_profiles w ON w.profile_id = p.merged_into ORDER BY p.ext_id"
)


async def outcome(db: Database, tenant: Tenant) -> list[dict[str, Any]]:
    async with db.transaction(tenant.tenant_id) as conn:
        return await (await conn.execute(OUTCOME)).fetchall()


async def pages_written(db: Database, tenant: Tenant) -> list[dict[str, Any]]:
    """Which pages were written last; it changes with every page of any stream."""
    async with db.transaction(tenant.tenant_id) as conn:
        return await (await conn.execute("SELECT stream, xmin::text FROM sync_position ORDER BY stream")).fetchall()


async def run_and_kill(environment: dict[str, str], db: Database, tenant: Tenant, chance: random.Random) -> bool:
    """Start `leo sync` and kill it some pages after its first; True where it had ended before."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from engine.cli import main; main()", "sync", "--tenant", tenant.slug, "--full"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    before = await pages_written(db, tenant)
    while process.returncode is None and await pages_written(db, tenant) == before:  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.005)
    await asyncio.sleep(chance.uniform(0, 0.15))
    if process.returncode is not None:
        return True
    process.send_signal(signal.SIGKILL)
    await process.wait()
    return False


async def test_twenty_kills_later_everything_is_as_if_nobody_had_killed(
    db: Database, tenant: Tenant, other_tenant: Tenant, settings: Settings, servers: Servers, sandbox: SandboxProcess
) -> None:
    vault = Vault(servers.secrets.credential_key)
    cdp = new_cdp(sandbox)
    await cdp.make(PEOPLE, events=100, traps=True)
    undisturbed = await connect(db, vault, other_tenant, cdp)
    await take(db, undisturbed, Mode.FULL)

    environment = {"PATH": "/usr/bin:/bin", **settings.environment()}
    chance = random.Random(20)  # noqa: S311 - the same points each time, as far as a clock allows
    killed = 0
    while killed < KILLS:
        # Large pages are written two at once.
        source = await connect(db, vault, tenant, cdp, page=(3, LARGE)[killed % 2])
        ended = await run_and_kill(environment, db, tenant, chance)
        killed += not ended
        if ended:
            async with db.transaction(tenant.tenant_id) as conn:
                await conn.execute("UPDATE sync_position SET at = '', key = ''")
    await take(db, source, Mode.FULL)

    assert await outcome(db, tenant) == await outcome(db, other_tenant)
    assert (await take(db, source, Mode.FULL)).changed == 0
