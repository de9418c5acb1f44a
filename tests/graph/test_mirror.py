"""The graph equals the tables after whatever anybody writes, or the write is refused."""

import itertools
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from tests.graph.writes import WRITES, Connection

# Whoever writes; the last two have set no tenant.
WRITERS = ("leo_app", "leo_owner", "superuser", "replica")
FIRST = (
    "insert_profiles_where_new",
    "save_segments",
    "save_targets",
    "save_campaigns",
    "insert_events",
    "join_segments",
    "relate",
    "connect_channels",
    "save_templates",
    "think",
    "run_campaigns",
    "decide",
    "deliver",
    "record_outcomes",
    "freeze_segments",
)
# A refusal a person can act on; anything else (an internal error, a syntax error) is a fault of ours.
REFUSALS = (
    errors.IntegrityError,
    errors.DataError,
    errors.InsufficientPrivilege,
    errors.FeatureNotSupported,  # COPY under row security
    errors.RaiseException,
)


@dataclass(frozen=True)
class Work:
    """One transaction: who writes what for which of two tenants, and whether it is kept."""

    writer: str
    tenant: int
    writes: tuple[tuple[str, int, int, bool], ...]
    is_kept: bool


numbers = st.integers(0, 5)
works = st.builds(
    Work,
    writer=st.sampled_from(WRITERS),
    tenant=st.integers(0, 1),
    writes=st.lists(
        st.tuples(st.sampled_from(sorted(WRITES)), numbers, numbers, st.sampled_from((False, False, False, True))),
        min_size=1,
        max_size=4,
    ).map(tuple),
    is_kept=st.sampled_from((True, True, True, False)),
)
# Enough rows for the later ones to bite on.
beginnings = st.lists(st.sampled_from(WRITERS), min_size=1, max_size=1).map(
    lambda writers: [
        Work(writers[0], tenant, tuple((name, 3, tenant, False) for name in FIRST), True) for tenant in (0, 1)
    ]
)
stories = st.builds(lambda beginning, rest: [*beginning, *rest], beginnings, st.lists(works, min_size=1, max_size=6))


def new_tenants(connection: Connection) -> tuple[UUID, UUID]:
    made = (uuid4(), uuid4())
    for tenant_id in made:
        connection.execute("SELECT set_config('leo.tenant', %s, false)", (str(tenant_id),))
        connection.execute(
            "INSERT INTO tenant (tenant_id, slug, name) VALUES (%s, %s, 'Mirror')",
            (tenant_id, f"m{secrets.token_hex(5)}"),
        )
    connection.execute("SELECT set_config('leo.tenant', '', false)")
    return made


def become(connection: Connection, writer: str, tenant_id: UUID) -> None:
    connection.execute("RESET ROLE")
    connection.execute(
        "SELECT set_config('session_replication_role', 'origin', true), set_config('leo.tenant', '', true)"
    )
    if writer == "replica":
        connection.execute("SELECT set_config('session_replication_role', 'replica', true)")
    elif writer != "superuser":
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant_id),))
        connection.execute(f"SET LOCAL ROLE {writer}")


def differences(connection: Connection, tenants: Sequence[UUID]) -> list[Any]:
    connection.execute("RESET ROLE")
    found = []
    for tenant_id in tenants:
        connection.execute("SELECT set_config('leo.tenant', %s, true)", (str(tenant_id),))
        rows = connection.execute("SELECT * FROM leo_graph_differences() WHERE missing + extra + different <> 0")
        found += [(tenant_id, *row) for row in rows.fetchall()]
    connection.execute("SELECT set_config('leo.tenant', '', true)")
    return found


class Undone(Exception):  # noqa: N818, RUF100
    pass


@contextmanager
def undone_or_refused(connection: Connection) -> Iterator[None]:
    """A savepoint around what may be refused."""
    try:
        with connection.transaction():
            yield
    except (*REFUSALS, Undone):
        pass
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith("LEO"):
            raise


def do(connection: Connection, work: Work, tenants: Sequence[UUID]) -> None:
    """The writes of one transaction, each under a savepoint, some of which are rolled back."""
    tenant_id = tenants[work.tenant]
    become(connection, work.writer, tenant_id)
    for name, a, b, is_undone in work.writes:
        with undone_or_refused(connection):
            WRITES[name](connection, tenant_id, a, b)
            if is_undone:
                raise Undone
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if not work.is_kept:
        raise Undone


@pytest.fixture(scope="module")
def superuser(admin_url: str) -> Iterator[Connection]:
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute("SET search_path = public, ag_catalog; SET client_min_messages = warning")
        yield connection


@pytest.fixture(scope="module")
def tenants(superuser: Connection) -> tuple[UUID, UUID]:
    return new_tenants(superuser)


def test_a_write_is_mirrored_or_refused(superuser: Connection, tenants: tuple[UUID, UUID]) -> None:
    """Each story runs inside one transaction that is rolled back at its end, so that every one begins empty."""

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(story=stories)
    def check(story: list[Work]) -> None:
        with superuser.transaction(force_rollback=True):
            for work in story:
                with undone_or_refused(superuser):
                    do(superuser, work, tenants)
                assert differences(superuser, tenants) == []

    check()


def test_committed_writes_are_mirrored(superuser: Connection) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(story=stories)
    def check(story: list[Work]) -> None:
        tenants = new_tenants(superuser)
        for work in story:
            with undone_or_refused(superuser):
                do(superuser, work, tenants)
            with superuser.transaction():
                assert differences(superuser, tenants) == []

    check()


def test_a_plan_made_for_one_row_serves_many(superuser: Connection, tenants: tuple[UUID, UUID]) -> None:
    """A session plans once, perhaps for a graph that is still empty: nothing may ever be read through to find a row."""
    read_through = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname LIKE 'leo\\_m%'"
    names = (*FIRST, "upsert_profiles", "weigh_relations", "leave_segments", "unrelate")
    # What other tests read through in this session may not have been told to the server yet.
    with superuser.transaction():
        superuser.execute("SELECT pg_stat_force_next_flush()")
    with superuser.transaction(force_rollback=True):
        for a in (0, 5):
            do(superuser, Work("leo_app", 0, tuple((name, a, 0, False) for name in names), is_kept=True), tenants)
            # What is known to be one page long is read through at once, if that is left open.
            superuser.execute("SELECT leo_analyze()")
        assert superuser.execute(read_through).fetchall() == []
        assert differences(superuser, tenants) == []


# Once the tables are full, each of these is refused to everybody, or to everybody but a session that replicates.
ALWAYS_REFUSED = {
    "move_profile_ids",
    "move_event_ids",
    "move_members_to_another_segment",
    "move_members_to_another_person",
    "move_member_ids",
    "change_snapshots",
    "delete_snapshots",
    "change_decisions",
    "truncate",
}


def test_every_write_but_the_forbidden_ones_takes_effect(superuser: Connection, tenants: tuple[UUID, UUID]) -> None:
    """What is always refused would make the test above say nothing."""
    done = set()
    with superuser.transaction(force_rollback=True):
        for tenant in (0, 1):
            do(
                superuser,
                Work("superuser", tenant, tuple((name, 3, tenant, False) for name in FIRST), is_kept=True),
                tenants,
            )
        for name in WRITES:
            for a in range(6):
                for b in (0, 2, 5):
                    with undone_or_refused(superuser):
                        WRITES[name](superuser, tenants[0], a, b)
                        done.add(name)
                        raise Undone
    assert WRITES.keys() - done == ALWAYS_REFUSED


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", sorted(name for name in WRITES if "move" in name or name == "change_target_kinds"))
def test_no_row_moves_to_another_place_in_the_graph(
    superuser: Connection, tenants: tuple[UUID, UUID], writer: str, name: str
) -> None:
    """A vertex is found by its row's id, so an id never changes, in a session that replicates neither."""
    with superuser.transaction(force_rollback=True):
        do(superuser, Work("superuser", 0, tuple((each, 3, 0, False) for each in FIRST), is_kept=True), tenants)
        for a, b in itertools.product(range(6), range(3)):
            with undone_or_refused(superuser):
                become(superuser, writer, tenants[0])
                WRITES[name](superuser, tenants[0], a, b)
            assert differences(superuser, tenants) == []


def test_a_weight_of_minus_zero_is_zero(superuser: Connection, tenants: tuple[UUID, UUID]) -> None:
    """The two are equal, so that changing one into the other is no change to mirror."""
    with superuser.transaction(force_rollback=True):
        for name, a in (
            ("insert_profiles_where_new", 3),
            ("relate", 0),
            ("weigh_relations", 1),
            ("weigh_relations", 0),
        ):
            WRITES[name](superuser, tenants[0], a, 0)
            assert differences(superuser, tenants) == []


def test_rows_and_graph_are_seen_together_or_not_at_all(superuser: Connection, admin_url: str) -> None:
    """Another session sees neither before the commit, and both after it."""
    (tenant_id, _) = new_tenants(superuser)
    graph = superuser.execute("SELECT graph_name FROM tenant WHERE tenant_id = %s", (tenant_id,)).fetchone()
    assert graph is not None
    count = (
        f'SELECT (SELECT count(*) FROM cdp_profiles WHERE tenant_id = %s), (SELECT count(*) FROM {graph[0]}."Profile")'  # noqa: S608
    )
    with psycopg.connect(admin_url, autocommit=True) as other:
        with superuser.transaction():
            WRITES["insert_profiles"](superuser, tenant_id, 0, 3)
            assert superuser.execute(count, (tenant_id,)).fetchone() == (4, 4)
            assert other.execute(count, (tenant_id,)).fetchone() == (0, 0)
        assert other.execute(count, (tenant_id,)).fetchone() == (4, 4)


def test_the_application_cannot_write_the_graph_itself(superuser: Connection, tenants: tuple[UUID, UUID]) -> None:
    graph = superuser.execute("SELECT graph_name FROM tenant WHERE tenant_id = %s", (tenants[0],)).fetchone()
    assert graph is not None
    for statement in (
        f"SELECT * FROM cypher('{graph[0]}', $$ CREATE (:Profile {{profile_id: 1}}) $$) AS (a agtype)",  # noqa: S608
        f"INSERT INTO {graph[0]}.\"Profile\" (properties) VALUES ('{{}}')",  # noqa: S608
        f'DELETE FROM {graph[0]}."Profile"',  # noqa: S608
        f"SELECT drop_graph('{graph[0]}', true)",
    ):
        with superuser.transaction(force_rollback=True):
            become(superuser, "leo_app", tenants[0])
            with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
                superuser.execute(statement)
