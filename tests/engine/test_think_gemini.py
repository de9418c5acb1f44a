"""Gemini over the real wire of its SDK: calls of the list alone, and every failure told for what it is."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.settings import Settings
from engine.think.contract import ModelRefused, ModelUnavailable, Request
from engine.think.gemini import Gemini
from engine.think.models import opened
from engine.think.prices import Price, price_of, prices
from rules.words import Arbiter
from tests.engine import gemini_stub
from tests.engine.gemini_stub import Stub, calls
from tests.engine.questions import CALLS, QUESTION, TOOLS

KEY = "AIza-a-key-that-nobody-may-see"


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with gemini_stub.serving() as serving:
        yield serving


@pytest.fixture
async def gemini(stub: Stub) -> AsyncIterator[Gemini]:
    model = Gemini(api_key=KEY, model="gemini-2.5-flash-lite", url=stub.url, price=Price(0.1, 0.4))
    yield model
    await model.close()


async def test_a_call_of_the_list_is_its_place(stub: Stub, gemini: Gemini) -> None:
    stub.says(calls(("send_message", {"template": "tet", "channel": "zalo_oa"})))
    answer = await gemini.choose(QUESTION, within_s=5)
    assert (answer.place, answer.model) == (1, "gemini-2.5-flash-lite@001")
    assert (answer.prompt_tokens, answer.answer_tokens) == (120, 14)
    assert answer.cost == pytest.approx((120 * 0.1 + 14 * 0.4) / 1e6)
    assert len(answer.prompt_hash) == 32


async def test_the_model_is_held_to_the_allowed_functions_and_never_runs_one(stub: Stub, gemini: Gemini) -> None:
    stub.says(calls(("do_nothing", {})))
    await gemini.choose(QUESTION, within_s=5)
    (body,) = stub.asked
    assert body["toolConfig"]["functionCallingConfig"] == {
        "mode": "ANY",
        "allowedFunctionNames": ["send_message", "do_nothing"],
    }
    assert [one["name"] for one in body["tools"][0]["functionDeclarations"]] == ["send_message", "do_nothing"]
    assert body["generationConfig"]["thinkingConfig"] == {"thinking_budget": 0}
    assert stub.paths[0].endswith("/models/gemini-2.5-flash-lite:generateContent")


async def test_a_later_model_gets_a_level_of_thinking_and_no_temperature(stub: Stub) -> None:
    model = Gemini(api_key=KEY, model="gemini-3.5-flash-lite", url=stub.url)
    stub.says(calls(("do_nothing", {})))
    await model.choose(QUESTION, within_s=5)
    await model.close()
    generation = stub.asked[0]["generationConfig"]
    assert "temperature" not in generation
    assert "thinking_budget" not in str(generation)


@pytest.mark.parametrize(
    "answer",
    [
        calls(("send_message", {"channel": "sms", "template": "tet"})),
        calls(("send_message", {"channel": "email", "template": "another"})),
        calls(("drop_table", {})),
        calls(("do_nothing", {}), ("send_message", {"channel": "email", "template": "tet"})),
        gemini_stub.TEXT,
        gemini_stub.MALFORMED,
        gemini_stub.BLOCKED,
        {"candidates": []},
        {},
    ],
    ids=["channel", "template", "function", "two calls", "text", "malformed", "blocked", "no candidate", "nothing"],
)
async def test_an_answer_outside_the_list_is_none(stub: Stub, gemini: Gemini, answer: object) -> None:
    stub.says(answer)
    with pytest.raises(ModelRefused):
        await gemini.choose(QUESTION, within_s=5)


async def test_a_server_that_asks_to_wait_is_quoted(stub: Stub, gemini: Gemini) -> None:
    stub.says(gemini_stub.RETRY_IN_53S)
    with pytest.raises(ModelUnavailable, match="429") as caught:
        await gemini.choose(QUESTION, within_s=5)
    assert (caught.value.retry_after, caught.value.is_spent) == (53.0, False)
    assert len(stub.asked) == 1


async def test_a_quota_of_the_day_is_spent(stub: Stub, gemini: Gemini) -> None:
    stub.says(gemini_stub.SPENT)
    with pytest.raises(ModelUnavailable) as caught:
        await gemini.choose(QUESTION, within_s=5)
    assert caught.value.is_spent


@pytest.mark.parametrize(
    "answer",
    [gemini_stub.failure(503, "UNAVAILABLE"), gemini_stub.failure(500, "INTERNAL"), "<html>broken", "no json", "cut"],
    ids=["503", "500", "html", "no json", "cut"],
)
async def test_a_server_that_fails_is_unavailable(stub: Stub, gemini: Gemini, answer: object) -> None:
    stub.says(answer)
    with pytest.raises(ModelUnavailable) as caught:
        await gemini.choose(QUESTION, within_s=5)
    assert not isinstance(caught.value, ModelRefused)


async def test_a_wrong_key_is_told_with_what_to_do(stub: Stub, gemini: Gemini) -> None:
    stub.says(gemini_stub.failure(403, "PERMISSION_DENIED"))
    with pytest.raises(ModelRefused, match="LEO_GEMINI_API_KEY"):
        await gemini.choose(QUESTION, within_s=5)


async def test_nobody_waits_longer_than_the_budget(stub: Stub, gemini: Gemini) -> None:
    stub.says(calls(("do_nothing", {})), "slow")
    await gemini.choose(QUESTION, within_s=10)
    with pytest.raises(TimeoutError):
        await gemini.choose(QUESTION, within_s=0.2)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    model = Gemini(api_key=KEY, model="gemini-2.5-flash-lite", url="http://127.0.0.1:9")
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        await model.choose(QUESTION, within_s=5)
    await model.close()


async def test_words_become_calls(stub: Stub, gemini: Gemini) -> None:
    stub.says(calls(("send_message", {"channel": "email", "template": "tet"}), ("do_nothing", {})))
    reply = await gemini.call(
        Request(tools=TOOLS, instructions="Do.", text="Gửi thư Tết", context="found 3"), within_s=5
    )
    assert reply.calls == (CALLS[0], CALLS[2])
    assert stub.asked[0]["contents"][0]["parts"][0]["text"] == "found 3\n\nGửi thư Tết"


async def test_the_key_is_seen_by_the_server_alone(
    stub: Stub, gemini: Gemini, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stub.says(gemini_stub.failure(400, "INVALID_ARGUMENT"))
        with pytest.raises(ModelRefused) as caught:
            await gemini.choose(QUESTION, within_s=5)
    assert stub.headers[0]["x-goog-api-key"] == KEY
    assert KEY not in f"{caught.value!r}{caught.value}{gemini!r}{caplog.text}"


async def test_a_key_or_a_name_that_is_wrong_is_not_tried_again(stub: Stub, gemini: Gemini) -> None:
    invalid = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    for answer, is_spent in (
        (gemini_stub.failure(404, "NOT_FOUND"), True),
        (gemini_stub.failure(400, "INVALID_ARGUMENT", invalid), True),
        (gemini_stub.failure(400, "INVALID_ARGUMENT"), False),
    ):
        stub.says(answer)
        with pytest.raises(ModelRefused) as caught:
            await gemini.choose(QUESTION, within_s=5)
        assert caught.value.is_spent is is_spent


@pytest.mark.parametrize(
    ("name", "thinking"),
    [
        ("gemini-2.5-flash-lite", {"thinking_budget": 0}),
        ("gemini-3.5-flash-lite", {"thinking_level": "MINIMAL"}),
        ("gemini-3.7-flash", {"thinking_level": "LOW"}),
        ("gemma-4-31b-it", None),
    ],
)
async def test_each_family_is_told_to_think_little_in_its_own_words(
    stub: Stub, name: str, thinking: dict[str, object] | None
) -> None:
    model = Gemini(api_key=KEY, model=name, url=stub.url)
    stub.says(calls(("do_nothing", {})))
    await model.choose(QUESTION, within_s=5)
    await model.close()
    assert stub.asked[0]["generationConfig"].get("thinkingConfig") == thinking


async def test_the_server_is_told_no_deadline(stub: Stub, gemini: Gemini) -> None:
    """It refuses any below ten seconds, which most questions have."""
    stub.says(calls(("do_nothing", {})))
    await gemini.choose(QUESTION, within_s=2)
    assert "x-server-timeout" not in {name.lower() for name in stub.headers[0]}


async def test_the_environment_of_the_sdk_leads_nowhere_else(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:9"),
        ("GOOGLE_GENAI_API_VERSION", "v9"),
        ("GOOGLE_GENAI_USE_VERTEXAI", "true"),
        ("GOOGLE_API_KEY", "another"),
    ):
        monkeypatch.setenv(name, value)
    settings = Settings.load(gemini_api_key=KEY, gemini_url=stub.url, gemini_model="gemini-3.5-flash-lite")
    stub.says(calls(("do_nothing", {})))
    async with opened(settings) as gateway:
        asked = await gateway.ask(QUESTION, order=(Arbiter.GEMINI, Arbiter.SCORE), within_s=30)
    assert asked.answer is not None
    assert (asked.arbiter, asked.answer.place) == (Arbiter.GEMINI, 2)
    assert stub.paths == ["/v1beta/models/gemini-3.5-flash-lite:generateContent"]
    assert stub.headers[0]["x-goog-api-key"] == KEY
    assert KEY not in repr(gateway) + repr(settings)


async def test_words_are_first_shown_to_the_model_of_your_own(tmp_path: Path) -> None:
    both = Settings.load(home=tmp_path, gemini_api_key=KEY, model_url="http://127.0.0.1:9")
    async with opened(both) as gateway:
        assert list(gateway.models) == [Arbiter.FUNCTIONGEMMA, Arbiter.GEMINI]
        assert await gateway.names() == {Arbiter.GEMINI: "gemini-3.5-flash-lite"}


async def test_without_a_key_there_is_no_such_arbiter() -> None:
    async with opened(Settings.load()) as gateway:
        assert (await gateway.ask(QUESTION, order=(Arbiter.GEMINI,), within_s=2)).answer is None


async def test_a_question_that_runs_out_of_time_leaves_the_next_one_a_model(stub: Stub) -> None:
    model = Gemini(api_key=KEY, model="gemini-2.5-flash-lite", url=stub.url)
    stub.says(calls(("do_nothing", {})))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await model.choose(QUESTION, within_s=5)
    assert (await model.choose(QUESTION, within_s=30)).place == 2
    await model.close()


async def test_googles_own_words_are_not_repeated(stub: Stub, gemini: Gemini) -> None:
    stub.says(
        (400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": f"{KEY} said {QUESTION.context}"}})
    )
    with pytest.raises(ModelRefused) as caught:
        await gemini.choose(QUESTION, within_s=5)
    assert str(caught.value).startswith("Gemini answered 400 INVALID_ARGUMENT.")
    assert "tea" not in str(caught.value)


async def test_the_prompt_hash_covers_what_may_be_called(stub: Stub, gemini: Gemini) -> None:
    stub.says(calls(("do_nothing", {})))
    narrower = replace(QUESTION, tools=(TOOLS[0], replace(TOOLS[1], description="Wait.")))
    hashes = [(await gemini.choose(asked, within_s=5)).prompt_hash for asked in (QUESTION, QUESTION, narrower)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_model_without_a_price_costs_as_much_as_the_dearest() -> None:
    assert price_of("gemini-3.5-flash-lite") == Price(0.30, 2.50)
    assert price_of("gemini-9") == max(prices().values(), key=lambda price: price.output)
