"""Snapshots and records are added and never changed; a whole tenant goes by one audited function."""

from uuid import UUID

import psycopg
import pytest

from tests.conftest import Tenant
from tests.engine.acting import ROLES, Connection, acting, values
from tests.graph.writes import QUERIES

SNAPSHOT = """
WITH s AS (
    INSERT INTO segment (tenant_id, key, name) VALUES (%(t)s, 'all', 'All') RETURNING tenant_id, segment_id, version, rule
), h AS (
    INSERT INTO segment_snapshot (tenant_id, segment_id, segment_version, rule, member_count, members_hash)
    SELECT s.tenant_id, s.segment_id, s.version, s.rule, count(*), leo_members_hash(array_agg(p.profile_id))
    FROM s JOIN cdp_profiles p USING (tenant_id) GROUP BY s.tenant_id, s.segment_id, s.version, s.rule RETURNING tenant_id, snapshot_id
)
INSERT INTO segment_snapshot_member (tenant_id, snapshot_id, profile_id)
SELECT h.tenant_id, h.snapshot_id, p.profile_id FROM h JOIN cdp_profiles p USING (tenant_id)
"""
MADE = (
    "insert_profiles_where_new", "save_segments", "save_campaigns", "connect_channels", "save_templates", "run_campaigns", "decide",
)  # fmt: skip
REFUSED = (
    "UPDATE segment_snapshot SET member_count = 0",
    "UPDATE segment_snapshot SET member_count = member_count WHERE false",
    "DELETE FROM segment_snapshot",
    "TRUNCATE segment_snapshot CASCADE",
    "TRUNCATE segment_snapshot, segment_snapshot_member, campaign_run, run_batch, decision, delivery_log, delivery_attempt, outcome",
    "MERGE INTO segment_snapshot s USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO segment_snapshot s USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE SET member_count = 0",
    "INSERT INTO segment_snapshot SELECT * FROM segment_snapshot ON CONFLICT (tenant_id, snapshot_id) DO UPDATE SET member_count = 0",
    "UPDATE segment_snapshot_member SET profile_id = 1",
    "DELETE FROM segment_snapshot_member",
    "TRUNCATE segment_snapshot_member",
    "MERGE INTO segment_snapshot_member s USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO segment_snapshot_member SELECT * FROM segment_snapshot_member"
    " ON CONFLICT (tenant_id, snapshot_id, profile_id) DO UPDATE SET profile_id = 1",
    "WITH gone AS (DELETE FROM segment_snapshot_member RETURNING 1) SELECT count(*) FROM gone",
    # The words of the call stack in a comment, which the stack then quotes.
    "DO $do$ BEGIN EXECUTE E'DELETE FROM segment_snapshot /*\\n"
    "PL/pgSQL function public.leo_drop_tenant(uuid,text) line 1 at EXECUTE\\n*/'; END $do$",
    "DO $do$ BEGIN EXECUTE E'DELETE FROM public.segment_snapshot WHERE tenant_id = $1 /*\"\\n"
    "PL/pgSQL function public.leo_drop_tenant(uuid,text) line 1 at EXECUTE\\n*/' USING leo_tenant(); END $do$",
    "DELETE FROM segment",
    "DELETE FROM tenant",
)


def _freeze(admin_url: str, tenant: Tenant, *, people: int = 3) -> None:
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) SELECT leo_tenant(), n::text FROM generate_series(1, %s) n",
            (people,),
        )
        connection.execute(SNAPSHOT, {"t": tenant.tenant_id})


def _frozen(connection: Connection, tenant_id: UUID) -> list[object]:
    return connection.execute(
        "SELECT s.*, (SELECT array_agg(profile_id ORDER BY 1) FROM segment_snapshot_member m WHERE m.tenant_id = s.tenant_id)"
        " FROM segment_snapshot s WHERE s.tenant_id = %s",
        (tenant_id,),
    ).fetchall()


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_of_any_role_changes_a_snapshot(admin_url: str, tenant: Tenant, role: str) -> None:
    _freeze(admin_url, tenant)
    with acting(admin_url, "superuser") as connection:
        before = _frozen(connection, tenant.tenant_id)
    assert before
    for statement in REFUSED:
        if role == "replica" and statement == "DELETE FROM segment":
            continue  # foreign keys rest in a session that replicates; the snapshot itself stays
        with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, tenant.tenant_id) as connection:
            connection.execute(statement)
        state = refused.value.sqlstate or ""
        assert state.startswith("LEO") or isinstance(refused.value, psycopg.errors.InsufficientPrivilege), (
            statement,
            refused.value,
        )
    with acting(admin_url, "superuser") as connection:
        assert _frozen(connection, tenant.tenant_id) == before


@pytest.mark.parametrize("role", ["leo_owner", "superuser"])
def test_a_function_of_the_same_name_elsewhere_is_refused(admin_url: str, tenant: Tenant, role: str) -> None:
    _freeze(admin_url, tenant)
    with pytest.raises(psycopg.Error, match="immutable"), acting(admin_url, role, tenant.tenant_id) as connection:
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


def test_a_function_whose_name_holds_the_words_is_refused(admin_url: str, tenant: Tenant) -> None:
    _freeze(admin_url, tenant)
    name = "\nPL/pgSQL function public.leo_drop_tenant(uuid,text) line 3 at "
    assert len(name) == 63
    with (
        pytest.raises(psycopg.Error, match="immutable"),
        acting(admin_url, "leo_owner", tenant.tenant_id) as connection,
    ):
        connection.execute(
            f'CREATE FUNCTION public."{name}"() RETURNS void LANGUAGE plpgsql AS'
            " $f$ BEGIN DELETE FROM public.segment_snapshot; END $f$"
        )
        connection.execute(f'SELECT public."{name}"()')


def test_members_join_only_with_their_snapshot(admin_url: str, tenant: Tenant) -> None:
    _freeze(admin_url, tenant)
    for role in ROLES:
        with (
            pytest.raises(psycopg.Error, match="only in the transaction"),
            acting(admin_url, role, tenant.tenant_id) as connection,
        ):
            connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%s, 'late')", (tenant.tenant_id,))
            connection.execute(
                "INSERT INTO segment_snapshot_member SELECT s.tenant_id, s.snapshot_id, p.profile_id FROM segment_snapshot s"
                " JOIN cdp_profiles p USING (tenant_id) WHERE s.tenant_id = %s AND p.ext_id = 'late'",
                (tenant.tenant_id,),
            )


@pytest.mark.parametrize("lie", ["member_count + 1", "member_count - 1"])
def test_a_header_tells_the_truth_about_its_members(admin_url: str, tenant: Tenant, lie: str) -> None:
    with pytest.raises(psycopg.Error) as refused, acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'a'), (leo_tenant(), 'b')"
        )
        connection.execute(
            SNAPSHOT.replace("count(*)", lie.replace("member_count", "count(*)")), {"t": tenant.tenant_id}
        )
    assert refused.value.sqlstate == "LEO01"


def test_a_check_brought_forward_does_not_let_a_late_member_in(admin_url: str, tenant: Tenant) -> None:
    with (
        pytest.raises(psycopg.Error, match="more members than its header"),
        acting(admin_url, "leo_app", tenant.tenant_id) as connection,
    ):
        connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'a')")
        connection.execute(SNAPSHOT, {"t": tenant.tenant_id})
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'late')")
        connection.execute(
            "INSERT INTO segment_snapshot_member SELECT s.tenant_id, s.snapshot_id, p.profile_id FROM segment_snapshot s"
            " JOIN cdp_profiles p USING (tenant_id) WHERE p.ext_id = 'late'"
        )


def test_members_are_people_of_the_tenant(admin_url: str, tenant: Tenant) -> None:
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        acting(admin_url, "leo_app", tenant.tenant_id) as connection,
    ):
        connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'a')")
        connection.execute(
            SNAPSHOT.replace("h.snapshot_id, p.profile_id", "h.snapshot_id, p.profile_id + 1"), {"t": tenant.tenant_id}
        )


def test_an_erased_person_stays_a_member_by_number(admin_url: str, tenant: Tenant) -> None:
    _freeze(admin_url, tenant)
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        before = _frozen(connection, tenant.tenant_id)
        connection.execute("DELETE FROM cdp_profiles WHERE ext_id = '1'")
        assert _frozen(connection, tenant.tenant_id) == before


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", ["decision", "delivery_attempt", "segment_version", "policy", "tenant_removal"])
def test_records_are_only_added_to(admin_url: str, tenant: Tenant, role: str, table: str) -> None:
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        for name in MADE:
            given = {"t": tenant.tenant_id, "a": 2, "b": 2, "name": "x", "status": "active", "at": "now", "weight": 1}
            connection.execute(QUERIES[name], given)
        assert values(connection, "SELECT count(*) > 0 FROM decision WHERE tenant_id = leo_tenant()") == [True]
    for statement in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # noqa: S608
        with pytest.raises(psycopg.Error) as refused, acting(admin_url, role, tenant.tenant_id) as connection:
            connection.execute(statement)
        assert refused.value.sqlstate in {"LEO03", "LEO04", "42501"}, (statement, refused.value)


def test_dropping_a_tenant_removes_all_it_owns_and_says_so(
    admin_url: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    _freeze(admin_url, tenant, people=4)
    _freeze(admin_url, other_tenant)
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        for name in MADE:
            given = {"t": tenant.tenant_id, "a": 2, "b": 2, "name": "x", "status": "active", "at": "now", "weight": 1}
            connection.execute(QUERIES[name], given)
    with acting(admin_url, "leo_owner") as connection:
        (removed,) = values(connection, "SELECT leo_drop_tenant(%s, 'the contract ended')", tenant.tenant_id)
    assert removed["segment_snapshot_member"] == 4
    assert removed["decision"] > 0
    with acting(admin_url, "superuser") as connection:
        audited = connection.execute(
            "SELECT slug, reason, removed_by, removed = %s::jsonb FROM tenant_removal WHERE tenant_id = %s",
            (psycopg.types.json.Jsonb(removed), tenant.tenant_id),
        ).fetchone()
        assert audited is not None
        assert audited[:2] == (tenant.slug, "the contract ended")
        assert audited[2]
        assert audited[3]
        tables = values(
            connection,
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'tenant_removal'",
        )
        for table in tables:
            left = values(connection, f"SELECT count(*) FROM {table} WHERE tenant_id = %s", tenant.tenant_id)  # noqa: S608
            assert left == [0], table
        assert len(_frozen(connection, other_tenant.tenant_id)) == 1


@pytest.mark.parametrize("reason", ["", "  ", None])
def test_dropping_a_tenant_needs_a_reason(admin_url: str, tenant: Tenant, reason: str | None) -> None:
    with pytest.raises(psycopg.Error, match="needs a reason"), acting(admin_url, "leo_owner") as connection:
        connection.execute("SELECT leo_drop_tenant(%s, %s)", (tenant.tenant_id, reason))


def test_dropping_no_tenant_is_told(admin_url: str) -> None:
    with pytest.raises(psycopg.errors.NoDataFound), acting(admin_url, "leo_owner") as connection:
        connection.execute("SELECT leo_drop_tenant('00000000-0000-4000-8000-00000000dead', 'x')")
