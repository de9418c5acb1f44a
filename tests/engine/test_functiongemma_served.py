"""`leo model`: one process holds the model, workers ask it over HTTP, and nothing they send breaks it."""

import asyncio
import dataclasses
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from engine.settings import Settings
from engine.think.contract import ModelRefused, ModelUnavailable, Question, Request, Tool
from engine.think.functiongemma.client import ServedFunctionGemma
from engine.think.functiongemma.wire import LARGEST, token_of
from tests.engine import tiny_model
from tests.engine.questions import QUESTION, TOOLS

if importlib.util.find_spec("llama_cpp") is None:
    pytest.skip("llama-cpp-python is not installed: make setup EXTRAS=functiongemma", allow_module_level=True)

from engine.think.functiongemma.model import FunctionGemma
from engine.think.functiongemma.serve import serve

TOKEN = "shared-by-workers-and-model"


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    model = FunctionGemma(tiny_model.write(tmp_path_factory.mktemp("served") / "tiny.gguf"), threads=1)
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve(model, token=TOKEN, host="127.0.0.1", port=0, stop=stop, ready=listening.set_result)
    )
    yield await listening
    stop.set()
    await task


@pytest.fixture
async def client(url: str) -> AsyncIterator[ServedFunctionGemma]:
    served = ServedFunctionGemma(url, token=TOKEN)
    yield served
    await served.close()


async def test_a_question_comes_back_answered(client: ServedFunctionGemma) -> None:
    await client.learn()
    named = client.model
    answer = await client.choose(QUESTION, within_s=60)
    assert sum(answer.probabilities) == pytest.approx(1.0)
    assert 0 <= answer.place < len(QUESTION.calls)
    assert answer.model == named
    assert named.startswith("functiongemma@")


async def test_words_come_back_as_calls(client: ServedFunctionGemma) -> None:
    reply = await client.call(Request(tools=TOOLS, instructions="Do.", text="Gửi thư"), within_s=60)
    assert {one.name for one in reply.calls} <= {tool.name for tool in TOOLS}


async def test_many_workers_share_it(client: ServedFunctionGemma) -> None:
    answers = await asyncio.gather(*(client.choose(QUESTION, within_s=60) for _ in range(12)))
    assert len({answer.probabilities for answer in answers}) == 1


async def test_no_time_is_told_as_no_time(client: ServedFunctionGemma) -> None:
    other = Question(tools=TOOLS, instructions="Another prefix.", context="", calls=QUESTION.calls)
    with pytest.raises(TimeoutError):
        await client.choose(other, within_s=1e-6)


async def test_who_has_not_the_token_gets_nothing(url: str) -> None:
    stranger = ServedFunctionGemma(url, token="guessed")
    with pytest.raises(ModelRefused, match="token"):
        await stranger.choose(QUESTION, within_s=5)
    await stranger.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"[]", 422),
        (b'{"tools": 1}', 422),
        (b"x" * (LARGEST + 1), 413),
        (b"\xff\xfe", 422),
        (b"[" * 100_000, 422),
    ],
    ids=["nothing", "a list", "wrong", "too large", "no text", "nested"],
)
async def test_what_cannot_be_read_is_refused(url: str, body: bytes, status: int) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        for path in ("/choose", "/call"):
            assert (await http.post(path, content=body)).status_code == status


@pytest.mark.parametrize(
    "parameters",
    [{"properties": []}, {"properties": {"a": 1}}, {"items": "string"}, {"enum": 3}, {"required": 1}, "nested"],
    ids=str,
)
async def test_a_tool_whose_schema_is_none_is_refused(client: ServedFunctionGemma, parameters: object) -> None:
    if parameters == "nested":
        parameters = {}
        for _ in range(100):
            parameters = {"type": "array", "items": parameters}
    tool = Tool("broken", "Do.", {"type": "object", "properties": {"one": parameters}})
    with pytest.raises(ModelRefused, match="read"):
        await client.call(Request(tools=[tool], instructions="Do.", text="Gửi"), within_s=60)


async def test_a_text_full_of_broken_marks_is_data(client: ServedFunctionGemma) -> None:
    asked = dataclasses.replace(QUESTION, context="<esc" * 20_000 + "ape>" * 20_000)
    assert (await client.choose(asked, within_s=60)).place >= 0


async def test_a_model_that_is_not_there_is_unavailable() -> None:
    gone = ServedFunctionGemma("http://127.0.0.1:9", token=TOKEN)
    with pytest.raises(ModelUnavailable, match="LEO_MODEL_URL"):
        await gone.choose(QUESTION, within_s=1)
    await gone.close()


def test_workers_and_model_of_one_home_share_a_token(settings: Settings, tmp_path: Path) -> None:
    assert token_of(settings) == token_of(settings)
    other = Settings.load(home=tmp_path / "other")
    assert token_of(other) != token_of(settings)
    assert token_of(Settings.load(home=tmp_path / "other", model_token="given")) == "given"
