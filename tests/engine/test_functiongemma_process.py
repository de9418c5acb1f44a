"""`leo model` as its users start, end and kill it, and what waits before its one thread."""

import asyncio
import dataclasses
import importlib.util
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from engine.cli import run
from engine.think.contract import Answer, ModelRefused, ModelUnavailable, Question, Reply, Request
from engine.think.functiongemma import serve
from engine.think.functiongemma.client import ServedFunctionGemma
from engine.think.functiongemma.model import FunctionGemma
from rules.errors import Misconfigured
from tests.engine import tiny_model
from tests.engine.questions import QUESTION, TOOLS
from tests.engine.worker_process import ROOT, until

has_llama = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None,
    reason="llama-cpp-python is not installed: make setup EXTRAS=functiongemma",
)
TOKEN = "shared-by-workers-and-model"
REQUEST = Request(tools=TOOLS, instructions="Do.", text="Gửi thư cho khách hàng thân thiết " * 30)


def test_without_the_library_it_is_said_how_to_add_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(Misconfigured, match="not installed") as caught:
        FunctionGemma(tmp_path / "any.gguf")
    assert "EXTRAS=functiongemma" in caught.value.remedy


@asynccontextmanager
async def started(home: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, ServedFunctionGemma]]:
    """Run `leo model` with a tiny model; gives the process, and a client of it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from engine.cli import main; main()", "model"),
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "LEO_HOME": str(home),
            "LEO_FUNCTIONGEMMA_MODEL": str(tiny_model.write(home / "tiny.gguf")),
            "LEO_MODEL_PORT": "0",
            "LEO_MODEL_TOKEN": TOKEN,
            "LEO_MODEL_THREADS": "1",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (line := (await process.stdout.readline()).decode().strip()).startswith("http://"):
                assert process.returncode is None, line
        client = ServedFunctionGemma(line, token=TOKEN)
        yield process, client
        await client.close()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@has_llama
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_when_told_to_also_with_questions_before_it(tmp_path: Path, number: signal.Signals) -> None:
    async with started(tmp_path) as (process, client):
        asked = [asyncio.create_task(client.call(REQUEST, within_s=100)) for _ in range(30)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        process.send_signal(number)
        _, said = await asyncio.wait_for(process.communicate(), 30)
        given = await asyncio.gather(*asked, return_exceptions=True)
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert {type(one) for one in given} <= {Reply, ModelUnavailable}


@has_llama
async def test_killed_while_it_answers_it_is_unavailable_and_started_again_it_answers(tmp_path: Path) -> None:
    async with started(tmp_path) as (process, client):
        before = await client.choose(QUESTION, within_s=60)
        asked = [asyncio.create_task(client.call(REQUEST, within_s=100)) for _ in range(30)]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        process.kill()
        given = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in given} == {Reply, ModelUnavailable}
    async with started(tmp_path) as (_, client):
        after = await client.choose(QUESTION, within_s=60)
    assert (after.model, after.probabilities) == (before.model, before.probabilities)


@has_llama
async def test_it_is_measured_as_the_page_on_evaluation_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with started(tmp_path) as (_, client):
        monkeypatch.setenv("LEO_MODEL_URL", str(client._http.base_url))
        monkeypatch.setenv("LEO_MODEL_TOKEN", TOKEN)
        words = ("eval", "intents", "--model", "functiongemma", "--limit", "3", "--json")
        assert await asyncio.to_thread(run, words) == 0
    assert json.loads(capsys.readouterr().out)["asked"] == 3


class Gated(FunctionGemma):
    """A model that begins to choose when the gate is open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, threads=1)
        self.gate = threading.Event()
        self.asked: list[str] = []

    def choose(self, question: Question, *, within_s: float) -> Answer:
        self.asked.append(question.context)
        self.gate.wait(30)
        return super().choose(question, within_s=within_s)


@asynccontextmanager
async def gated(home: Path) -> AsyncIterator[tuple[Gated, str]]:
    """Serve such a model; gives it and its URL."""
    model = Gated(tiny_model.write(home / "tiny.gguf"))
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        serve.serve(model, token=TOKEN, host="127.0.0.1", port=0, stop=stop, ready=listening.set_result)
    )
    try:
        yield model, await listening
    finally:
        model.gate.set()
        stop.set()
        await task


async def _ask(url: str, context: str, *, within_s: float) -> Answer:
    client = ServedFunctionGemma(url, token=TOKEN)
    try:
        return await client.choose(dataclasses.replace(QUESTION, context=context), within_s=within_s)
    finally:
        await client.close()


async def _until_waiting(url: str, count: int) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {TOKEN}"}) as http:

        async def are_there() -> bool:
            return int((await http.get(f"{url}/health")).json()["waiting"]) >= count

        await until(are_there)


@has_llama
async def test_who_comes_to_a_full_queue_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MOST_WAITING", 2)
    async with gated(tmp_path) as (model, url):
        early = [asyncio.create_task(_ask(url, f"person {number}", within_s=60)) for number in range(2)]
        await _until_waiting(url, 2)
        with pytest.raises(ModelUnavailable, match="waiting") as caught:
            await _ask(url, "late", within_s=60)
        assert not isinstance(caught.value, ModelRefused)
        assert caught.value.retry_after == 1
        model.gate.set()
        assert len(await asyncio.gather(*early)) == 2


@has_llama
async def test_who_waited_too_long_is_not_answered_any_more(tmp_path: Path) -> None:
    async with gated(tmp_path) as (model, url):
        first = asyncio.create_task(_ask(url, "first", within_s=60))
        await _until_waiting(url, 1)
        with pytest.raises(TimeoutError):
            await _ask(url, "in a hurry", within_s=0.05)
        model.gate.set()
        await first
        await _ask(url, "last", within_s=60)
        assert model.asked == ["first", "last"]
