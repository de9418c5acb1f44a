"""What a model may be trained on: only what succeeded, of one tenant, split for good, without addresses or numbers."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from engine.cli import run
from engine.db import Database
from engine.evaluation.finetune import EVAL, TRAIN, TRIGGER, Example, examples
from engine.settings import Settings
from engine.tasks.brief import INSTRUCTIONS
from engine.tenants import ALL_SCOPES
from engine.think.contract import Call
from engine.tools import definitions
from tests.conftest import Tenant
from tests.engine.world import World

PAUSE = Call("pause_campaign", {"campaign": "tet"})


@pytest.fixture
def world(db: Database, tenant: Tenant) -> World:
    return World(db, tenant)


async def _task(
    world: World,
    text: str,
    *,
    calls: Sequence[Call] = (PAUSE,),
    status: str = "succeeded",
    kind: str = "text",
    approved_by: str | None = None,
    scopes: Sequence[str] = ALL_SCOPES,
) -> int:
    made = [{"place": n, "name": one.name, "arguments": one.arguments, "people": 0} for n, one in enumerate(calls)]
    return int(
        await world.one(
            "INSERT INTO agent_task (tenant_id, kind, status, request, result, approval) VALUES "
            "(leo_tenant(), %(kind)s, %(status)s, %(request)s, %(result)s, %(approval)s) RETURNING task_id",
            kind=kind,
            status=status,
            request=Jsonb({"text": text, "scopes": list(scopes)}),
            result=Jsonb({"calls": made}),
            approval=None if approved_by is None else Jsonb({"people": 9, "limit": 1, "approved_by": approved_by}),
        )
    )


async def _exported(world: World, *, approved: bool = False) -> list[Example]:
    async with world.db.transaction(world.tenant.tenant_id, read_only=True) as conn:
        return [one async for one in examples(conn, tenant_id=world.tenant.tenant_id, approved=approved)]


@pytest.mark.parametrize("status", ["failed", "cancelled", "awaiting_approval", "acting", "queued", "thinking"])
async def test_what_did_not_succeed_is_never_trained_on(world: World, status: str) -> None:
    await _task(world, "Dừng tet", status=status, approved_by="key:1")
    assert await _exported(world) == []


async def test_a_request_is_there_once_with_the_calls_of_its_newest_task(world: World) -> None:
    await _task(world, "Dừng tet", calls=[Call("activate_campaign", {"campaign": "tet"})])
    newest = await _task(world, "Dừng tet")
    found = await _exported(world)
    assert [(one.task_id, one.calls) for one in found] == [(newest, (PAUSE,))]


async def test_only_what_a_human_approved_where_that_is_asked_for(world: World) -> None:
    await _task(world, "Dừng tet")
    approved = await _task(world, "Chạy tet", approved_by="key:1")
    assert [one.task_id for one in await _exported(world, approved=True)] == [approved]
    assert len(await _exported(world)) == 2


async def test_calls_that_no_model_made_and_calls_that_are_no_calls_any_more_are_left_out(world: World) -> None:
    await _task(world, "structured", kind="calls")
    await _task(world, "an old tool", calls=[Call("send_everything", {})])
    await _task(world, "an old argument", calls=[Call("pause_campaign", {"id": 4})])
    await _task(world, "nothing", calls=[])
    assert await _exported(world) == []


async def test_another_tenants_requests_are_not_there(world: World, other_tenant: Tenant) -> None:
    await _task(world, "Dừng tet")
    async with world.db.transaction(other_tenant.tenant_id) as conn:
        assert [one async for one in examples(conn, tenant_id=world.tenant.tenant_id)] == []


async def test_a_line_is_what_googles_notebooks_read(world: World) -> None:
    await _task(
        world,
        "Dừng tet rồi xem lại",
        calls=[PAUSE, Call("forecast_campaign", {"campaign": "tet"})],
        scopes=["read", "activate"],
    )
    (example,) = await _exported(world)
    document = json.loads(json.dumps(example.to_document(0.2)))
    developer, user, assistant = document["messages"]
    assert (developer["role"], user["role"], assistant["role"]) == ("developer", "user", "assistant")
    assert developer["content"] == TRIGGER
    assert user["content"] == f"{INSTRUCTIONS}\nDừng tet rồi xem lại"
    assert [one["function"] for one in assistant["tool_calls"]] == [
        {"name": "pause_campaign", "arguments": {"campaign": "tet"}},
        {"name": "forecast_campaign", "arguments": {"campaign": "tet"}},
    ]
    declared = {one["function"]["name"] for one in document["tools"]}
    assert {"pause_campaign", "forecast_campaign"} <= declared < definitions().keys()
    assert document["metadata"] in {TRAIN, EVAL}


async def test_prompt_and_completion_are_what_the_product_writes_and_reads(world: World) -> None:
    await _task(
        world,
        "Dừng tet<end_of_turn>",
        calls=[PAUSE, Call("do_nothing", {"reason": "xong"})],
        scopes=["activate", "read"],
    )
    (example,) = await _exported(world)
    document = example.to_document(0.2)
    assert document["prompt"].startswith(
        f"<bos><start_of_turn>developer\n{TRIGGER}<start_function_declaration>declaration:"
    )
    assert document["prompt"].endswith(f"user\n{INSTRUCTIONS}\nDừng tet<end_of_turn>\n<start_of_turn>model\n")
    assert document["completion"] == (
        "<start_function_call>call:pause_campaign{campaign:<escape>tet<escape>}<end_function_call>"
        "<start_function_call>call:do_nothing{reason:<escape>xong<escape>}<end_function_call><start_function_response>"
    )
    # What somebody wrote into a request closes no turn.
    assert "<end_of_turn>" not in document["messages"][1]["content"]


def _example(text: str, **arguments: str) -> Example:
    return Example(1, text, (Call("send_message", arguments),), ())


@given(text=st.text(max_size=40), share=st.floats(0, 1))
def test_a_request_stays_on_its_side_however_it_is_written(text: str, share: float) -> None:
    side = _example(text).split(share)
    assert _example(f"  {text} ").split(share) == side
    assert (_example(text).split(0.0), _example(text).split(1.0)) == (TRAIN, EVAL)
    # A larger share takes from the other side alone.
    if side == EVAL:
        assert _example(text).split(min(1.0, share + 0.1)) == EVAL


def test_the_share_is_about_what_was_asked_for() -> None:
    kept = sum(_example(f"Dừng chiến dịch {number}").split(0.2) == EVAL for number in range(2000))
    assert 340 < kept < 460


@pytest.mark.parametrize(
    "text",
    [
        "Gửi cho an.nguyen@shop.example.vn",
        "Gọi 0912345678 rồi gửi",
        "số 0912 345 678",
        "so 84912345678",
        "+84 (91) 234-5678 nhé",
    ],
)
def test_an_address_or_a_number_is_personal(text: str) -> None:
    assert _example(text).is_personal
    assert _example("Gửi đi", profile=text).is_personal


@pytest.mark.parametrize(
    "text",
    ["Gửi kh-000042 theo tet-2027", "chi hơn 10000000 đồng", "quyết định 902114", "lúc 6:30 ngày 01/02/2027", "x@y"],
)
def test_keys_sums_and_dates_are_not_personal(text: str) -> None:
    assert not _example(text).is_personal


async def test_the_command_writes_a_whole_file_and_says_what_it_left_out(
    world: World,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    await _task(world, "Dừng tet")
    await _task(world, "Gửi cho an@shop.example")
    out = tmp_path / "finetune.jsonl"
    words = ["export", "finetune", "--out", str(out), "--tenant", world.tenant.slug]
    assert await asyncio.to_thread(run, words) == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [one["messages"][1]["content"].splitlines()[-1] for one in lines] == ["Dừng tet"]
    assert "1 left out" in " ".join(capsys.readouterr().err.split())
    assert not await asyncio.to_thread(out.with_name("finetune.jsonl.part").exists)
    assert await asyncio.to_thread(run, [*words, "--keep-personal"]) == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2
    assert await asyncio.to_thread(run, ["export", "finetune", "--out", str(tmp_path / "no" / "x")]) == 2
