"""The sandbox's CDP fails on demand, and each failure reaches the real python-arango as a real server's would."""

import asyncio
from typing import Any

import pytest
import requests
from arango.exceptions import AQLQueryExecuteError
from arango.request import Request

from tests.channels.arango_reader import PLAIN, Reader, gone, reading
from tests.channels.sandbox_process import SandboxProcess


async def fail(sandbox: SandboxProcess, **fault: Any) -> None:
    assert await sandbox.ask("faults", {"channel": "arango", **fault}) == {"planned": 1}


async def test_a_refusal_comes_so_often_and_to_that_query_only(plain: Reader, sandbox: SandboxProcess) -> None:
    await fail(sandbox, status=401, times=2, query="metrics", retry_after=3)
    for _ in range(2):
        assert await plain.ask("segments")
        with pytest.raises(AQLQueryExecuteError) as caught:
            await plain.ask("metrics")
        assert (caught.value.http_code, caught.value.error_code) == (401, 11)
        assert caught.value.http_headers["Retry-After"] == "3"
    assert await plain.ask("metrics")


async def test_a_server_that_is_not_there_yet_says_so(plain: Reader, sandbox: SandboxProcess) -> None:
    await fail(sandbox, status=503, retry_after=3)
    # python-arango takes this one for a host that is down, and looks for another.
    with pytest.raises(ConnectionAbortedError):
        await plain.ask("metrics")
    await fail(sandbox, status=503, retry_after=3)
    url = f"{sandbox.base_url}/_db/{PLAIN}/_api/cursor"
    body = {"query": "/* leo:metrics */"}
    response = await asyncio.to_thread(requests.post, url, json=body, auth=("root", ""), timeout=20)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "3"
    assert response.json()["errorNum"] == 503
    assert await plain.ask("metrics")


async def test_a_slow_answer_is_right_and_one_that_hangs_never_comes(sandbox: SandboxProcess, plain: Reader) -> None:
    await fail(sandbox, mode="slow", delay=0.3)
    started = asyncio.get_running_loop().time()
    assert await plain.ask("segments")
    assert asyncio.get_running_loop().time() - started >= 0.3
    await fail(sandbox, mode="hang")
    async with reading(sandbox, PLAIN, timeout_s=0.3) as hasty:
        with pytest.raises(requests.exceptions.ReadTimeout):
            await hasty.ask("segments")
    assert await plain.ask("segments")


async def test_a_page_that_is_cut_breaks_off_below_its_promised_length(plain: Reader, sandbox: SandboxProcess) -> None:
    await fail(sandbox, mode="cut", query="profiles_changed")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        await plain.ask("profiles_changed", ts="", key="", n=300)
    assert len(await plain.people()) == 300


async def test_a_page_that_is_torn_is_whole_to_http_and_no_json(plain: Reader, sandbox: SandboxProcess) -> None:
    await fail(sandbox, mode="torn")
    response = await plain.send(Request("post", "/_api/cursor", data={"query": "/* leo:metrics */"}))
    assert response.status_code == 201
    assert response.raw_body.startswith('{"result":[{"_key":"add-to-cart"')
    assert not response.raw_body.endswith("}")


@pytest.mark.parametrize("batch", [100, 1000])
async def test_a_cursor_expires_before_its_second_page(plain: Reader, sandbox: SandboxProcess, batch: int) -> None:
    await fail(sandbox, mode="expired", query="profiles_changed")

    def read() -> list[Any]:
        return list(plain.cursor("profiles_changed", batch=batch, ts="", key="", n=300))

    await gone(read)
    assert len(await asyncio.to_thread(read)) == 300


async def test_a_cursor_that_is_open_expires_too(plain: Reader, sandbox: SandboxProcess) -> None:
    cursor = await asyncio.to_thread(lambda: plain.cursor("profiles_changed", batch=100, ts="", key="", n=300))
    await asyncio.to_thread(cursor.fetch)
    await fail(sandbox, mode="expired")
    await gone(cursor.fetch)
    assert len(await plain.people()) == 300


@pytest.mark.parametrize(
    "fault", [{"mode": "slow", "delay": -1}, {"mode": "slow", "delay": True}, {"mode": "odd"}, {"mode": "reply"}]
)
async def test_a_fault_that_makes_no_sense_is_refused(sandbox: SandboxProcess, fault: dict[str, Any]) -> None:
    assert (await sandbox.ask("faults", {"channel": "arango", **fault}))["error"] == "invalid_input"


async def test_mail_is_never_late_nor_expired(sandbox: SandboxProcess) -> None:
    assert (await sandbox.ask("faults", {"channel": "email", "mode": "expired"}))["error"] == "invalid_input"
