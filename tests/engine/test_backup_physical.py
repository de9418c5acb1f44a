"""A physical copy (pg_basebackup): it keeps graphs and roles, and `leo db hold` does for it what a restore does."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from engine import audit, embedded
from engine.backup import hold
from engine.db import Database
from engine.embedded import Servers
from engine.embedded.account import service_account
from engine.embedded.postgres import installed_binaries
from engine.settings import Settings
from graph import mirror
from tests.engine.acts import Act
from tests.engine.embedded_places import open_directory, settings_for


def _copied(admin_url: str, to: Path) -> None:
    """Copy the running server, with what is written meanwhile, as a file tree that the server's account owns."""
    login = urlsplit(admin_url)
    argv = [str(installed_binaries() / "pg_basebackup"), f"--pgdata={to}", "--wal-method=stream", "--checkpoint=fast"]
    where = [f"--host={login.hostname}", f"--port={login.port}", f"--username={login.username}", "--no-password"]
    environment = {**os.environ, "PGPASSWORD": login.password or ""}
    subprocess.run([*argv, *where], env=environment, capture_output=True, check=True)  # noqa: S603
    account = service_account()
    if account is not None:
        for path in (to.parent, to, *to.rglob("*")):
            os.chown(path, account.uid, account.gid)


async def test_a_physical_copy_comes_up_with_its_graphs_and_holds_what_may_have_happened(
    act: Act, servers: Servers, settings: Settings, home: Path, admin_url: str
) -> None:
    if "postgres" not in servers.embedded:
        pytest.skip("a server of yours is not copied")
    await act.queue(4)
    assert (await act.send(most=2)).sent == 2
    tenant = act.world.tenant
    with open_directory() as elsewhere:
        (elsewhere / "postgres").mkdir(parents=True)
        elsewhere.chmod(0o755)
        _copied(admin_url, elsewhere / "postgres" / "data")
        shutil.copy(home / "secrets.json", elsewhere / "secrets.json")
        # What the copy does not know.
        assert (await act.send()).sent == 2

        copy = embedded.ensure(settings_for(elsewhere), redis=False)
        name = urlsplit(admin_url).path
        copied_url = urlsplit(copy.admin_database_url)._replace(path=name).geturl()
        held = {one.slug: one for one in hold(copied_url)}
        assert held[tenant.slug].messages == 2
        app_url = urlsplit(copy.database_url)._replace(path=name).geturl()
        async with Database.open(app_url, settings) as db, db.transaction(tenant.tenant_id) as conn:
            assert sum(one.total for one in await mirror.compare(conn)) == 0
            assert (await audit.verify(conn, tenant_id=tenant.tenant_id)).finding is None
        with psycopg.connect(copied_url) as connection:
            rows = connection.execute(
                "SELECT status, count(*) FROM delivery_log WHERE tenant_id = %s GROUP BY 1", (tenant.tenant_id,)
            ).fetchall()
        assert dict(rows) == {"sent": 2, "uncertain": 2}
