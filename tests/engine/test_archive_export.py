"""Files of the archive: anybody can read them, they are what was sealed, and whatever was changed in them is named."""

import asyncio
import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from engine import archive
from engine.archive import Manifest, Period
from engine.archive.line import COLUMNS, Line, split_row
from engine.archive.manifest import DECISIONS, DELIVERIES, LEDGER
from engine.audit import Signer
from engine.backup.manifest import describe_file
from engine.cli import run
from engine.db import Database
from engine.privacy import erase_profile
from rules.errors import InvalidInput
from tests.conftest import Tenant
from tests.engine.acting import acting, values
from tests.engine.aged import AGO, again, aged, archived, asked
from tests.engine.ledger import SIGNER, forge, sealed
from tests.engine.world import World

Change = Callable[[list[dict[str, str]]], object]
NASTY = r"""'{"n": [1.10, 1e3, -0.00, 12345678901234567890.5], "s": "é \u0001 \\ \" , ( ) 😀 \/", "e": {}, "a": []}'"""


async def exported(
    world: World, directory: Path, *, since: datetime | None = None, until: datetime | None = None
) -> Manifest:
    return await archive.export(
        world.db,
        directory,
        tenant_id=world.tenant.tenant_id,
        slug=world.tenant.slug,
        period=Period(since, until or datetime.now(UTC)),
        signer=SIGNER,
    )


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def texts(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(file)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def checked(directory: Path) -> archive.Checked:
    return archive.check(directory, public_key=SIGNER.public_key)


def rewritten(directory: Path, name: str, change: Change) -> None:
    """Change lines of a file as somebody does who can sign the manifest too."""
    with gzip.open(directory / name, "rt", encoding="utf-8") as file:
        lines = [dict(Line.read(text).written) for text in file]
    change(lines)
    with gzip.open(directory / name, "wt", encoding="utf-8", newline="\n") as file:
        file.writelines("{" + ",".join(f'"{field}":{value}' for field, value in line.items()) + "}\n" for line in lines)
    resigned(directory)


def resigned(directory: Path) -> None:
    document = json.loads((directory / "manifest.json").read_text())
    for extra in ("format", "signature", "public_key"):
        document.pop(extra)
    files = {name: describe_file(directory / name) | {"lines": 0} for name in document["files"]}
    Manifest(**{**document, "files": files}).write(directory, SIGNER)


async def test_what_was_archived_is_read_without_us(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await archived(world)
    written = await exported(world, tmp_path / "2025")
    (stored, *_) = await world.rows("SELECT * FROM archive_decision ORDER BY decision_id")
    decisions, deliveries = read(tmp_path / "2025" / DECISIONS), read(tmp_path / "2025" / DELIVERIES)
    assert [one["person"] for one in decisions] == ["kh-1", "kh-2", "kh-3", "kh-4"]
    for name in ("decision_id", "reason", "candidates", "inputs", "arbitration"):
        assert decisions[0][name] == stored[name]
    assert [one["decision_id"] for one in deliveries] == [one["decision_id"] for one in decisions]
    assert [(one["status"], len(one["tries"])) for one in deliveries] == [("sent", 4)] * 4
    assert (written.decisions, written.deliveries, written.erased) == (4, 4, 0)
    found = checked(tmp_path / "2025")
    assert (found.finding, found.decisions, found.deliveries, len(found.people)) == (None, 4, 4, 4)
    assert (tmp_path / "2025").stat().st_mode & 0o777 == 0o700
    assert {(tmp_path / "2025" / name).stat().st_mode & 0o777 for name in names(tmp_path / "2025")} == {0o600}
    assert names(tmp_path) == ["2025"]


async def test_many_parts_and_batches_are_one_export(
    db: Database, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporting = import_module("engine.archive.export")
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    monkeypatch.setattr(exporting, "_BATCHES", 2)
    world = await aged(db, tenant, people=9, is_sealed=False)
    await sealed(world, most=4)
    await archived(world)
    (campaign,) = await world.rows("SELECT campaign_id FROM campaign")
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles")]
    await again(world, campaign["campaign_id"], ids)
    assert await sealed(world, most=4) + await sealed(world, most=4) == 27
    written = await exported(world, tmp_path / "all")
    assert (written.decisions, written.deliveries) == (9, 9)
    assert checked(tmp_path / "all").finding is None
    batches = read(tmp_path / "all" / LEDGER)
    assert len(batches) == 14
    assert "leaves" in batches[0]
    assert "leaves" not in batches[-1]


async def test_a_period_is_cut_at_its_days(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    (campaign,) = await world.rows("SELECT campaign_id FROM campaign")
    ids = [row["profile_id"] for row in await world.rows("SELECT profile_id FROM cdp_profiles")]
    await again(world, campaign["campaign_id"], ids[:3], ago=timedelta(days=450))
    assert await sealed(world) + await sealed(world) == 9
    await archived(world)
    border = datetime.now(UTC) - timedelta(days=475)
    assert (await exported(world, tmp_path / "old", until=border)).decisions == 4
    assert (await exported(world, tmp_path / "new", since=border)).decisions == 3
    assert (await exported(world, tmp_path / "none", until=datetime.now(UTC) - AGO - timedelta(1))).decisions == 0
    assert [checked(tmp_path / name).finding for name in ("old", "new", "none")] == [None] * 3


async def test_another_tenant_gives_nothing_of_it(
    db: Database, tenant: Tenant, other_tenant: Tenant, tmp_path: Path
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    assert (await exported(World(db, other_tenant), tmp_path / "theirs")).decisions == 0


async def test_documents_are_held_to_their_last_character(
    db: Database, tenant: Tenant, admin_url: str, tmp_path: Path
) -> None:
    world = await aged(db, tenant, is_sealed=False)
    forge(
        admin_url,
        tenant,
        "decision",
        f"UPDATE decision SET inputs = inputs || {NASTY}, trigger_key = 'a \"b\\\\' || decision_id",  # noqa: S608
    )
    await sealed(world)
    await archived(world)
    await exported(world, tmp_path / "x")
    assert checked(tmp_path / "x").finding is None
    with gzip.open(tmp_path / "x" / DECISIONS, "rt", encoding="utf-8") as file:
        line = Line.read(file.readline().replace("1.10", "1.1"))
    assert line.strays("decision") == "inputs"


@pytest.mark.parametrize("kind", ["decision", "delivery"])
async def test_each_sealed_field_is_held(db: Database, tenant: Tenant, tmp_path: Path, kind: str) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    with gzip.open(
        tmp_path / "x" / {"decision": DECISIONS, "delivery": DELIVERIES}[kind], "rt", encoding="utf-8"
    ) as file:
        text = file.readline()
    written = Line.read(text).written
    for column in COLUMNS[f"{kind} 1"]:
        changed = text.replace(f'"{column}":{written[column]}', f'"{column}":"2001-01-01T00:00:00+00:00"', 1)
        assert Line.read(changed).strays(kind) == column
    assert Line.read(text.replace('"sealed":"(', '"sealed":"((', 1)).strays(kind) == "leaf"


FORGERIES: dict[str, tuple[str, Change, str]] = {
    "a decision is gone": (DECISIONS, lambda lines: lines.pop(), "manifest counts"),
    "a delivery is there twice": (DELIVERIES, lambda lines: lines.append(lines[0]), "there twice"),
    "a decision is another's": (DECISIONS, lambda lines: lines[0].update(decision_id="1"), "not in the ledger"),
    "a text was changed": (DELIVERIES, lambda lines: lines[0].update(address='"x@x.example"'), "address differs"),
    "a leaf was changed": (DELIVERIES, lambda lines: lines[0].update(leaf='"00"'), "not what was sealed"),
    "it is of another tenant": (DECISIONS, lambda lines: lines[0].update(tenant_id='"x"'), "another tenant"),
    "a field is missing": (DECISIONS, lambda lines: lines[0].pop("reason"), "cannot be read"),
    "a batch is gone": (LEDGER, lambda lines: lines.pop(), "does not lead to"),
    "a batch was changed": (LEDGER, lambda lines: lines[0].update(root=f'"{"00" * 32}"'), "does not follow"),
    "a batch has other leaves": (LEDGER, lambda lines: lines[0].update(leaves='["00"]'), "not that of its leaves"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_whoever_can_sign_still_cannot_change_what_was_sealed(
    db: Database, tenant: Tenant, tmp_path: Path, forgery: str
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    name, change, said = FORGERIES[forgery]
    rewritten(tmp_path / "x", name, change)
    finding = checked(tmp_path / "x").finding
    assert finding is not None
    assert said in finding


async def test_what_is_not_sealed_is_held_by_the_signature(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    before = (tmp_path / "x" / "manifest.json").read_text()
    rewritten(tmp_path / "x", DELIVERIES, lambda lines: lines[0].update(status="failed"))
    (tmp_path / "x" / "manifest.json").write_text(before)
    assert "its hash or size differs" in (checked(tmp_path / "x").finding or "")
    (tmp_path / "x" / "manifest.json").write_text(before.replace('"decisions": 4', '"decisions": 3'))
    with pytest.raises(InvalidInput, match="not signed with this key"):
        checked(tmp_path / "x")
    with pytest.raises(InvalidInput, match="not signed with this key"):
        archive.check(tmp_path / "x", public_key=Signer("B" * 43 + "=").public_key)


async def test_files_that_broke_are_told(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    whole = (tmp_path / "x" / DECISIONS).read_bytes()
    (tmp_path / "x" / DECISIONS).write_bytes(whole[: len(whole) // 2])
    resigned(tmp_path / "x")
    assert "cannot be read" in (checked(tmp_path / "x").finding or "")
    (tmp_path / "x" / DECISIONS).unlink()
    assert "cannot be read" in (checked(tmp_path / "x").finding or "")
    with pytest.raises(InvalidInput, match="holds no whole export"):
        checked(tmp_path)


async def test_nothing_is_written_over_and_nothing_half_is_left(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await archived(world)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine").write_text("kept")
    with pytest.raises(InvalidInput, match="is not empty"):
        await exported(world, tmp_path / "x")
    with pytest.raises(InvalidInput, match="cannot be written"):
        await exported(world, tmp_path / "x" / "mine" / "y")
    # It is at its first question then.
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(exported(world, tmp_path / "y"), 0.001)
    assert names(tmp_path) == ["x"]


async def test_who_was_erased_is_not_in_it_or_is_named(db: Database, tenant: Tenant, tmp_path: Path) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "before")
    person = await world.one("SELECT profile_id FROM cdp_profiles WHERE ext_id = 'kh-2'")
    await asked(world, erase_profile, ext_id="kh-2", reason="asked", by="test")
    found = checked(tmp_path / "before")
    compared = await asked(world, archive.compare, checked=found)
    assert (found.erased, compared.is_same, list(compared.erased_since)) == (0, True, [person])
    await exported(world, tmp_path / "after")
    found = checked(tmp_path / "after")
    compared = await asked(world, archive.compare, checked=found)
    assert (found.finding, found.erased, compared.is_same, list(compared.erased_since)) == (None, 2, True, [])
    assert "kh-2" not in gzip.decompress((tmp_path / "after" / DECISIONS).read_bytes()).decode()


async def test_erased_people_are_taken_out_of_what_was_exported_and_it_stays_whole(
    db: Database, tenant: Tenant, tmp_path: Path
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    before, after = tmp_path / "before", tmp_path / "after"
    until = datetime.now(UTC)
    await exported(world, before, until=until)
    others = {name: [one for one in texts(before / name) if '"kh-2' not in one] for name in (DECISIONS,)}
    await asked(world, erase_profile, ext_id="kh-2", reason="asked", by="test")
    found = checked(before)
    compared = await asked(world, archive.compare, checked=found)
    assert archive.erase(before, found, people=compared.erased_since, signer=SIGNER) == 2
    found = checked(before)
    compared = await asked(world, archive.compare, checked=found)
    assert (found.finding, found.erased, compared.is_same, list(compared.erased_since)) == (None, 2, True, [])
    for name in (DECISIONS, DELIVERIES):
        text = "".join(texts(before / name))
        assert "kh-2" not in text
        assert text.count('"erased":true') == 1
    assert [one for one in texts(before / DECISIONS) if '"erased":true' not in one] == others[DECISIONS]
    # What is left is what a new export says of them, but for the text that no leaf is made of any more, and when.
    await exported(world, after, until=until)
    for name in (DECISIONS, DELIVERIES):
        for one, other in zip(read(before / name), read(after / name), strict=True):
            assert {field for field in one if one[field] != other[field]} <= {"sealed", "updated_at"}
    assert (before / LEDGER).read_bytes() == (after / LEDGER).read_bytes()
    assert before.stat().st_mode & 0o777 == 0o700
    assert names(tmp_path) == ["after", "before"]


async def test_taking_people_out_touches_nothing_that_is_no_export(
    db: Database, tenant: Tenant, tmp_path: Path
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    found = checked(tmp_path / "x")
    (tmp_path / "x" / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="holds more than an export"):
        archive.erase(tmp_path / "x", found, people=found.people, signer=SIGNER)
    (tmp_path / "x" / "notes.txt").unlink()
    (tmp_path / "x" / DELIVERIES).write_bytes(b"no gzip")
    with pytest.raises(InvalidInput, match="deliveries"):
        archive.erase(tmp_path / "x", found, people=found.people, signer=SIGNER)
    assert checked(tmp_path / "x").finding is not None
    assert names(tmp_path) == ["x"]


async def test_files_of_another_ledger_are_told(
    db: Database, tenant: Tenant, other_tenant: Tenant, tmp_path: Path
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    await exported(world, tmp_path / "x")
    compared = await asked(World(db, other_tenant), archive.compare, checked=checked(tmp_path / "x"))
    assert not compared.is_same


def test_a_row_is_split_as_postgresql_writes_it(admin_url: str) -> None:
    fields = ["", " ", "a", 'say "x"', "back\\slash", "a,b", "(", ")", "\n", "é😀", "\\x00", "NULL", '"', '""', "\\\\"]
    with acting(admin_url, "superuser") as connection:
        row = ", ".join(["%s::text"] * len(fields))
        (text,) = values(connection, f"SELECT ROW({row}, NULL, 7)::text", *fields)
    assert split_row(text) == [*fields, None, "7"]
    for bad in ("", "()x", "(a", "(a)b)", '("a)', "(a b(c)"):
        with pytest.raises(ValueError, match="no row"):
            split_row(bad)


@pytest.mark.usefixtures("leo")
async def test_the_commands_export_and_check(
    db: Database, tenant: Tenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = await aged(db, tenant)
    await archived(world)
    directory = tmp_path / "until-2026"

    async def leo(*words: str) -> tuple[int, str]:
        ended = await asyncio.to_thread(run, [*words])
        return ended, capsys.readouterr().out

    ended, shown = await leo("archive", "export", str(directory), "--tenant", tenant.slug)
    assert ended == 0
    assert "4 decisions, 4 deliveries" in shown
    ended, shown = await leo("archive", "check", str(directory), "--here")
    assert (ended, shown.split(",")[0]) == (0, "whole: 4 decisions")
    await asked(world, erase_profile, ext_id="kh-1", reason="asked", by="test")
    assert "1 people in it were erased since" in (await leo("archive", "check", str(directory), "--here"))[1]
    ended, shown = await leo("archive", "erase", str(directory))
    assert (ended, shown) == (0, f"{directory}: 1 people, 2 records emptied\n")
    assert "since" not in (await leo("archive", "check", str(directory), "--here"))[1]
    ended, shown = await leo("profile", "erase", "kh-3", "--reason", "asked", "--yes", "--tenant", tenant.slug)
    assert (ended, "leo archive erase" in shown) == (0, True)
    (directory / DELIVERIES).write_bytes(b"")
    ended, shown = await leo("archive", "check", str(directory), "--json")
    assert (ended, json.loads(shown)["is_whole"]) == (1, False)
    assert DELIVERIES in json.loads(shown)["finding"]
    ended, shown = await leo("archive", "erase", str(directory), "--json")
    assert (ended, json.loads(shown)[0]["records"]) == (1, 0)
