"""An agent task is one trace with who asked for it and with the runs that its calls start."""

from engine import tracing
from engine.db import Database
from engine.settings import Settings
from tests.conftest import Tenant
from tests.engine.tasking import PLAN, SAVE, START, Scripted, office
from tests.otlp import receiving

TEXT = "Chào mai@khach.example ở Hà Nội"


async def test_a_task_goes_on_with_the_trace_of_its_asker_and_its_run_with_the_calls(
    db: Database, tenant: Tenant, settings: Settings
) -> None:
    at = await office(db, tenant, reader=Scripted([[SAVE, PLAN, START]]))
    await at.limit(1000)
    with receiving() as receiver, tracing.opened(settings.model_copy(update={"trace_url": receiver.url}), "test"):
        with tracing.span("request"):
            task = await at.ask(text=TEXT)
        await at.work()
    assert (await at.get(task)).status == "succeeded"
    (request,), (whole,) = receiver.named("request"), receiver.named("task")
    assert {span.trace_id for span in receiver.spans} == {request.trace_id}
    assert receiver.line_of(receiver.named("think")[0]) == ["request", "task", "think"]
    calls = receiver.named("tool call")
    assert [one.about["leo.tool"] for one in calls] == ["create_segment", "create_campaign", "activate_campaign"]
    assert receiver.line_of(calls[-1]) == ["request", "task", "act", "tool call"]
    about = {"leo.task": task.task_id, "leo.kind": "text", "leo.attempt": 1, "leo.status": "succeeded"}
    assert about.items() <= whole.about.items()
    (run,) = await at.world.rows("SELECT traceparent FROM campaign_run")
    assert run["traceparent"].split("-")[1:3] == [request.trace_id, calls[-1].span_id]
    assert not [body for body in receiver.bodies if b"mai@khach" in body]
