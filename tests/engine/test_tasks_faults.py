"""Why a task failed is kept by its kind, and said in the language of whoever asked."""

from dataclasses import replace

from engine.db import Database
from engine.think.contract import Call
from rules.conditions import Language
from rules.faults import Fault
from tests.conftest import Tenant
from tests.engine.tasking import Scripted, office


async def test_all_that_is_wrong_with_calls_is_kept_by_its_kind(db: Database, tenant: Tenant) -> None:
    model = Scripted([[Call("no_such_tool", {}), Call("pause_campaign", {"campaign": 7})]])
    at = await office(db, tenant, reader=model)
    done = await at.work_to_the_end(await at.ask(text="dừng", locale=Language.VI))
    assert [(one.kind, one.where) for one in done.faults] == [("task.call", "calls[0]"), ("task.call", "calls[1]")]
    inside = [one.values["said"] for one in done.faults]
    assert [one.kind for one in inside if isinstance(one, Fault)] == ["task.no_tool", "task.argument"]
    assert done.result["error"]["message"].startswith("calls[0]: There is no tool 'no_such_tool'. calls[1]: ")
    assert done.summary is not None
    assert "Lệnh calls[0]: Không có công cụ “no_such_tool”." in done.summary


async def test_an_error_of_an_earlier_version_is_said_as_it_was_kept(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    done = await at.work_to_the_end(await at.ask(text="lưu khách Hà Nội", locale=Language.VI))
    error = {"code": "timeout", "message": "It took too long.", "remedy": "Try again."}
    assert replace(done, result={"error": error}).faults == ()
    strange = {"kind": "task.of_a_later_version", "where": "", "values": {}}
    assert replace(done, result={"error": {**error, "faults": [strange]}}).faults == ()
