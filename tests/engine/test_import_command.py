"""`leo import`: what it prints, how it ends, and what Ctrl-C leaves."""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.cli import run
from engine.imports.write import CHUNK
from tests.conftest import Tenant
from tests.engine.embedded_places import ROOT
from tests.engine.people_files import MIXED, many

pytestmark = pytest.mark.usefixtures("leo", "db")
LEO = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from engine.cli import main; main()"


async def _leo(*words: Any) -> int:
    """In a thread, because the command runs a loop of its own."""
    return await asyncio.to_thread(run, ["import", *map(str, words)])


def _profiles(url: str, tenant: Tenant) -> int:
    with psycopg.connect(url) as connection:
        counted = "SELECT count(*) FROM cdp_profiles WHERE tenant_id = %s"
        row = connection.execute(counted, (tenant.tenant_id,)).fetchone()
    return row[0] if row else 0


async def test_the_command_tells_what_came_of_a_file(
    tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people, report = tmp_path / "people.csv", tmp_path / "refused.csv"
    people.write_text(MIXED, encoding="utf-8")
    assert await _leo(people, "--tenant", tenant.slug, "--dry-run", "--json") == 0
    foretold = json.loads(capsys.readouterr().out)
    assert foretold["dry_run"] is True
    assert (foretold["read"], foretold["inserted"], foretold["refused"]) == (5, 2, 2)
    assert foretold["invalid_addresses"] == {"There must be something after the @-sign.": 1}

    assert await _leo(people, "--tenant", tenant.slug, "--report", report) == 0
    shown = capsys.readouterr().out
    assert "line 4: In the column 'consent_email'" in shown
    assert "There must be something after the @-sign." in shown
    refused = report.read_text(encoding="utf-8").splitlines()
    assert refused[0] == "line,reason,original"
    assert [one.split(",")[0] for one in refused[1:]] == ["4", "6"]

    assert await _leo(people, "--tenant", tenant.slug, "--strict") == 1


async def test_the_report_never_takes_the_place_of_the_file_that_is_read(tenant: Tenant, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text(MIXED, encoding="utf-8")
    assert await _leo(people, "--tenant", tenant.slug, "--report", tmp_path / "." / "people.csv") != 0
    assert people.read_text(encoding="utf-8") == MIXED


@pytest.mark.parametrize(
    ("name", "columns"), [("none.csv", None), ("people.xlsx", None), ("people.jsonl", "columns.toml")]
)
async def test_a_file_that_cannot_be_used_is_one_sentence_and_a_remedy(
    tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, columns: str | None
) -> None:
    (tmp_path / "people.jsonl").write_text("{}\n", encoding="utf-8")
    (tmp_path / "columns.toml").write_text('"a" = "name"\n', encoding="utf-8")
    options = ["--columns", tmp_path / columns] if columns else []
    assert await _leo(tmp_path / name, "--tenant", tenant.slug, *options) == 2
    assert len(capsys.readouterr().err.strip().splitlines()[-2:]) == 2


def test_ctrl_c_in_the_middle_ends_with_130_and_leaves_whole_chunks(
    tenant: Tenant, admin_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n".join(many(60_000)), encoding="utf-8")
    command = [sys.executable, "-c", LEO, "import", str(path), "--tenant", tenant.slug]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603
        try:
            until = time.monotonic() + 60
            while not _profiles(admin_url, tenant) and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        assert b"Traceback" not in output.read()
    stayed = _profiles(admin_url, tenant)
    assert 0 < stayed < 60_000
    assert stayed % CHUNK == 0
