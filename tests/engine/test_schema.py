"""schema.sql keeps its promises: idempotent, named, partitioned, indexed, stamped, and every profile has a tenant."""

import os
import re
import subprocess
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from engine import queries
from engine.db import Database
from rules import words
from rules.errors import Misconfigured, NotFound
from tests.conftest import Tenant
from tests.engine.acting import CATALOG, acting, values

ROOT = Path(__file__).parents[2]


def _dump(admin_url: str) -> str:
    binary = next((ROOT / ".venv").glob("lib/python*/site-packages/pgserver/pginstall/bin/pg_dump"), None)
    if binary is None or urlsplit(admin_url).hostname != "127.0.0.1":
        return ""
    argv = [str(binary), "--schema-only", "--schema=public", admin_url]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})  # noqa: S603
    # \restrict carries a random word.
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("\\"))


def _state(admin_url: str) -> tuple[str, str]:
    with psycopg.connect(admin_url) as connection:
        row = connection.execute(CATALOG["everything"]).fetchone()
    assert row is not None
    return row[0], _dump(admin_url)


def test_a_second_run_changes_nothing(admin_url: str) -> None:
    before = _state(admin_url)
    for _ in range(2):
        with psycopg.connect(admin_url) as connection:
            connection.execute("SET ROLE leo_owner")
            connection.execute(queries.schema())
    after = _state(admin_url)
    assert before[0].splitlines() == after[0].splitlines()
    assert before[1].splitlines() == after[1].splitlines()


def test_a_second_bootstrap_changes_nothing(admin_url: str) -> None:
    before = _state(admin_url)
    with psycopg.connect(admin_url) as connection:
        connection.execute(queries.script("bootstrap"))
    assert before == _state(admin_url)


@pytest.mark.parametrize("role", ["leo_app", "superuser"])
def test_the_schema_is_applied_by_its_owner_alone(admin_url: str, role: str) -> None:
    with pytest.raises(psycopg.Error, match="must run as leo_owner"), acting(admin_url, role) as connection:
        connection.execute(queries.schema())


def test_every_constraint_has_a_name_of_its_own(admin_url: str) -> None:
    text = queries.schema()
    with acting(admin_url, "superuser") as connection:
        found = values(connection, CATALOG["constraints"])
    assert len(found) > 50
    assert [name for name in found if f"CONSTRAINT {name} " not in text] == []


def test_keys_begin_with_the_tenant(admin_url: str) -> None:
    """Primary keys, and both sides of every foreign key."""
    with acting(admin_url, "superuser") as connection:
        strays = values(connection, CATALOG["keys_without_tenant"])
    assert strays == []


@pytest.mark.parametrize(
    ("constraint", "kind"),
    [
        ("channel_kind_known", words.Channel),
        ("decision_action_known", words.Action),
        ("decision_arbiter_known", words.Arbiter),
        ("campaign_run_lane_known", words.Lane),
        ("run_batch_lane_known", words.Lane),
        ("delivery_log_lane_known", words.Lane),
        ("delivery_log_status_known", words.DeliveryStatus),
        ("outcome_type_known", words.OutcomeType),
        ("campaign_run_status_known", words.RunStatus),
        ("campaign_run_kind_known", words.RunKind),
        ("run_batch_status_known", words.BatchStatus),
        ("agent_task_status_known", words.TaskStatus),
        ("campaign_status_known", words.CampaignStatus),
        ("message_template_status_known", words.TemplateStatus),
    ],
)
def test_the_words_of_a_column_are_those_of_the_rules(admin_url: str, constraint: str, kind: type[StrEnum]) -> None:
    with acting(admin_url, "superuser") as connection:
        (definition,) = values(
            connection, "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", constraint
        )
    assert set(re.findall(r"'(\w+)'", definition)) == {word.value for word in kind}


def test_events_live_in_sixteen_hash_partitions(admin_url: str) -> None:
    with acting(admin_url, "superuser") as connection:
        key = values(connection, "SELECT pg_get_partkeydef('marketing_event'::regclass)")
        bounds = values(connection, CATALOG["partition_bounds"])
    assert key == ["HASH (tenant_id, event_id)"]
    assert set(bounds) == {f"FOR VALUES WITH (modulus 16, remainder {n})" for n in range(16)}


def test_one_tenants_events_are_spread_over_the_partitions(admin_url: str, tenant: Tenant) -> None:
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO marketing_event (tenant_id, type) SELECT leo_tenant(), 'x' FROM generate_series(1, 400)"
        )
        counts = values(connection, "SELECT count(*) FROM marketing_event GROUP BY tableoid")
    assert len(counts) == 16


@pytest.mark.parametrize(
    ("table", "definition"),
    [
        ("cdp_profiles", r"USING gin \(attributes jsonb_path_ops\)"),
        ("profile_embedding", r"USING hnsw \(embedding vector_cosine_ops\)"),
        ("segment", r"USING hnsw \(centre vector_cosine_ops\)"),
        ("message_template", r"USING hnsw \(embedding vector_cosine_ops\)"),
    ],
)
def test_what_is_searched_has_its_index(admin_url: str, table: str, definition: str) -> None:
    with acting(admin_url, "superuser") as connection:
        found = values(connection, "SELECT indexdef FROM pg_indexes WHERE tablename = %s", table)
    assert [each for each in found if re.search(definition, each)]


def test_every_foreign_key_to_a_record_that_is_deleted_has_its_index(admin_url: str) -> None:
    """A cascade without one reads the whole child table for each row."""
    with acting(admin_url, "superuser") as connection:
        strays = values(connection, CATALOG["cascades_without_index"])
    assert strays == []


def test_what_changes_says_when(admin_url: str, tenant: Tenant) -> None:
    with acting(admin_url, "superuser") as connection:
        strays = values(connection, CATALOG["unstamped"])
    assert strays == []
    with acting(admin_url, "leo_app", tenant.tenant_id) as connection:
        connection.execute(
            "INSERT INTO cdp_profiles (tenant_id, ext_id, updated_at) VALUES (leo_tenant(), 'a', '2001-01-01')"
        )
        connection.execute(
            "INSERT INTO marketing_event (tenant_id, type, updated_at) VALUES (leo_tenant(), 'x', '2001-01-01')"
        )
        connection.execute("UPDATE cdp_profiles SET name = 'A'")
        connection.execute("UPDATE marketing_event SET source = 'b'")
        for table in ("cdp_profiles", "marketing_event"):
            assert values(connection, f"SELECT updated_at = now() FROM {table}") == [True]  # noqa: S608


async def test_a_profile_belongs_to_a_tenant_that_exists(db: Database) -> None:
    nobody = "00000000-0000-4000-8000-00000000dead"
    with pytest.raises(NotFound):
        async with db.before_tenant() as connection:
            await connection.execute("SELECT set_config('leo.tenant', %s, true)", (nobody,))
            await connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (leo_tenant(), 'a')")
    with pytest.raises(Misconfigured):
        async with db.before_tenant() as connection:
            await connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%s, 'a')", (nobody,))


@pytest.mark.parametrize("role", ["superuser", "replica"])
@pytest.mark.parametrize("tenant_id", ["00000000-0000-4000-8000-00000000dead", None])
def test_not_even_a_superuser_adds_a_profile_without_a_tenant(admin_url: str, role: str, tenant_id: str | None) -> None:
    with pytest.raises(psycopg.errors.IntegrityError), acting(admin_url, role) as connection:
        connection.execute("INSERT INTO cdp_profiles (tenant_id, ext_id) VALUES (%s, 'a')", (tenant_id,))


def test_creating_a_tenant_makes_its_graph_and_dropping_it_takes_both(admin_url: str, tenant: Tenant) -> None:
    graphs = "SELECT count(*) FROM ag_graph WHERE name = %s"
    readers = "SELECT count(*) FROM pg_roles WHERE rolname = leo_reader(%s)"
    with acting(admin_url, "superuser") as connection:
        assert values(connection, graphs, tenant.graph) == [1]
        assert values(connection, readers, tenant.tenant_id) == [1]
        connection.execute("SELECT leo_drop_tenant(%s, 'it is over')", (tenant.tenant_id,))
        assert values(connection, graphs, tenant.graph) == [0]
        assert values(connection, readers, tenant.tenant_id) == [0]
        assert values(connection, "SELECT count(*) FROM tenant WHERE tenant_id = %s", tenant.tenant_id) == [0]


def test_every_graph_numbers_its_labels_alike_and_has_its_indexes(admin_url: str, tenant: Tenant) -> None:
    with acting(admin_url, "superuser") as connection:
        wrong = values(connection, CATALOG["labels_numbered_otherwise"], tenant.graph)
        indexes = values(connection, "SELECT indexdef FROM pg_indexes WHERE schemaname = %s", tenant.graph)
        vertices = connection.execute("SELECT label, id_column FROM graph_element WHERE kind = 'vertex'").fetchall()
        edges = values(connection, "SELECT label FROM graph_element WHERE kind = 'edge'")
    assert wrong == []
    for label, column in vertices:
        assert [each for each in indexes if f'."{label}" ' in each and f'"{column}"' in each], label
    for label in edges:
        for column in ("start_id", "end_id"):
            assert [each for each in indexes if f'."{label}" ' in each and f"({column})" in each], (label, column)
