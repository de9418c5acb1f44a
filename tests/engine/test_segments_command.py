"""`leo segments` and `leo snapshot`: what an operator types from a file with a rule to a verified list."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.cli import run
from engine.db import Database
from engine.profiles import upsert_profiles
from engine.settings import Settings
from tests.conftest import Tenant

RULE = {"all": [{"attribute": "city", "is": "Huế"}]}
QUERYBUILDER = {
    "condition": "AND",
    "rules": [{"id": "livingCity", "field": "livingCity", "type": "string", "operator": "equal", "value": "Huế"}],
}
UNKNOWN = {"id": "livingCity", "field": "livingCity", "type": "string", "operator": "sounds_like", "value": "Huế"}


class Operator:
    """Types commands for a tenant; Mai lives in Huế, Lan in Vinh."""

    def __init__(self, db: Database, tenant: Tenant, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._db = db
        self.tenant = tenant
        self._place = place
        self._capsys = capsys

    async def have(self, **cities: str) -> None:
        people = [{"ext_id": ext_id, "attributes": {"city": city}} for ext_id, city in cities.items()]
        async with self._db.transaction(self.tenant.tenant_id) as conn:
            await upsert_profiles(conn, tenant_id=self.tenant.tenant_id, profiles=people)

    def file(self, document: object) -> str:
        path = self._place / "given.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return str(path)

    async def types(self, *words: str, ends_with: int = 0) -> str:
        """In a thread, because the command runs a loop of its own; gives what it said, spaces as one."""
        code = await asyncio.to_thread(run, (*words, "--tenant", self.tenant.slug))
        said = self._capsys.readouterr()
        assert code == ends_with, said
        return " ".join((said.out + said.err).split())

    async def reads(self, *words: str) -> Any:
        return json.loads(await self.types(*words, "--json"))

    async def saves(self, key: str = "hue", **more: Any) -> None:
        await self.types("segments", "save", self.file({"key": key, "name": "Huế", "rule": RULE, **more}))


@pytest.fixture
async def operator(
    db: Database,
    tenant: Tenant,
    other_tenant: Tenant,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Operator:
    del other_tenant  # a second tenant, so that one has to be named
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    made = Operator(db, tenant, tmp_path, capsys)
    await made.have(mai="Huế", lan="Vinh")
    return made


async def test_a_segment_is_tried_saved_listed_and_shown(operator: Operator) -> None:
    tried = await operator.types("segments", "preview", operator.file(RULE))
    assert "1 people" in tried
    assert "mai" in tried
    assert await operator.reads("segments", "list") == []
    await operator.saves(schedule="0 6 * * *")
    (listed,) = await operator.reads("segments", "list")
    assert (listed["key"], listed["size"], listed["rule"]) == ("hue", 1, RULE)
    assert set(listed["text"]) == {"en", "vi"}
    shown = await operator.types("segments", "show", "hue", "--language", "vi")
    assert listed["text"]["vi"] in shown
    assert "0 6 * * *" in shown


async def test_a_rule_comes_from_standard_input(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"querybuilder": QUERYBUILDER})))
    assert (await operator.reads("segments", "preview", "-"))["count"] == 1


async def test_a_refresh_and_its_changes_are_told(operator: Operator) -> None:
    await operator.saves()
    await operator.have(mai="Vinh", lan="Huế")
    assert "1 joined, 1 left; 1 are in it now" in await operator.types("segments", "refresh", "hue")
    moved = await operator.reads("segments", "changes", "hue", "--limit", "2")
    assert {(one["ext_id"], one["change"]) for one in moved} == {("mai", "left"), ("lan", "joined")}
    assert "joined" in await operator.types("segments", "changes", "hue")


async def test_it_is_explained_why_somebody_is_not_in_a_segment(operator: Operator) -> None:
    await operator.saves()
    said = await operator.types("segments", "explain", "hue", "lan")
    assert "no member" in said
    assert 'no city is "Huế": found "Vinh"' in said
    found = await operator.reads("segments", "explain", "hue", "mai")
    assert (found["holds"], found["explained"]["parts"][0]["holds"]) == (True, True)


async def test_every_version_is_listed_and_an_archived_segment_is_not(operator: Operator) -> None:
    await operator.saves()
    await operator.saves(rule={"all": []})
    assert [one["version"] for one in await operator.reads("segments", "versions", "hue")] == [2, 1]
    assert "Huế" in await operator.types("segments", "versions", "hue")
    await operator.types("segments", "archive", "hue")
    assert await operator.reads("segments", "list") == []


async def test_rules_of_leo_cdp_are_printed_or_saved(operator: Operator) -> None:
    given = operator.file(QUERYBUILDER)
    assert await operator.reads("segments", "import-querybuilder", given) == RULE["all"][0]
    saved = await operator.reads("segments", "import-querybuilder", given, "--key", "cdp")
    assert (saved["key"], saved["name"], saved["size"]) == ("cdp", "cdp", 1)


async def test_what_cannot_be_said_is_refused_or_told_where_that_is_wanted(operator: Operator) -> None:
    given = operator.file({**QUERYBUILDER, "rules": [*QUERYBUILDER["rules"], UNKNOWN]})
    assert "rules[1]" in await operator.types("segments", "import-querybuilder", given, ends_with=2)
    said = await operator.types("segments", "import-querybuilder", given, "--lenient")
    assert "Left out:" in said
    assert "rules[1]" in said


@pytest.mark.parametrize(
    ("command", "document", "said"),
    [
        ("save", {"key": "k", "name": "n", "rule": {"all": [{"attribute": "city"}]}}, "all[0]"),
        ("save", {"key": "k", "name": "n", "rule": RULE, "querybuilder": QUERYBUILDER}, "either"),
        ("save", {"key": "k", "rule": RULE}, "name"),
        ("save", {"key": "k", "name": "n", "rules": RULE}, "'rules'"),
        ("save", {"key": "k", "name": "n", "rule": RULE, "schedule": "soon"}, "soon"),
        ("preview", {"all": [{"attribute": "city"}]}, "all[0]"),
        ("preview", "{", "no JSON"),
        ("preview", "[]", "no object"),
    ],
)
async def test_a_wrong_file_is_refused_with_its_place(
    operator: Operator, command: str, document: object, said: str
) -> None:
    answer = await operator.types("segments", command, operator.file(document), ends_with=2)
    assert said in answer
    assert "Traceback" not in answer
    assert await operator.reads("segments", "list") == []


async def test_a_segment_of_another_tenant_is_not_there(operator: Operator, other_tenant: Tenant) -> None:
    await operator.saves()
    operator.tenant = other_tenant
    for words in (["segments", "show", "hue"], ["segments", "refresh", "hue"], ["snapshot", "create", "hue"]):
        assert "no segment 'hue'" in await operator.types(*words, ends_with=1)


async def test_a_snapshot_is_made_once_listed_verified_and_compared(operator: Operator) -> None:
    await operator.saves()
    first = await operator.reads("snapshot", "create", "hue", "--key", "thang-5")
    await operator.have(lan="Huế")
    assert await operator.reads("snapshot", "create", "hue", "--key", "thang-5") == first
    second = await operator.reads("snapshot", "create", "hue")
    ids = [str(first["snapshot_id"]), str(second["snapshot_id"])]
    assert await operator.reads("snapshot", "list", "hue") == [first, second]
    assert "thang-5" in await operator.types("snapshot", "list")
    assert "is whole: 1 members" in await operator.types("snapshot", "verify", ids[0])
    assert [one["is_whole"] for one in await operator.reads("snapshot", "verify", "--all")] == [True, True]
    compared = await operator.reads("snapshot", "compare", *ids)
    assert [compared[what] for what in ("joined", "left", "stayed")] == [1, 0, 1]
    assert "1 joined: lan 0 left 1 stayed" in await operator.types("snapshot", "compare", *ids)


async def test_a_snapshot_that_differs_ends_the_check_with_1(operator: Operator, admin_url: str) -> None:
    await operator.saves()
    made = await operator.reads("snapshot", "create", "hue")
    _alter(admin_url, made["snapshot_id"])
    for which in (str(made["snapshot_id"]), "--all"):
        assert "DIFFERS: 0 members, 1 in its header" in await operator.types("snapshot", "verify", which, ends_with=1)


async def test_it_must_be_clear_which_snapshot_is_meant(operator: Operator) -> None:
    await operator.types("snapshot", "verify", ends_with=2)
    await operator.types("snapshot", "verify", "1", "--all", ends_with=2)
    await operator.types("snapshot", "verify", "1", ends_with=1)


def _alter(admin_url: str, snapshot_id: int) -> None:
    """Take members away as only the tables' owner can, by switching off the trigger that refuses it."""
    with psycopg.connect(admin_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE leo_owner")
        connection.execute(
            "ALTER TABLE segment_snapshot_member DISABLE TRIGGER segment_snapshot_member_prevent_removal"
        )
        connection.execute("RESET ROLE")
        connection.execute("DELETE FROM segment_snapshot_member WHERE snapshot_id = %s", [snapshot_id])
        connection.execute("SET LOCAL ROLE leo_owner")
        connection.execute(
            "ALTER TABLE segment_snapshot_member ENABLE ALWAYS TRIGGER segment_snapshot_member_prevent_removal"
        )
