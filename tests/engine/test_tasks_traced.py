"""An agent task is one trace with who asked for it and with the runs that its calls start."""

from engine import tracing
from engine.db import Database
from engine.settings import Settings
from tests.conftest import Tenant
from tests.engine.tasking import PLAN, SAVE, START, Scripted, office
from tests.otlp import Received, receiving

TEXT = "Chào mai@khach.example ở Hà Nội"


def _line_of(spans: list[Received], span: Received) -> list[str]:
    by_id = {one.span_id: one for one in spans}
    names = [span.name]
    while span.parent_id in by_id:
        span = by_id[span.parent_id]
        names.insert(0, span.name)
    return names


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
    assert _line_of(receiver.spans, receiver.named("think")[0]) == ["request", "task", "think"]
    calls = receiver.named("tool call")
    assert [one.about["leo.tool"] for one in calls] == ["create_segment", "create_campaign", "activate_campaign"]
    assert _line_of(receiver.spans, calls[-1]) == ["request", "task", "act", "tool call"]
    about = {"leo.task": task.task_id, "leo.kind": "text", "leo.attempt": 1, "leo.status": "succeeded"}
    assert about.items() <= whole.about.items()
    (run,) = await at.world.rows("SELECT traceparent FROM campaign_run")
    assert run["traceparent"].split("-")[1:3] == [request.trace_id, calls[-1].span_id]
    assert not [body for body in receiver.bodies if b"mai@khach" in body]
