"""The border between tenants: default deny on every table and partition, for every role that has no business there."""

from collections.abc import Sequence
from uuid import UUID

import psycopg
import pytest

from engine.queries import queries
from tests.conftest import Tenant
from tests.engine.acting import CATALOG, Connection, acting, values

INSIDE = ("leo_app", "leo_owner")


def _tables(admin_url: str) -> Sequence[str]:
    with acting(admin_url, "superuser") as connection:
        return values(connection, CATALOG["tenant_tables"])


def _fill(admin_url: str, tenant: Tenant) -> None:
    """A row in the tables that others hang on, and events enough for every partition."""
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id, attributes) VALUES (leo_tenant(), 'a', '{\"city\": \"Huế\"}')"
        )
        connection.execute(
            "INSERT INTO marketing_event (tenant_id, type) SELECT leo_tenant(), 'x' FROM generate_series(1, 200)"
        )
        connection.execute("INSERT INTO segment (tenant_id, key, name) VALUES (leo_tenant(), 'a', 'A')")
        connection.execute(
            "INSERT INTO consent (tenant_id, profile_id, granted) SELECT tenant_id, profile_id, true FROM cdp_profiles"
        )


def test_every_table_and_partition_of_a_tenant_is_fenced(admin_url: str) -> None:
    tables = _tables(admin_url)
    assert len(tables) > 40
    with acting(admin_url, "superuser") as connection:
        fenced = values(connection, CATALOG["fenced"])
        policies = connection.execute(CATALOG["policies"]).fetchall()
    assert set(tables) <= set(fenced)
    border = "(tenant_id = ( SELECT leo_tenant() AS leo_tenant))"
    for table in tables:
        mine = [policy[1:] for policy in policies if policy[0] == table and policy[1] != "router"]
        assert mine == [("tenant_border", "ALL", "PERMISSIVE", border, border, ["public"])], table
    routed = {policy[0]: policy[2:] for policy in policies if policy[1] == "router"}
    assert set(routed) == {
        *("tenant", "api_key", "channel", "run_batch", "decision", "delivery_log", "outbox"),
        *("segment", "recheck", "source", "agent_task", "channel_token"),
        *("channel_credential", "channel_gate", "callback", "sync_run"),
        *("tally", "graph_check"),
    }
    assert all(policy[0] == "SELECT" and policy[4] == ["leo_router"] for policy in routed.values())


@pytest.mark.parametrize("role", INSIDE)
def test_without_a_tenant_nothing_is_seen_and_nothing_written(admin_url: str, tenant: Tenant, role: str) -> None:
    _fill(admin_url, tenant)
    with acting(admin_url, role) as connection:
        for table in _tables(admin_url):
            if role == "leo_app" and table == "tenant_removal":
                continue
            assert values(connection, f"SELECT count(*) FROM {table}") == [0], table  # noqa: S608 - from the catalog
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(admin_url, role) as connection:
        connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%s, 'b')", (tenant.tenant_id,))


@pytest.mark.parametrize("role", INSIDE)
def test_another_tenants_rows_are_neither_seen_nor_changed(
    admin_url: str, tenant: Tenant, other_tenant: Tenant, role: str
) -> None:
    _fill(admin_url, tenant)
    with acting(admin_url, role, other_tenant.tenant_id) as connection:
        for table in _tables(admin_url):
            if table != "tenant_removal":
                strays = f"SELECT count(*) FROM {table} WHERE tenant_id <> leo_tenant()"  # noqa: S608 - from the catalog
                assert values(connection, strays) == [0], table
        for statement in (
            "UPDATE cdp_profiles SET name = 'mine'",
            "DELETE FROM consent",
            "UPDATE marketing_event SET type = 'mine'",
            "DELETE FROM marketing_event_03",
        ):
            assert connection.execute(statement).rowcount == 0


@pytest.mark.parametrize("role", INSIDE)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%(theirs)s, 'b')",
        "INSERT INTO segment (tenant_id, key, name) VALUES (%(theirs)s, 'b', 'B')",
        "INSERT INTO segment (tenant_id, key, name) VALUES (%(theirs)s, 'a', 'B') ON CONFLICT DO NOTHING",
        "INSERT INTO tenant (tenant_id, slug, name) VALUES (%(theirs)s, 'another', 'B')",
        "MERGE INTO segment USING (SELECT 1) x ON false WHEN NOT MATCHED THEN INSERT VALUES (%(theirs)s, 9, 'b', 'B')",
        "UPDATE cdp_profiles SET tenant_id = %(theirs)s",
    ],
)
def test_a_row_cannot_be_written_across_the_border(
    admin_url: str, tenant: Tenant, other_tenant: Tenant, role: str, statement: str
) -> None:
    _fill(admin_url, tenant)
    _fill(admin_url, other_tenant)
    with pytest.raises(psycopg.Error, match=r"row-level security|never changes"):  # noqa: SIM117
        with acting(admin_url, role, other_tenant.tenant_id) as connection:
            connection.execute(statement, {"theirs": tenant.tenant_id})


def test_a_row_cannot_refer_across_the_border(admin_url: str, tenant: Tenant, other_tenant: Tenant) -> None:
    _fill(admin_url, tenant)
    with acting(admin_url, "superuser") as connection:
        (theirs,) = values(connection, "SELECT profile_id FROM cdp_profiles WHERE tenant_id = %s", tenant.tenant_id)
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        acting(admin_url, "leo_app", other_tenant.tenant_id) as connection,
    ):
        connection.execute(
            "INSERT INTO consent (tenant_id, profile_id, granted) VALUES (leo_tenant(), %s, true)", (theirs,)
        )


def test_an_id_of_another_tenant_is_free_to_use(admin_url: str, tenant: Tenant, other_tenant: Tenant) -> None:
    """Whether it is taken over there cannot be found out."""
    for each in (tenant, other_tenant):
        with acting(admin_url, "leo_app", each.tenant_id) as connection:
            connection.execute(
                "INSERT INTO cdp_profiles (tenant_id, profile_id, ext_id) VALUES (leo_tenant(), 7, 'same')"
            )


def test_a_search_by_attribute_uses_its_index_behind_the_border(admin_url: str, tenant: Tenant) -> None:
    """An operator that is not LEAKPROOF would be checked after the border, row by row."""
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id, attributes) SELECT leo_tenant(), n::text,"
            " jsonb_build_object('city', 'c' || mod(n, 500)) FROM generate_series(1, 5000) n"
        )
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        administrator.execute("ANALYZE cdp_profiles")
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        statement = 'EXPLAIN SELECT profile_id FROM cdp_profiles WHERE attributes @> \'{"city": "c7"}\''
        plan = "\n".join(values(connection, statement))
    assert "Bitmap Index Scan on cdp_profiles_attributes" in plan, plan


def test_a_search_by_name_uses_its_index_behind_the_border(admin_url: str, tenant: Tenant) -> None:
    """Among 100,000 people, as leo_app with the tenant set; and it finds Nguyễn by nguyen."""
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id, name) SELECT leo_tenant(), 'kh-' || n,"
            " (ARRAY['Trần Thị', 'Lê Văn', 'Phạm Thu'])[1 + mod(n, 3)] || ' ' || chr(97 + mod(n, 26)) || n"
            " FROM generate_series(1, 100000) n UNION ALL SELECT leo_tenant(), 'lam', 'Nguyễn Văn Lâm'"
        )
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        administrator.execute("ANALYZE cdp_profiles")
    asked = {"text": "NGUYEN lam", "id": None, "channels": ["email"], "addresses": ["NGUYEN lam"], "limit": 20}
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        statement = queries("journey")["search"]
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + statement, asked).fetchall())
        found = [row[1] for row in connection.execute(statement, asked).fetchall()]
    assert found == ["lam"]
    assert "Bitmap Index Scan on cdp_profiles_words_idx" in plan, plan
    assert "Seq Scan" not in plan, plan


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Nguyễn-Văn  ĐỨC", ["duc", "nguyen", "van"]),
        ("  ", []),
        (None, []),
        ("b" * 400, ["b" * 400]),
        # Decomposed, each syllable is three characters of three bytes: more than a lexeme can hold.
        ("\ud55c" * 400, ["\u1112\u1161\u11ab" * 166 + "\u1112\u1161"]),
    ],
)
def test_a_name_is_kept_by_its_words_in_small_letters_without_marks(
    admin_url: str, tenant: Tenant, name: str | None, words: list[str]
) -> None:
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id, name) VALUES (leo_tenant(), 'one', %s)", (name,)
        )
        (kept,) = values(connection, "SELECT tsvector_to_array(words) FROM cdp_profiles WHERE ext_id = 'one'")
    mark = str(tenant.tenant_id)[:8]
    assert kept == [mark + word for word in words]


def test_the_application_has_no_more_rights_than_it_needs(admin_url: str) -> None:
    with acting(admin_url, "superuser") as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolreplication FROM pg_roles"
            " WHERE rolname IN ('leo_app', 'leo_owner', 'leo_router') ORDER BY 1"
        ).fetchall()
        members = values(connection, CATALOG["memberships"])
    assert roles == [(name, False, False, False, False) for name in ("leo_app", "leo_owner", "leo_router")]
    assert members == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (a int)",
        "CREATE TEMPORARY TABLE cdp_profiles (a int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE cdp_profiles DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE cdp_profiles DISABLE TRIGGER ALL",
        "DROP POLICY tenant_border ON cdp_profiles",
        "SET session_replication_role = replica",
        "SELECT * FROM tenant_removal",
        "SELECT leo_drop_tenant(leo_tenant(), 'why not')",
        "SELECT leo_create_graph('leo_mine', leo_tenant())",
        "UPDATE graph_element SET condition = 'false'",
        "DELETE FROM graph_source",
        "SELECT * FROM cypher('{graph}', $$ MATCH (a)-[*1..2]->(b) RETURN a $$) AS (a agtype)",
    ],
)
def test_what_the_application_may_not_do(admin_url: str, module_tenant: Tenant, statement: str) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        acting(admin_url, "leo_app", module_tenant.tenant_id) as connection,
    ):
        # An administrator's session may become any role again; an application's may not.
        connection.execute("SET SESSION AUTHORIZATION leo_app")
        connection.execute(statement.format(graph=module_tenant.graph))


def _as_application(connection: Connection, tenant_id: UUID | None = None) -> None:
    connection.execute("SET SESSION AUTHORIZATION leo_app")
    if tenant_id is not None:
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant_id),))


@pytest.mark.parametrize("role", ["leo_owner", "leo_router", "postgres"])
def test_the_application_becomes_nobody_else(admin_url: str, role: str) -> None:
    with (
        pytest.raises(psycopg.Error, match=r"permission denied|does not exist"),
        acting(admin_url, "superuser") as connection,
    ):
        _as_application(connection)
        connection.execute(f"SET ROLE {role}")


def test_before_a_tenant_is_known_only_the_routes_answer(admin_url: str, tenant: Tenant) -> None:
    with acting(admin_url, "superuser") as connection:
        _as_application(connection)
        assert values(connection, "SELECT leo_route_slug(%s)", tenant.slug) == [tenant.tenant_id]
        assert tenant.slug in values(connection, "SELECT slug FROM leo_route_tenants()")
        assert values(connection, "SELECT slug FROM leo_route_api_key(sha256('nobody'))") == []
        assert values(connection, "SELECT kind FROM leo_route_webhook('nobody')") == []
        assert values(connection, "SELECT tenant_id FROM leo_route_due('bulk', now())") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT name FROM tenant",
        "SELECT inputs_salt FROM tenant",
        "SELECT address FROM delivery_log",
        "SELECT settings FROM channel",
        "SELECT payload FROM outbox",
        "SELECT ciphertext FROM channel_credential",
        "SELECT body FROM callback",
        "SELECT count(*) FROM cdp_profiles",
        "UPDATE tenant SET status = 'suspended'",
    ],
)
def test_the_router_sees_columns_not_tables(admin_url: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(admin_url, "leo_router") as connection:
        connection.execute(statement)


def test_the_owner_sees_no_more_than_anyone_for_being_the_routers_maker(admin_url: str, tenant: Tenant) -> None:
    with acting(admin_url, "leo_owner") as connection:
        assert values(connection, "SELECT count(*) FROM tenant") == [0]
    assert tenant.slug


def test_a_reader_sees_the_graph_of_its_tenant_and_nothing_else(
    admin_url: str, tenant: Tenant, other_tenant: Tenant
) -> None:
    _fill(admin_url, tenant)
    with acting(admin_url, "superuser") as connection:
        (reader,) = values(connection, "SELECT leo_reader(%s)", tenant.tenant_id)
    with acting(admin_url, "superuser") as connection:
        connection.execute(f"SET LOCAL ROLE {reader}")
        assert values(connection, f'SELECT count(*) FROM {tenant.graph}."Profile"') == [1]  # noqa: S608
    for statement in (
        f'SELECT count(*) FROM {other_tenant.graph}."Profile"',  # noqa: S608
        "SELECT count(*) FROM public.cdp_profiles",
        f'DELETE FROM {tenant.graph}."Profile"',  # noqa: S608
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), acting(admin_url, "superuser") as connection:
            connection.execute(f"SET LOCAL ROLE {reader}")
            connection.execute(statement)
