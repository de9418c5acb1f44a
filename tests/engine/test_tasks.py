"""Agent tasks go their life cycle, act once, and never on what is invalid."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from engine.db import Database
from engine.memory import LocalEmbedder, embed_tasks
from engine.tasks import approve, cancel, get_task, reject
from engine.think.contract import Call, ModelRefused, ModelUnavailable
from rules.conditions import Language
from rules.errors import Conflict, Forbidden, InvalidInput, NotFound
from rules.lifecycle import TRANSITIONS
from rules.words import Lane, TaskStatus
from tests.conftest import Tenant
from tests.engine.tasking import NOTHING, PLAN, SAVE, START, Office, Scripted, office

UNAVAILABLE = ModelUnavailable("The model is busy.", remedy="Wait.", retry_after=1.0)
SPENT = ModelUnavailable("Today's money is spent.", remedy="Wait for tomorrow.", is_spent=True)
REFUSED = ModelRefused("It said no.", remedy="Ask otherwise.")
NOWHERE = Call("activate_campaign", {"campaign": "nowhere"})
UNKNOWN = Call("drop_all_tables", {})
WRONG = Call("activate_campaign", {"campaign": 5})
# Whatever happens to a task leads it through these states alone.
SUCCESS = ["thinking", "acting", "succeeded"]


async def _settle(at: Office, verb: Any, task_id: int, **more: Any) -> None:
    async with at.db.transaction(at.tenant_id) as conn:
        await verb(conn, tenant_id=at.tenant_id, task_id=task_id, by="key:7", **more)


@pytest.mark.parametrize(
    ("calls", "limit", "then", "moves"),
    [
        pytest.param([NOTHING], 1000, None, SUCCESS, id="a call that does nothing"),
        pytest.param([SAVE, PLAN, START], 1000, None, SUCCESS, id="target, then act"),
        pytest.param([SAVE], 0, None, SUCCESS, id="what reaches nobody needs no approval"),
        pytest.param([SAVE, PLAN, START], 2, None, ["thinking", "awaiting_approval"], id="too many people wait"),
        pytest.param(
            [SAVE, PLAN, START],
            2,
            approve,
            ["thinking", "awaiting_approval", "acting", "succeeded"],
            id="approved, it acts",
        ),
        pytest.param(
            [SAVE, PLAN, START], 2, reject, ["thinking", "awaiting_approval", "cancelled"], id="rejected, it does not"
        ),
        pytest.param(
            [SAVE, PLAN, START], 2, cancel, ["thinking", "awaiting_approval", "cancelled"], id="cancelled, it does not"
        ),
        pytest.param([NOWHERE], 1000, None, ["thinking", "failed"], id="what is not there"),
    ],
)
async def test_a_structured_request_goes_its_life_cycle(
    db: Database, tenant: Tenant, calls: list[Call], limit: int, then: Any, moves: list[str]
) -> None:
    at = await office(db, tenant)
    await at.limit(limit)
    task = await at.ask(*calls)
    await at.work()
    if then is not None:
        await _settle(at, then, task.task_id)
        await at.work()
    assert await at.moves(task) == moves
    whole = ["queued", *moves]
    assert all(to in TRANSITIONS["task"][state] for state, to in itertools.pairwise(whole))
    after = await at.get(task)
    assert after.status == moves[-1]
    assert (after.summary is not None) == after.is_final == (after.finished_at is not None)
    acted = after.status == "succeeded" and START in calls
    assert (await at.effects())["runs"] == acted


async def test_words_become_calls_that_are_checked_and_made(db: Database, tenant: Tenant) -> None:
    model = Scripted([[SAVE, PLAN, START]])
    at = await office(db, tenant, reader=model)
    task = await at.ask(text="Gửi ưu đãi Tết cho khách Hà Nội", locale=Language.VI)
    await at.work()
    done = await at.get(task)
    assert done.status is TaskStatus.SUCCEEDED
    assert done.summary == (
        "Đã lưu phân khúc ha-noi: có 3 người. Đã lưu chiến dịch tet ở trạng thái nháp; chưa gửi gì cho đến khi kích "
        "hoạt. Đã kích hoạt chiến dịch tet: đang ra quyết định cho 3 người."
    )
    assert [lane for lane, _ in at.rung] == [Lane.BULK]
    assert model.heard[0].tools[0].name == "create_segment"
    assert model.heard[0].text == "Gửi ưu đãi Tết cho khách Hà Nội"
    assert '"offer"' in model.heard[0].context


async def test_the_trace_tells_each_step_with_hash_answer_check_result_and_time(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant, reader=Scripted([[SAVE]]))
    task = await at.ask(text="lưu khách Hà Nội")
    await at.work()
    trace = await at.trace(task)
    assert [one.place for one in trace] == list(range(1, len(trace) + 1))
    assert [str(one.kind) for one in trace] == ["moved", "answered", "checked", "moved", "called", "moved"]
    answered, checked, called = trace[1].document, trace[2].document, trace[4].document
    assert answered["prompt_hash"] == "01" * 32
    assert answered["raw"].startswith("<call>")
    assert answered["calls"] == [{"name": SAVE.name, "arguments": dict(SAVE.arguments)}]
    assert (answered["model"], answered["latency_ms"]) == ("scripted 1", 3.5)
    assert checked == {"wrong": [], "people": [0], "limit": 1000}
    assert called["result"]["size"] == 3
    assert called["took_ms"] > 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="no call"),
        pytest.param([UNKNOWN], id="an unknown tool"),
        pytest.param([WRONG], id="an argument of another type"),
        pytest.param([SAVE, WRONG], id="one of two is wrong"),
        pytest.param([Call("activate_campaign", {"campaign": "tet", "to": "all"})], id="an argument that is not there"),
        pytest.param([Call("activate_campaign", {})], id="an argument is missing"),
        pytest.param([Call("create_segment", {"key": "k", "name": "n"})], id="a segment without a rule"),
        pytest.param([Call("create_segment", {"key": "k", "name": "n", "rule": {"or": []}})], id="a rule unread"),
        pytest.param([Call("do_nothing", {"reason": "\x00"})], id="text that cannot be kept"),
        pytest.param([SAVE] * 11, id="too many"),
        pytest.param([SAVE, NOWHERE], id="what is not there"),
        pytest.param([Call("preview_segment", {"conditions": [{"field": "a", "test": "at_least", "value": "x"}]})]),
        pytest.param(REFUSED, id="a refusal"),
        pytest.param(UNAVAILABLE, id="a model that is away"),
        pytest.param(RuntimeError("a bug"), id="a model with a bug"),
    ],
)
async def test_an_invalid_answer_never_acts_and_retrying_stops_at_three(
    db: Database, tenant: Tenant, answer: Any
) -> None:
    model = Scripted([answer])
    at = await office(db, tenant, reader=model)
    before = await at.effects()
    task = await at.ask(text="làm gì đó")
    done = await at.work_to_the_end(task)
    assert done.status is TaskStatus.FAILED
    assert len(model.heard) == 1 + 3
    assert done.attempts == 4
    assert await at.effects() == before
    assert "called" not in await at.kinds(task)
    assert done.result["error"]["message"]
    assert done.summary is not None
    assert done.summary.startswith("It failed (")


async def test_the_error_is_fed_back_and_the_next_answer_may_be_right(db: Database, tenant: Tenant) -> None:
    model = Scripted([[WRONG], UNAVAILABLE, [SAVE]])
    at = await office(db, tenant, reader=model)
    task = await at.ask(text="lưu khách Hà Nội")
    done = await at.work_to_the_end(task)
    assert (done.status, done.attempts) == ("succeeded", 2)
    assert "failed" not in model.heard[0].context
    assert "5 is not of type 'string'" in model.heard[1].context
    assert "The model is busy" in model.heard[2].context
    assert await at.moves(task) == SUCCESS


async def test_a_failed_try_waits_before_the_next(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant, reader=Scripted([[WRONG], [SAVE]]))
    await at.ask(text="lưu")
    assert (await at.work()) is not None
    assert await at.work() is None
    assert await at.work(later=timedelta(seconds=5)) is not None


async def test_a_model_whose_money_is_spent_is_not_asked_again(db: Database, tenant: Tenant) -> None:
    model = Scripted([SPENT])
    at = await office(db, tenant, reader=model)
    done = await at.work_to_the_end(await at.ask(text="lưu"))
    assert done.status is TaskStatus.FAILED
    assert len(model.heard) == 1


async def test_without_a_model_a_text_fails_and_says_what_is_needed(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    done = await at.work_to_the_end(await at.ask(text="lưu khách Hà Nội", locale=Language.VI))
    assert done.status is TaskStatus.FAILED
    assert done.result["error"]["code"] == "model_unavailable"
    assert [one.kind for one in done.faults] == ["task.no_model"]
    assert done.summary is not None
    assert done.summary.startswith("Không thực hiện được (model_unavailable): Chưa cấu hình mô hình nào")


async def test_a_call_that_fails_leaves_nothing_and_the_rest_is_planned_anew(db: Database, tenant: Tenant) -> None:
    """The template goes between thinking and acting: the model hears of it, and what was made stays made, once."""
    model = Scripted([[SAVE, PLAN], [NOTHING]])
    at = await office(db, tenant, reader=model)
    await at.limit(0)
    send = Call("send_message", {"profile": "kh-1", "campaign": "old"})
    await at.world.campaign("old", templates=[])
    model.answers[0] = [SAVE, PLAN, send]
    task = await at.ask(text="gửi")
    await at.work()
    await at.world.rows("UPDATE message_template SET status = 'retired'")
    await _settle(at, approve, task.task_id)
    done = await at.work_to_the_end(task)
    assert await at.moves(task) == [
        *("thinking", "awaiting_approval", "acting", "failed", "queued"),
        *("thinking", "acting", "succeeded"),
    ]
    assert [one["name"] for one in done.made] == ["create_segment", "do_nothing"]
    assert [one["place"] for one in done.made] == [0, 3]
    assert "done already" in model.heard[1].context
    assert "no approved template" in model.heard[1].context
    assert (await at.effects())["campaigns"] == 1


async def test_people_who_came_after_the_count_are_counted_again(db: Database, tenant: Tenant) -> None:
    """Three were counted and allowed; when it acts there are more than the limit, so a human is asked."""
    at = await office(db, tenant)
    await at.limit(3)
    await at.save_segment()
    at_first = await at.ask(PLAN)
    await at.work_to_the_end(at_first)
    task = await at.ask(START)

    # As if the worker had been killed after it had counted.
    await at.world.rows(
        "UPDATE agent_task SET status = 'acting', plan = %(plan)s::jsonb WHERE task_id = %(task_id)s",
        plan='[{"place": 0, "name": "activate_campaign", "arguments": {"campaign": "tet"}, "people": 3}]',
        task_id=task.task_id,
    )
    await at.world.people(1, first=10)
    waiting = await at.work_to_the_end(task)
    assert waiting.status is TaskStatus.AWAITING_APPROVAL
    assert waiting.approval is not None
    assert (waiting.approval["people"], waiting.approval["limit"]) == (4, 3)
    assert (await at.effects())["runs"] == 0
    await _settle(at, approve, task.task_id, note="they are all asked")
    assert (await at.work_to_the_end(task)).status is TaskStatus.SUCCEEDED
    assert (await at.effects())["runs"] == 1


async def test_an_always_on_campaign_waits_for_a_human_whatever_the_limit(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    await at.world.campaign("always", templates=[])
    await at.world.rows("UPDATE campaign SET trigger_type = 'cart_abandoned', status = 'paused'")
    task = await at.ask(Call("activate_campaign", {"campaign": "always"}))
    await at.work()
    waiting = await at.get(task)
    assert waiting.status is TaskStatus.AWAITING_APPROVAL
    assert waiting.approval == {"people": None, "limit": 1000}


async def test_many_small_calls_together_need_what_one_large_one_needs(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    await at.limit(2)
    await at.world.campaign("open", templates=[])
    sends = [Call("send_message", {"profile": f"kh-{n}", "campaign": "open"}) for n in (1, 2, 3)]
    assert (await at.work_to_the_end(await at.ask(*sends[:2]))).status is TaskStatus.SUCCEEDED
    assert (await at.work_to_the_end(await at.ask(*sends))).status is TaskStatus.AWAITING_APPROVAL


async def test_a_message_to_one_person_is_decided_by_the_workers_once(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    await at.world.campaign("open", templates=[await at.world.template(key="second")])
    task = await at.ask(Call("send_message", {"profile": "kh-1", "campaign": "open"}))
    await at.work()
    ((lane, batch_ids),) = at.rung
    assert lane is Lane.REALTIME
    await at.world.decide(batch_ids[0])
    assert await at.world.statuses() == {"queued": 1}
    assert (await at.get(task)).summary == "It is being decided for kh-1 under campaign open."


async def test_a_key_is_one_task(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    at, elsewhere = await office(db, tenant), await office(db, other_tenant)
    first = await at.ask(SAVE, key="k-1")
    assert (await at.ask(SAVE, key="k-1")).task_id == first.task_id
    assert (await elsewhere.ask(SAVE, key="k-1")).task_id != first.task_id
    with pytest.raises(Conflict, match="k-1"):
        await at.ask(NOTHING, key="k-1")
    with pytest.raises(Conflict, match="k-1"):
        await at.ask(text="lưu", key="k-1")


@pytest.mark.parametrize(
    ("calls", "scopes", "error"),
    [
        ([UNKNOWN], ["read"], InvalidInput),
        ([WRONG], ["activate"], InvalidInput),
        ([START], ["read", "write"], Forbidden),
        ([SAVE], ["read"], Forbidden),
    ],
)
async def test_a_structured_request_that_is_wrong_or_forbidden_is_no_task(
    db: Database, tenant: Tenant, calls: list[Call], scopes: list[str], error: type[Exception]
) -> None:
    at = await office(db, tenant)
    with pytest.raises(error, match=r"calls\[0\]"):
        await at.ask(*calls, scopes=scopes)
    assert await at.world.one("SELECT count(*) FROM agent_task") == 0


async def test_a_model_sees_and_calls_no_tool_that_the_asker_may_not(db: Database, tenant: Tenant) -> None:
    model = Scripted([[SAVE]])
    at = await office(db, tenant, reader=model)
    done = await at.work_to_the_end(await at.ask(text="lưu", scopes=["read"]))
    assert done.status is TaskStatus.FAILED
    assert done.result["error"]["code"] == "forbidden"
    assert "create_segment" not in {tool.name for tool in model.heard[0].tools}
    assert len(model.heard) == 1


async def test_a_key_that_was_revoked_meanwhile_acts_no_more(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    await at.limit(0)
    await at.world.rows(
        "INSERT INTO api_key (tenant_id, api_key_id, name, prefix, key_hash, scopes) "
        "VALUES (leo_tenant(), 77, 'agent', 'p', sha256(leo_tenant()::text::bytea), '{read,write,activate}')"
    )
    await at.world.campaign("open", templates=[])
    task = await at.ask(Call("send_message", {"profile": "kh-1", "campaign": "open"}), asked_by="key:77")
    await at.work()
    await at.world.rows("UPDATE api_key SET revoked_at = now() WHERE api_key_id = 77")
    await _settle(at, approve, task.task_id)
    done = await at.work_to_the_end(task)
    assert (done.status, done.result["error"]["code"]) == ("failed", "forbidden")
    assert (await at.effects())["runs"] == 0


@pytest.mark.parametrize("verb", [approve, reject])
async def test_only_what_waits_is_approved_or_rejected_and_once(db: Database, tenant: Tenant, verb: Any) -> None:
    at = await office(db, tenant)
    await at.limit(0)
    task = await at.ask(SAVE, PLAN, START)
    with pytest.raises(Conflict, match="queued"):
        await _settle(at, verb, task.task_id)
    await at.work()
    await _settle(at, verb, task.task_id)
    with pytest.raises(Conflict):
        await _settle(at, verb, task.task_id)


async def test_a_task_is_cancelled_in_the_middle_of_thinking(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    task = await at.ask(text="lưu")

    class Cancelling(Scripted):
        async def call(self, request: Any, *, within_s: float) -> Any:
            await _settle(at, cancel, task.task_id)
            return await super().call(request, within_s=within_s)

    at.reader = Cancelling([[SAVE]])
    await at.work()
    assert await at.moves(task) == ["thinking", "cancelled"]
    assert (await at.effects())["segments"] == 0
    with pytest.raises(Conflict, match="cancelled"):
        await _settle(at, cancel, task.task_id)


async def test_another_tenant_neither_sees_nor_settles_a_task(
    db: Database, tenant: Tenant, other_tenant: Tenant
) -> None:
    at, elsewhere = await office(db, tenant), await office(db, other_tenant)
    await at.limit(0)
    task = await at.ask(SAVE, PLAN, START)
    await at.work()
    for verb in (approve, reject, cancel):
        with pytest.raises(NotFound):
            await _settle(elsewhere, verb, task.task_id)
    with pytest.raises(NotFound):
        async with db.transaction(other_tenant.tenant_id) as conn:
            await get_task(conn, tenant_id=tenant.tenant_id, task_id=task.task_id)
    assert await elsewhere.work(later=timedelta(days=1)) is None
    assert (await at.get(task)).status is TaskStatus.AWAITING_APPROVAL


async def test_what_was_asked_like_it_before_is_recalled(db: Database, tenant: Tenant) -> None:
    at = await office(db, tenant)
    at.embedder, at.reader = LocalEmbedder(), Scripted([[SAVE], [NOTHING]])
    first = await at.ask(text="Lập phân khúc khách ở Hà Nội")
    assert (await at.work_to_the_end(first)).status is TaskStatus.SUCCEEDED
    await embed_tasks(at.db, at.embedder, tenant_id=at.tenant_id)
    await at.work_to_the_end(await at.ask(text="Phân khúc khách ở Hà Nội, lập lại"))
    before, after = (request.context for request in at.reader.heard)
    assert "asked before" not in before
    assert 'asked before, and done: "Lập phân khúc khách ở Hà Nội"' in after
    assert "create_segment" in after
