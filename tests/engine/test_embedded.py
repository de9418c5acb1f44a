"""The embedded servers: started when needed, reused, kept alive, stopped; real processes throughout."""

import json
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis

from engine import embedded
from engine.embedded import postgres
from engine.embedded.home import Home
from engine.processes import track
from rules.errors import Misconfigured
from tests.engine.embedded_places import open_directory, run_python, settings_for

START = """
from engine import embedded
from engine.settings import Settings
embedded.ensure(Settings.load(home=sys.argv[1], database_url=None, admin_database_url=None, redis_url=None))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with open_directory() as path:
        yield path


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def pid_of(home: Path, name: str) -> int:
    return embedded.is_running(settings_for(home))[name].pid


def test_a_fresh_home_gets_both_servers_with_the_extensions(home: Path) -> None:
    servers = embedded.ensure(settings_for(home))
    assert servers.embedded == {"postgres", "redis"}
    with psycopg.connect(servers.admin_database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION age")
        connection.execute("CREATE EXTENSION vector")
        listening = connection.execute("SHOW listen_addresses").fetchone()
        sockets = connection.execute("SHOW unix_socket_directories").fetchone()
        durable = connection.execute(
            "SELECT current_setting('fsync') || current_setting('synchronous_commit')"
        ).fetchone()
    assert (listening, sockets, durable) == (("127.0.0.1",), ("",), ("onon",))
    with Redis.from_url(servers.redis_url) as client:
        assert client.ping()


def test_nobody_gets_in_without_the_password(home: Path) -> None:
    servers = embedded.ensure(settings_for(home))
    wrong = servers.admin_database_url.replace(servers.secrets.admin_password, "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    assert stat.S_IMODE((home / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "redis" / "redis.conf").stat().st_mode) == 0o600
    redis = psutil.Process(pid_of(home, "redis"))
    assert servers.secrets.redis_password not in " ".join(redis.cmdline())
    assert servers.secrets.admin_password not in repr(servers)


def test_what_runs_is_reused(home: Path) -> None:
    first = embedded.ensure(settings_for(home))
    before = embedded.is_running(settings_for(home))
    started = time.monotonic()
    second = embedded.ensure(settings_for(home))
    assert time.monotonic() - started < 0.5
    assert (first, before) == (second, embedded.is_running(settings_for(home)))


def test_only_what_is_needed_is_started(home: Path) -> None:
    embedded.ensure(settings_for(home), database=False)
    assert set(embedded.is_running(settings_for(home))) == {"redis"}


def test_your_own_servers_are_taken_and_nothing_is_started(home: Path) -> None:
    settings = settings_for(home).model_copy(
        update={
            "database_url": SecretStr("postgresql://u:p@db.example/leo"),
            "redis_url": SecretStr("redis://r.example"),
        }
    )
    servers = embedded.ensure(settings)
    assert servers.database_url == servers.admin_database_url == "postgresql://u:p@db.example/leo"
    assert servers.redis_url == "redis://r.example"
    assert not servers.embedded
    assert not embedded.is_running(settings)


def test_stopping_is_clean_and_may_be_repeated(home: Path) -> None:
    embedded.ensure(settings_for(home))
    assert [run.name for run in embedded.stop(settings_for(home))] == ["redis", "postgres"]
    assert embedded.stop(settings_for(home)) == []
    assert "database system is shut down" in (home / "log" / "postgres.log").read_text()
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_servers_outlive_a_killed_parent(home: Path) -> None:
    ended = run_python(START + "import os, signal; os.killpg(0, signal.SIGKILL)", home)
    assert ended.returncode == -signal.SIGKILL
    before = embedded.is_running(settings_for(home))
    assert set(before) == {"postgres", "redis"}
    embedded.ensure(settings_for(home))
    assert embedded.is_running(settings_for(home)) == before


def test_a_killed_server_comes_back_with_what_was_committed(home: Path) -> None:
    servers = embedded.ensure(settings_for(home))
    with psycopg.connect(servers.admin_database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    for name in ("postgres", "redis"):
        run = embedded.is_running(settings_for(home))[name]
        os.kill(run.pid, signal.SIGKILL)
        assert track.wait_ended(run, timeout_s=10)
    servers = embedded.ensure(settings_for(home))
    assert ask(servers.admin_database_url, "SELECT n FROM kept") == 7


def test_a_run_file_whose_pid_now_is_another_process_is_not_believed(home: Path) -> None:
    Home(home).prepare()
    for name in ("postgres", "redis"):
        track.write(home / "run", track.Run(name, os.getpid(), "started another time", 0.0, port=1))
    assert embedded.is_running(settings_for(home)) == {}
    assert embedded.stop(settings_for(home)) == []  # and we are still alive
    track.write(home / "run", track.Run("redis", os.getpid(), "started another time", 0.0, port=1))
    embedded.ensure(settings_for(home))
    assert pid_of(home, "redis") != os.getpid()


def test_a_server_whose_run_file_is_lost_is_found_again(home: Path) -> None:
    embedded.ensure(settings_for(home), redis=False)
    before = pid_of(home, "postgres")
    (home / "run" / "postgres.json").unlink()
    embedded.ensure(settings_for(home), redis=False)
    assert pid_of(home, "postgres") == before


def test_a_port_that_was_taken_meanwhile_is_left_to_its_taker(home: Path) -> None:
    embedded.ensure(settings_for(home))
    ports = {name: run.port for name, run in embedded.is_running(settings_for(home)).items()}
    embedded.stop(settings_for(home))
    takers = [socket.create_server(("127.0.0.1", port or 0)) for port in ports.values()]
    try:
        servers = embedded.ensure(settings_for(home))
    finally:
        for taker in takers:
            taker.close()
    assert all(f":{port}/" not in servers.database_url + servers.redis_url for port in ports.values())
    assert ask(servers.admin_database_url, "SELECT 1") == 1
    embedded.stop(settings_for(home))
    assert embedded.ensure(settings_for(home)).database_url == servers.database_url  # the new one is kept


def test_two_checkouts_live_side_by_side() -> None:
    with open_directory() as one, open_directory("path with spaces, 'quotes' and $x \"y\"") as two:
        first, second = (embedded.ensure(settings_for(home)) for home in (one, two))
        where = [ask(servers.admin_database_url, "SHOW data_directory") for servers in (first, second)]
        assert where == [str(home / "postgres" / "data") for home in (one, two)]
        with Redis.from_url(first.redis_url) as left, Redis.from_url(second.redis_url) as right:
            left.set("mine", 1)
            assert right.get("mine") is None
        embedded.stop(settings_for(one))
        assert ask(second.admin_database_url, "SELECT 1") == 1


def test_commands_that_start_at_once_share_one_server(home: Path) -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(run_python(START, home).returncode)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [0, 0, 0, 0]
    data = str(home / "postgres" / "data")
    servers = [p for p in psutil.process_iter(["cmdline"]) if data in (p.info["cmdline"] or [])]
    assert len(servers) == 1


def test_an_interrupted_set_up_leaves_nothing_half_made(home: Path) -> None:
    """The cluster appears by one rename: without it the next start begins anew."""
    embedded.ensure(settings_for(home), redis=False)
    embedded.stop(settings_for(home))
    data = home / "postgres" / "data"
    data.rename(home / "postgres" / "initdb.died")
    servers = embedded.ensure(settings_for(home), redis=False)
    assert ask(servers.admin_database_url, "SELECT 1") == 1


def test_lost_secrets_are_told_in_one_sentence(home: Path) -> None:
    embedded.ensure(settings_for(home), redis=False)
    (home / "secrets.json").unlink()
    with pytest.raises(Misconfigured, match="has another password than") as caught:
        embedded.ensure(settings_for(home), redis=False)
    assert "secrets.json" in caught.value.message
    (home / "secrets.json").write_text("{")
    with pytest.raises(Misconfigured, match="cannot be read"):
        embedded.ensure(settings_for(home))


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="cannot be used") as caught:
        embedded.ensure(settings_for(tmp_path / "file" / "home"))
    assert "LEO_HOME" in caught.value.remedy


def test_secrets_that_are_set_come_before_those_generated(home: Path) -> None:
    generated = embedded.load_secrets(settings_for(home))
    chosen = embedded.load_secrets(settings_for(home).model_copy(update={"platform_key": SecretStr("mine")}))
    assert chosen.platform_key == "mine"
    assert chosen.webhook_secret == generated.webhook_secret
    assert set(json.loads((home / "secrets.json").read_text())) == set(generated.__dataclass_fields__)


def test_erase_leaves_nothing(home: Path) -> None:
    embedded.ensure(settings_for(home))
    embedded.erase(settings_for(home))
    assert not home.exists()
    assert postgres.running(Home(home)) is None
