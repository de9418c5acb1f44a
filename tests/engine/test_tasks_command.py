"""`leo task`: what an operator types to ask for work, look at it and let it happen."""

import asyncio
import json
from pathlib import Path

import pytest

from engine.cli import run
from engine.db import Database
from engine.settings import Settings
from tests.conftest import Tenant
from tests.engine.tasking import PLAN, SAVE, START, Office, office


class Operator:
    """Types commands for a tenant in whose office a worker can be called."""

    def __init__(self, at: Office, capsys: pytest.CaptureFixture[str]) -> None:
        self.at = at
        self._capsys = capsys

    async def types(self, *words: str, ends_with: int = 0) -> str:
        """In a thread, because the command runs a loop of its own; gives what it said, spaces as one."""
        code = await asyncio.to_thread(run, ("task", *words, "--tenant", self.at.world.tenant.slug))
        said = self._capsys.readouterr()
        assert code == ends_with, said
        return " ".join((said.out + said.err).split())


@pytest.fixture
async def operator(
    db: Database,
    tenant: Tenant,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Operator:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "300")
    return Operator(await office(db, tenant), capsys)


async def test_an_operator_asks_approves_and_sees_how_it_went(operator: Operator, tmp_path: Path) -> None:
    calls = tmp_path / "calls.json"
    calls.write_text(json.dumps([{"name": one.name, "arguments": dict(one.arguments)} for one in (SAVE, PLAN, START)]))
    await operator.at.limit(2)
    asked = json.loads(await operator.types("ask", "--calls", str(calls), "--key", "k-1", "--locale", "en", "--json"))
    task_id = str(asked["task_id"])
    await operator.at.work()
    assert "awaiting_approval" in await operator.types("list")
    assert "It would reach 3 people; 2 need nobody's approval." in await operator.types("show", task_id)
    assert "is acting" in await operator.types("approve", task_id, "--note", "seen")
    await operator.at.work()
    shown = await operator.types("show", task_id)
    assert "Campaign tet is active: it is being decided for 3 people." in shown
    assert "settled" in shown
    assert json.loads(await operator.types("list", "--status", "queued", "--json")) == []


async def test_an_operator_rejects_and_cancels(operator: Operator) -> None:
    await operator.at.limit(0)
    waiting = await operator.at.ask(SAVE, PLAN, START)
    await operator.at.work()
    assert "It was rejected." in await operator.types("reject", str(waiting.task_id))
    queued = await operator.at.ask(text="lưu")
    assert "It was cancelled." in await operator.types("cancel", str(queued.task_id))
    assert "has been cancelled already" in await operator.types("cancel", str(queued.task_id), ends_with=1)


@pytest.mark.parametrize("document", ["no json", '{"name": "do_nothing"}', "[5]", '[{"arguments": {}}]'])
async def test_calls_that_cannot_be_read_are_refused(operator: Operator, tmp_path: Path, document: str) -> None:
    (tmp_path / "calls.json").write_text(document)
    assert "Write a JSON list" in await operator.types("ask", "--calls", str(tmp_path / "calls.json"), ends_with=2)
