"""A transaction sees its tenant alone, and an error of the database comes out as one sentence with a remedy."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.bootstrap import set_up
from engine.db import Database
from engine.priority import step_back
from engine.settings import Settings
from rules.errors import Conflict, InvalidInput, Misconfigured, NotFound, SnapshotImmutable, Unavailable
from tests.conftest import Tenant


async def test_a_transaction_sees_its_own_tenant_alone(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id) as connection:
        rows = await (await connection.execute("SELECT tenant_id FROM tenant")).fetchall()
    assert [row["tenant_id"] for row in rows] == [tenant.tenant_id]
    assert other_tenant.tenant_id != tenant.tenant_id


async def test_without_a_tenant_no_row_is_visible(db: Database, tenant: Tenant) -> None:
    async with db.before_tenant() as connection:
        row = await (await connection.execute("SELECT count(*) AS n FROM tenant")).fetchone()
    assert row == {"n": 0}
    assert tenant


async def test_the_tenant_is_forgotten_with_the_transaction(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id):
        pass
    async with db.before_tenant() as connection:
        row = await (await connection.execute("SELECT leo_tenant() AS tenant_id")).fetchone()
    assert row == {"tenant_id": None}


async def test_who_steps_back_does_so_in_the_server_too(db: Database, settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    async with (
        Database.open(url, settings, nice=5) as polite,
        polite.before_tenant() as theirs,
        db.before_tenant() as ours,
    ):
        sessions = [connection.info.backend_pid for connection in (ours, theirs)]
        # A server of yours may run on another host: there nobody can.
        if all(_runs_here(session) for session in sessions):
            usual, stepped_back = (os.getpriority(os.PRIO_PROCESS, session) for session in sessions)
            assert stepped_back == min(usual + 5, 19)


def _runs_here(session: int) -> bool:
    title = Path(f"/proc/{session}/cmdline")
    return title.exists() and title.read_bytes().startswith(b"postgres:")


async def test_only_a_process_that_serves_us_steps_back() -> None:
    class Elsewhere:
        """A connection to a server whose process ids are those of another host."""

        class info:  # noqa: N801 - as the library names it
            backend_pid = os.getpid()

    before = os.getpriority(os.PRIO_PROCESS, os.getpid())
    assert not step_back(Elsewhere(), 15)  # type: ignore[arg-type]
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == before


async def test_an_error_rolls_the_whole_transaction_back(db: Database, tenant: Tenant) -> None:
    insert = "INSERT INTO segment (tenant_id, key, name) VALUES (%s, 'a', 'A')"
    with pytest.raises(Conflict, match="segment with this key exists already"):
        async with db.transaction(tenant.tenant_id) as connection:
            await connection.execute(insert, (tenant.tenant_id,))
            await connection.execute(insert, (tenant.tenant_id,))
    async with db.transaction(tenant.tenant_id) as connection:
        row = await (await connection.execute("SELECT count(*) AS n FROM segment")).fetchone()
    assert row == {"n": 0}


@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        ("UPDATE segment_snapshot SET member_count = 0", SnapshotImmutable, "immutable"),
        ("TRUNCATE cdp_profiles CASCADE", Misconfigured, "may not"),
        ("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), '')", InvalidInput, "ext_id_length"),
        (
            "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), 1, true)",
            NotFound,
            "consent_profile_fkey",
        ),
        ("SELECT * FROM no_such_table", Misconfigured, "leo db upgrade"),
        ("SELECT pg_sleep(3)", Unavailable, "statement timeout"),
    ],
)
async def test_each_refusal_names_what_is_wrong_and_what_to_do(
    db: Database, tenant: Tenant, statement: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        async with db.transaction(tenant.tenant_id) as connection:
            await connection.execute("SET LOCAL statement_timeout = '200ms'")
            await connection.execute(statement)
    assert caught.value.remedy  # type: ignore[attr-defined]


async def test_a_read_only_transaction_writes_nothing(db: Database, tenant: Tenant) -> None:
    with pytest.raises(Exception, match="read-only"):
        async with db.transaction(tenant.tenant_id, read_only=True) as connection:
            await connection.execute(
                "INSERT INTO segment (tenant_id, key, name) VALUES (%s, 'a', 'A')", (tenant.tenant_id,)
            )


async def test_only_what_can_be_done_again_commits_before_the_disk_has_it(db: Database, tenant: Tenant) -> None:
    async with db.transaction(tenant.tenant_id, is_repeatable=True) as connection:
        hasty = await (await connection.execute("SHOW synchronous_commit")).fetchone()
    async with db.transaction(tenant.tenant_id) as connection:
        usual = await (await connection.execute("SHOW synchronous_commit")).fetchone()
    assert (hasty, usual) == ({"synchronous_commit": "off"}, {"synchronous_commit": "on"})


async def test_a_dead_server_is_one_sentence_without_the_password(settings: Settings) -> None:
    url = "postgresql://leo_app:s3cret@127.0.0.1:1/leo"
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/leo") as caught:
        async with Database.open(url, settings):
            pass
    assert "s3cret" not in str(caught.value)


async def test_a_wrong_url_is_a_setting_to_correct(settings: Settings) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        async with Database.open("postgresql://127.0.0.1:1/leo?nonsense=1", settings):
            pass


async def test_a_database_without_the_schema_says_how_to_make_it(settings: Settings, admin_url: str) -> None:
    with pytest.raises(Misconfigured, match="leo db upgrade"):
        async with Database.open(urlsplit(admin_url)._replace(path="/postgres").geturl(), settings):
            pass


def test_setting_up_twice_changes_nothing(admin_url: str, database_url: str) -> None:
    again = set_up(admin_url, app_url=database_url)
    assert again.before == again.after
