"""`leo doctor`: each thing that can be wrong is one sentence with one remedy, whatever state the servers are in."""

import copy
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from engine import embedded
from engine.bootstrap import expected_schema, set_up
from engine.doctor import examine
from engine.doctor.judge import Finding, State, is_well, judge
from engine.settings import Settings
from tests.engine.embedded_places import open_directory, settings_for

ROLE = {"login": True, "superuser": False, "bypassrls": False, "settings": ["session_preload_libraries=age"]}
GOOD: dict[str, Any] = {
    "version": "18.6",
    "version_num": 180006,
    "database": "leo",
    "encoding": "UTF8",
    "login": "leo_app",
    "is_superuser": False,
    "available": {"age": "1.7.0", "vector": "0.8.1", "pgcrypto": "1.4"},
    "installed": {"age": "1.7.0", "vector": "0.8.1", "pgcrypto": "1.4"},
    "roles": {"leo_owner": ROLE, "leo_app": ROLE, "leo_router": {**ROLE, "settings": None}},
    "database_settings": None,
    "login_settings": ["session_preload_libraries=age"],
    "is_age_loaded": True,
    "leakproof": {"jsonb_contains(jsonb,jsonb)": True},
    "has_schema": True,
    "schema_version": 1,
}


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with open_directory() as path:
        yield path


def wrong(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state is State.WRONG]


def test_a_good_server_has_nothing_wrong() -> None:
    findings = judge(GOOD, expected=1)
    assert {finding.state for finding in findings} == {State.OK}
    assert is_well(findings)


@pytest.mark.parametrize(
    ("change", "text", "remedy"),
    [
        ({"version": "15.4", "version_num": 150004}, "PostgreSQL 15.4", "PostgreSQL 16 or later"),
        ({"encoding": "SQL_ASCII"}, "encoded in SQL_ASCII", "UTF8"),
        ({"installed": {"vector": "0.8.1"}}, "not in this database", "leo db bootstrap"),
        ({"installed": {"age": "1.7.0"}, "available": {"age": "1.7.0"}}, "does not offer pgvector", "Install pgvector"),
        ({"installed": None, "available": None}, "does not offer Apache AGE", "Install Apache AGE"),
        ({"roles": {"leo_app": ROLE}}, "leo_owner, leo_router", "leo db bootstrap"),
        ({"roles": None}, "leo_owner, leo_app, leo_router", "leo db bootstrap"),
        (
            {"roles": {**GOOD["roles"], "leo_app": {**ROLE, "bypassrls": True}}},
            "leo_app has bypassrls",
            "ALTER ROLE leo_app",
        ),
        (
            {"roles": {**GOOD["roles"], "leo_owner": {**ROLE, "settings": ["search_path=age"]}}},
            "leo_owner do not preload",
            "leo db bootstrap",
        ),
        (
            {"login": "marketing", "login_settings": None, "is_age_loaded": False},
            "Sessions of marketing do not preload",
            "ALTER ROLE marketing",
        ),
        ({"schema_version": None}, "has not been applied", "leo db upgrade"),
        ({"schema_version": 0}, "version 0, this release needs 1", "leo db upgrade"),
        ({"schema_version": 2}, "newer than", "Update LEO Activation"),
    ],
)
def test_each_thing_that_is_wrong_is_told_once_with_its_remedy(change: dict[str, Any], text: str, remedy: str) -> None:
    found = wrong(judge(copy.deepcopy(GOOD) | change, expected=1))
    told = [finding for finding in found if text in finding.text]
    assert len(told) == 1
    assert remedy in told[0].remedy
    assert all(finding.remedy for finding in found)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"installed": {"age": "1.5.0", "vector": "0.8.1"}}, "row security does not reach into Cypher"),
        ({"installed": {"age": "1.7.0", "vector": "0.8.1"}}, "pgcrypto is not there; nothing needs it"),
        ({"is_superuser": True, "login": "postgres"}, "logs in as the superuser postgres"),
        ({"leakproof": {"jsonb_contains(jsonb,jsonb)": False}}, "Not marked LEAKPROOF: jsonb_contains(jsonb,jsonb)"),
    ],
)
def test_what_works_with_a_consequence_is_a_note(change: dict[str, Any], text: str) -> None:
    findings = judge(copy.deepcopy(GOOD) | change, expected=1)
    assert is_well(findings)
    assert any(finding.state is State.NOTE and text in finding.text for finding in findings)


def test_a_library_preloaded_for_the_database_serves_every_role() -> None:
    change = {"database_settings": ['session_preload_libraries="$libdir/plugins/age", x'], "is_age_loaded": False}
    roles = {name: {**role, "settings": None} for name, role in GOOD["roles"].items()}
    assert is_well(judge(GOOD | change | {"roles": roles, "login_settings": None}, expected=1))


def test_the_release_knows_its_schema_version() -> None:
    assert expected_schema() is not None


def test_a_machine_where_nothing_runs_is_well_and_nothing_is_started(tmp_path: Path) -> None:
    findings = examine(settings_for(tmp_path / "home"))
    assert not wrong(findings)
    assert sum("not running now" in finding.text for finding in findings) == 2
    assert not (tmp_path / "home").exists()


def test_running_servers_before_and_after_the_set_up(home: Path) -> None:
    settings = settings_for(home)
    servers = embedded.ensure(settings)
    before = wrong(examine(settings))
    assert any("leo_app cannot log in" in finding.text for finding in before)
    assert any("schema.sql has not been applied" in finding.text for finding in before)
    set_up(servers.admin_database_url, app_url=servers.database_url)
    findings = examine(settings)
    assert not wrong(findings)
    told = " ".join(finding.text for finding in findings)
    for said in ("as leo_app", "Apache AGE 1.", "pgvector 0.", "leo_router exist", "Redis "):
        assert said in told
    assert servers.secrets.app_password not in told


def test_a_database_of_your_own_is_asked_as_the_login_you_gave(home: Path) -> None:
    servers = embedded.ensure(settings_for(home))
    set_up(servers.admin_database_url, app_url=servers.database_url)
    own = settings_for(home).model_copy(update={"database_url": SecretStr(servers.admin_database_url)})
    assert any("logs in as the superuser leo_admin" in finding.text for finding in examine(own))
    with psycopg.connect(servers.admin_database_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bare")
    bare = servers.admin_database_url.removesuffix("/leo") + "/bare"
    found = wrong(examine(own.model_copy(update={"database_url": SecretStr(bare)})))
    assert {finding.area for finding in found} >= {"extensions", "schema"}


def test_a_server_that_hangs_or_refuses_is_told_within_the_time_limit(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = Settings.load(
            home=home,
            database_url=f"postgresql://leo_app:hush@127.0.0.1:{port}/leo",
            redis_url="redis://:hush@127.0.0.1:1/0",
            database_connect_timeout_s=2,
        )
        found = wrong(examine(settings))
    assert [finding.area for finding in found] == ["postgresql", "redis"]
    assert "LEO_DATABASE_URL" in found[0].remedy
    assert "LEO_REDIS_URL" in found[1].remedy
    assert "hush" not in str(found)


def test_a_frozen_embedded_server_is_told(home: Path) -> None:
    settings = settings_for(home).model_copy(update={"database_connect_timeout_s": 2.0})
    embedded.ensure(settings)
    pid = embedded.is_running(settings)["postgres"].pid
    os.kill(pid, signal.SIGSTOP)
    try:
        found = wrong(examine(settings))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert any("does not answer" in finding.text for finding in found)


def test_a_port_you_set_that_is_in_use_is_wrong(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        settings = settings_for(tmp_path).model_copy(update={"api_port": taker.getsockname()[1]})
        found = wrong(examine(settings))
    assert [finding.area for finding in found] == ["ports"]
    assert "LEO_API_PORT" in found[0].remedy


def test_a_misspelt_variable_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEO_DATABSE_URL", "postgresql://x")
    found = wrong(examine(settings_for(tmp_path)))
    assert "did you mean LEO_DATABASE_URL?" in found[0].text
