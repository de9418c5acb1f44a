"""Snapshots and records are added and never changed; a whole tenant goes by one audited function."""

from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from engine.queries import parse
from tests.conftest import Tenant
from tests.engine.acting import CATALOG, ROLES, Connection, acting, values
from tests.graph.writes import QUERIES

SQL = parse(Path(__file__).with_name("snapshots.sql").read_text(encoding="utf-8"), file="snapshots.sql")
REFUSED = {name: statement for name, statement in SQL.items() if name.startswith("refused_")}
MADE = (
    "insert_profiles_where_new",
    "save_segments",
    "save_campaigns",
    "connect_channels",
    "save_templates",
    "run_campaigns",
    "decide",
)


def _freeze(connection: Connection, tenant: Tenant, *, lie: int = 0, stray: int = 0) -> None:
    """Freeze a segment of everybody; `lie` is added to the header's count, `stray` to the members' ids."""
    connection.execute(
        "INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), n::text FROM generate_series(1, 3) n"
    )
    connection.execute(SQL["freeze"], {"t": tenant.tenant_id, "lie": lie, "stray": stray})


def _join_late(connection: Connection, tenant: Tenant) -> None:
    connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%s, 'late')", (tenant.tenant_id,))
    connection.execute(SQL["join_late"], {"t": tenant.tenant_id})


def _frozen(connection: Connection, tenant: Tenant) -> list[object]:
    return connection.execute(SQL["frozen"], {"t": tenant.tenant_id}).fetchall()


def _decide(connection: Connection, tenant: Tenant) -> None:
    for name in MADE:
        given = {"t": tenant.tenant_id, "a": 2, "b": 2, "name": "x", "status": "active", "at": "now", "weight": 1}
        connection.execute(QUERIES[name], given)


@pytest.fixture
def frozen(admin_url: str, tenant: Tenant) -> Tenant:
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        _freeze(connection, tenant)
    return tenant


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_of_any_role_changes_a_snapshot(admin_url: str, frozen: Tenant, role: str) -> None:
    with acting(admin_url, "superuser") as connection:
        before = _frozen(connection, frozen)
    assert before
    for name, statement in REFUSED.items():
        if role == "replica" and name == "refused_delete_of_its_segment":
            continue  # foreign keys rest in a session that replicates; the snapshot itself stays
        with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, frozen.tenant_id) as connection:
            connection.execute(statement)
        state = refused.value.sqlstate or ""
        assert state in {"LEO01", "LEO03", "42501"}, (name, refused.value)
    with acting(admin_url, "superuser") as connection:
        assert _frozen(connection, frozen) == before


@pytest.mark.parametrize("role", ["leo_owner", "superuser"])
def test_a_function_of_the_same_name_elsewhere_is_refused(admin_url: str, frozen: Tenant, role: str) -> None:
    with (
        pytest.raises(psycopg.Error, match="immutable"),
        acting(admin_url, role, frozen.tenant_id) as connection,
    ):
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute(
            "CREATE FUNCTION elsewhere.leo_drop_tenant(doomed uuid, reason text) RETURNS void LANGUAGE plpgsql AS"
            " $f$ BEGIN EXECUTE 'DELETE FROM public.segment_snapshot WHERE tenant_id = $1' USING doomed; END $f$"
        )
        connection.execute("SET LOCAL search_path = elsewhere, public, ag_catalog")
        if role == "superuser":
            connection.execute("GRANT USAGE ON SCHEMA elsewhere TO leo_owner")
            connection.execute("SET LOCAL ROLE leo_owner")
        connection.execute("SELECT leo_drop_tenant(leo_tenant(), 'mine')")


def test_a_function_whose_name_holds_the_words_is_refused(admin_url: str, frozen: Tenant) -> None:
    name = "\nPL/pgSQL function public.leo_drop_tenant(uuid,text) line 3 at "
    assert len(name) == 63, "the longest name there is"
    with (
        pytest.raises(psycopg.Error, match="immutable"),
        acting(admin_url, "leo_owner", frozen.tenant_id) as connection,
    ):
        connection.execute(
            f'CREATE FUNCTION public."{name}"() RETURNS void LANGUAGE plpgsql AS'  # noqa: S608
            " $f$ BEGIN DELETE FROM public.segment_snapshot; END $f$"
        )
        connection.execute(f'SELECT public."{name}"()')


@pytest.mark.parametrize("role", ROLES)
def test_members_join_only_with_their_snapshot(admin_url: str, frozen: Tenant, role: str) -> None:
    with (
        pytest.raises(psycopg.Error, match="only in the transaction"),
        acting(admin_url, role, frozen.tenant_id) as connection,
    ):
        _join_late(connection, frozen)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("lie", [1, -1])
def test_a_header_tells_the_truth_about_its_members(admin_url: str, tenant: Tenant, role: str, lie: int) -> None:
    with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, tenant.tenant_id) as connection:
        _freeze(connection, tenant, lie=lie)
    assert refused.value.sqlstate == "LEO01"


@pytest.mark.parametrize("role", ROLES)
def test_a_check_brought_forward_lets_no_late_member_in(admin_url: str, tenant: Tenant, role: str) -> None:
    with (
        pytest.raises(psycopg.Error, match="more members than its header"),
        acting(admin_url, role, tenant.tenant_id) as connection,
    ):
        _freeze(connection, tenant)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        _join_late(connection, tenant)


@pytest.mark.parametrize("role", ROLES)
def test_members_are_people_of_the_tenant(admin_url: str, tenant: Tenant, role: str) -> None:
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        acting(admin_url, role, tenant.tenant_id) as connection,
    ):
        _freeze(connection, tenant, stray=1)


def test_an_erased_person_stays_a_member_by_number(admin_url: str, frozen: Tenant) -> None:
    with acting(admin_url, "leo_app", frozen.tenant_id) as connection:
        before = _frozen(connection, frozen)
        connection.execute("DELETE FROM cdp_profiles WHERE ext_id = '1'")
        assert _frozen(connection, frozen) == before


@pytest.fixture(scope="module")
def decided(admin_url: str, module_tenant: Tenant) -> Tenant:
    with acting(admin_url, "superuser", module_tenant.tenant_id) as connection:
        _decide(connection, module_tenant)
    return module_tenant


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ["decision", "delivery_attempt", "segment_version", "policy", "tenant_removal"])
def test_records_are_only_added_to(admin_url: str, decided: Tenant, role: str, table: str) -> None:
    with acting(admin_url, "superuser", decided.tenant_id) as connection:
        assert values(connection, "SELECT count(*) > 0 FROM decision WHERE tenant_id = leo_tenant()") == [True]
    for statement in ("UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, decided.tenant_id) as connection:
            connection.execute(statement.format(table))
        assert refused.value.sqlstate in {"LEO03", "LEO04", "42501"}, (statement, refused.value)


@pytest.mark.parametrize("role", ["leo_owner", "superuser", "replica"])
def test_dropping_a_tenant_removes_all_it_owns_and_says_so(
    admin_url: str, frozen: Tenant, other_tenant: Tenant, role: str
) -> None:
    with acting(admin_url, "superuser", frozen.tenant_id) as connection:
        _decide(connection, frozen)
    with acting(admin_url, "leo_app", other_tenant.tenant_id) as connection:
        _freeze(connection, other_tenant)
    with acting(admin_url, role) as connection:
        (removed,) = values(connection, "SELECT leo_drop_tenant(%s, 'the contract ended')", frozen.tenant_id)
    assert removed["segment_snapshot_member"] == 3
    assert removed["decision"] > 0
    with acting(admin_url, "superuser") as connection:
        audited = connection.execute(
            "SELECT slug, reason, removed_by = session_user, removed = %s FROM tenant_removal WHERE tenant_id = %s",
            (Jsonb(removed), frozen.tenant_id),
        ).fetchone()
        assert audited == (frozen.slug, "the contract ended", True, True)
        for table in values(connection, CATALOG["tenant_tables"]):
            left = values(connection, f"SELECT count(*) FROM {table} WHERE tenant_id = %s", frozen.tenant_id)  # noqa: S608
            assert left == [int(table == "tenant_removal")], table
        assert len(_frozen(connection, other_tenant)) == 1


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_dropping_a_tenant_needs_a_reason(admin_url: str, tenant: Tenant, reason: str | None) -> None:
    with pytest.raises(psycopg.Error, match="needs a reason"), acting(admin_url, "leo_owner") as connection:
        connection.execute("SELECT leo_drop_tenant(%s, %s)", (tenant.tenant_id, reason))


def test_dropping_no_tenant_is_told(admin_url: str) -> None:
    with pytest.raises(psycopg.errors.NoDataFound), acting(admin_url, "leo_owner") as connection:
        connection.execute("SELECT leo_drop_tenant('00000000-0000-4000-8000-00000000dead', 'x')")
