"""`leo sources` and `leo sync`: what they say, and in how many sentences."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from engine.db import Database
from engine.settings import Settings
from tests.channels.sandbox_process import ROOT
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, keys
from tests.engine.worker_process import until


class Leo:
    """The command in a process of its own, for one tenant."""

    def __init__(self, settings: Settings, tenant: Tenant) -> None:
        self.environment = {"PATH": os.defpath, "ARANGO_PASSWORD": "s3cret", **settings.environment()}
        self.tenant = tenant

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from engine.cli import main; main()", *words, "--tenant", self.tenant.slug),
            cwd=ROOT,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def __call__(self, *words: str) -> tuple[int | None, str, str]:
        process = await self.start(*words)
        async with asyncio.timeout(60):
            out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    async def add(self, cdp: Cdp, *more: str) -> tuple[int | None, str, str]:
        where = ("--url", cdp.sandbox.base_url, "--database", cdp.database)
        return await self("sources", "add", "arango", "--key", "cdp", *where, *more)


@pytest.fixture
def leo(settings: Settings, tenant: Tenant) -> Leo:
    return Leo(settings, tenant)


async def test_a_source_is_added_checked_synced_and_removed(leo: Leo, cdp: Cdp) -> None:
    await cdp.make(30)
    code, out, _ = await leo.add(cdp)
    assert (code, out) == (0, "The source cdp is connected; it is read every 300 s. Now: leo sync --source cdp\n")
    assert (await leo("sources", "check", "cdp"))[1].startswith("cdp answers: there are people, ")
    code, out, _ = await leo("sync", "--source", "cdp", "--json")
    counts = json.loads(out)["cdp"]
    assert (code, counts["read"], counts["new"]) == (0, 30, 30)
    assert "Nothing is new there. Workers read cdp every 300 s" in (await leo("sync"))[1]
    code, out, _ = await leo("sync", "--full")
    assert code == 0
    assert "people a second" in out
    assert "cdp" in (await leo("sources", "list"))[1]
    assert (await leo("sources", "pause", "cdp"))[0] == 0
    code, _, err = await leo("sync")
    assert code == 1
    assert "has no connected source" in err
    assert (await leo("sources", "resume", "cdp"))[0] == 0
    assert (await leo("sources", "remove", "cdp"))[0] == 0
    assert "There is no source 'cdp'" in (await leo("sync", "--source", "cdp"))[2]


async def test_a_source_that_cannot_be_read_is_one_sentence_and_is_not_added(
    leo: Leo, cdp: Cdp, tmp_path: Path
) -> None:
    await cdp.make(3)
    wrong = tmp_path / "password"
    wrong.write_text("guess\n")
    code, _, err = await leo.add(cdp, "--password-file", str(wrong))
    first, second = err.splitlines()
    assert code == 2
    assert "refuses the user 'root' with this password" in first
    assert second.strip()
    assert "guess" not in err
    assert "There is no source" in (await leo("sources", "check", "cdp"))[2]


async def test_who_adds_a_source_that_does_not_answer_is_told_at_once(leo: Leo) -> None:
    where = ("--url", "http://127.0.0.1:1", "--database", "x")
    code, _, err = await leo("sources", "add", "arango", "--key", "cdp", *where)
    assert code == 1
    first, second = err.splitlines()
    assert first == "leo: ArangoDB at http://127.0.0.1:1/_db/x cannot be reached."
    assert "the URL" in second


@pytest.mark.parametrize("url", ["ftp://arango.example", "arango.example:8529", "http://leo:hush@arango.example"])
async def test_a_url_that_is_none_or_holds_a_password_is_refused(leo: Leo, url: str) -> None:
    code, _, err = await leo("sources", "add", "arango", "--key", "cdp", "--url", url, "--database", "x")
    assert code == 2
    assert "http:// or https://" in err
    assert "hush" not in err


async def test_a_map_of_ones_own_is_taken_and_a_wrong_one_refused(leo: Leo, cdp: Cdp, tmp_path: Path) -> None:
    await cdp.make(3)
    changes = tmp_path / "ours.toml"
    changes.write_text('[attributes]\nTier = "x"\n')
    code, _, err = await leo.add(cdp, "--map", str(changes))
    assert code == 2
    assert "attributes.Tier has to be named in snake_case" in err
    changes.write_text('[attributes]\nfirst_name = "firstName"\n')
    assert (await leo.add(cdp, "--map", str(changes)))[0] == 0


async def test_ctrl_c_ends_it_after_a_page_and_the_next_goes_on(leo: Leo, cdp: Cdp, db: Database) -> None:
    await cdp.make(600)
    assert (await leo.add(cdp, "--set", "page=2"))[0] == 0
    process = await leo.start("sync", "--json")

    async def has_begun() -> bool:
        return bool(await keys(db, leo.tenant))

    await until(has_begun)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    first = json.loads(out)["cdp"]
    second = json.loads((await leo("sync", "--json"))[1])["cdp"]
    assert process.returncode == 130
    assert "Traceback" not in err.decode()
    assert 0 < first["new"] < 600
    assert first["new"] + second["new"] == 600
