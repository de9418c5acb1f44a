"""What every channel promises, tried on each adapter the registry knows, over the real wire where there is one."""

import asyncio
import functools
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import registry
from channels.contract import Adapter, Fault, ReceiptClass, ReceiptStatus, Request, Response, Unsupported
from channels.registry import create, factories
from rules.errors import InvalidInput, LeoError, Misconfigured
from rules.words import Channel
from tests.channels.samples import SAMPLES, Sample
from tests.channels.sandbox_process import SandboxProcess

every_provider = pytest.mark.parametrize("sample", SAMPLES, ids=str)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
provider_words = st.sampled_from(
    ["ok", "error_code", "description", "parameters", "result", "retry_after", "message_id"]
)
bodies = st.text() | st.dictionaries(st.text() | provider_words, json_values, max_size=6)
responses = st.builds(
    Response,
    status=st.integers() | st.sampled_from([200, 201, 202, 250, 400, 401, 403, 404, 421, 429, 550, 554]),
    body=bodies,
    ids=st.dictionaries(st.sampled_from(["stage", "provider_id", "retry_after", "chat_id"]), st.text(), max_size=4),
    fault=st.none() | st.sampled_from(Fault),
)


@every_provider
def test_the_same_message_gives_the_same_request_on_any_machine_at_any_time(sample: Sample) -> None:
    first = sample.adapter(now=1.0).build(sample.message())
    again = sample.adapter(now=2e9).build(sample.message())
    assert first == again
    assert isinstance(first, Request)
    assert first.event_id == sample.message().event_id


@every_provider
def test_two_deliveries_never_share_a_request(sample: Sample) -> None:
    speaker = sample.adapter()
    assert speaker.build(sample.message("one")) != speaker.build(sample.message("two"))


@every_provider
@given(subject=st.none() | st.text(), text=st.none() | st.text(), html=st.none() | st.text(), address=st.text())
def test_any_content_is_either_expressed_or_refused_with_a_reason(
    sample: Sample, subject: str | None, text: str | None, html: str | None, address: str
) -> None:
    speaker = ADAPTERS[str(sample)]
    for given_address in (address, sample.message().address):
        content = sample.message(subject=subject, text=text, html=html, address=given_address)
        built = attempted(Unsupported, functools.partial(speaker.build, content))
        if isinstance(built, Unsupported):
            assert built.receipt.status is ReceiptStatus.REJECTED
            assert built.remedy
        else:
            assert built.body


@every_provider
@given(response=responses)
def test_any_answer_is_read_without_an_error(sample: Sample, response: Response) -> None:
    receipt = ADAPTERS[str(sample)].parse(response)
    assert receipt.status in set(ReceiptStatus)
    assert receipt.retry_after is None or 0 <= receipt.retry_after <= 86_400
    if response.fault is not None:
        assert receipt.status is not ReceiptStatus.ACCEPTED
    if receipt.status is ReceiptStatus.ACCEPTED:
        assert response.status in (200, 201, 202, 250)


@every_provider
async def test_a_message_arrives_as_it_was_written(sample: Sample, sandbox: SandboxProcess) -> None:
    async with speaking(sample, sandbox) as speaker:
        receipt = speaker.parse(await speaker.send(speaker.build(sample.message())))
    assert (receipt.status, receipt.klass) == (ReceiptStatus.ACCEPTED, ReceiptClass.ACCEPTED)
    assert receipt.provider_id
    (arrived,) = await sandbox.messages()
    assert arrived["event_id"] == sample.message().event_id
    assert arrived["channel"] == sample.channel
    assert arrived["address"] == (sample.arrives_at or sample.message().address)
    assert not [words for words in sample.shown if words not in arrived["text"]]


@every_provider
async def test_many_at_once_share_a_few_connections(sample: Sample, sandbox: SandboxProcess) -> None:
    async with speaking(sample, sandbox, connections=4) as speaker:
        requests = [speaker.build(sample.message(seed)) for seed in range(64)]
        receipts = [speaker.parse(answer) for answer in await asyncio.gather(*map(speaker.send, requests))]
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.ACCEPTED}
    assert len({receipt.provider_id for receipt in receipts}) == 64
    assert (await sandbox.ask("stats"))["event_ids"] == 64


@every_provider
async def test_a_refused_connection_is_tried_again_later(sample: Sample) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        speaker = sample.adapter(smtp_port=port, http_port=port)
        receipt = speaker.parse(await speaker.send(speaker.build(sample.message())))
        await speaker.aclose()
    assert (receipt.status, receipt.klass, receipt.code) == (
        ReceiptStatus.RETRY,
        ReceiptClass.PROVIDER_DOWN,
        "refused",
    )


@every_provider
@pytest.mark.parametrize(("mode", "cause"), [("cut", "cut"), ("hang", "timeout")])
async def test_a_provider_that_takes_the_message_and_says_nothing_leaves_it_uncertain(
    sample: Sample, mode: str, cause: str, sandbox: SandboxProcess
) -> None:
    await sandbox.ask("faults", {"channel": sample.channel, "mode": mode, "keep": True})
    async with speaking(sample, sandbox, timeout_s=0.5) as speaker:
        receipt = speaker.parse(await speaker.send(speaker.build(sample.message())))
        after = speaker.parse(await speaker.send(speaker.build(sample.message("the next one"))))
    assert (receipt.status, receipt.code) == (ReceiptStatus.UNCERTAIN, cause)
    assert after.status is ReceiptStatus.ACCEPTED
    assert len(await sandbox.messages()) == 2  # it had arrived: a blind second try would have made it three


@every_provider
async def test_whoever_waits_in_vain_for_a_connection_has_sent_nothing(sample: Sample, sandbox: SandboxProcess) -> None:
    await sandbox.ask("faults", {"channel": sample.channel, "mode": "hang", "times": None})
    async with speaking(sample, sandbox, connections=1, timeout_s=1.0) as speaker:
        hanging = asyncio.create_task(speaker.send(speaker.build(sample.message("hangs"))))
        await asyncio.sleep(0.5)
        tasks = [speaker.send(speaker.build(sample.message(seed))) for seed in range(3)]
        receipts = [speaker.parse(answer) for answer in await asyncio.gather(*tasks)]
        assert speaker.parse(await hanging).status is ReceiptStatus.UNCERTAIN
    assert sorted(receipt.code for receipt in receipts) == ["pool_timeout", "pool_timeout", "timeout"]
    waited = [receipt for receipt in receipts if receipt.code == "pool_timeout"]
    assert {receipt.status for receipt in waited} == {ReceiptStatus.RETRY}


@every_provider
@pytest.mark.parametrize("behaviour", ["closes", "hangs"])
async def test_a_server_that_speaks_no_protocol_is_never_taken_for_success(sample: Sample, behaviour: str) -> None:
    async def strange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if behaviour == "hangs":
            await reader.read()
        writer.close()

    async with listening(strange) as port:
        speaker = sample.adapter(smtp_port=port, http_port=port, timeout_s=0.3)
        receipt = speaker.parse(await speaker.send(speaker.build(sample.message())))
        await speaker.aclose()
    assert receipt.status is sample.silent


@every_provider
async def test_no_credential_shows_in_what_is_stored_or_logged(sample: Sample, sandbox: SandboxProcess) -> None:
    async with speaking(sample, sandbox, **sample.more) as speaker:
        request = speaker.build(sample.message())
        answer = await speaker.send(request)
        echoes = [Response(status=404, body=f"<h1>{secret} not found</h1>") for secret in sample.secrets] + [
            Response(status=502, body={"description": secret, "path": [secret]}) for secret in sample.secrets
        ]
        shown = [repr(speaker), str(speaker), repr(request), repr(answer), repr(speaker.parse(answer))]
    shown += [repr(speaker.parse(echo)) for echo in echoes]
    for secret in sample.secrets:
        assert not [text for text in shown if secret in text or repr(secret)[1:-1] in text]


@every_provider
def test_a_setting_that_is_wrong_is_named_with_what_to_do(sample: Sample) -> None:
    with pytest.raises(Misconfigured, match=r"has no setting 'webhook_secrett'.*Did you mean webhook_secret"):
        sample.adapter(webhook_secrett="x")
    with pytest.raises(Misconfigured, match=r"connections.*number from 1 to 500"):
        sample.adapter(connections=0)
    with pytest.raises(Misconfigured, match="lacks its setting"):
        create(sample.channel, {"provider": sample.provider})


@every_provider
def test_what_a_channel_cannot_carry_is_refused_not_dropped(sample: Sample) -> None:
    with pytest.raises(Unsupported, match=sample.refusal):
        sample.adapter().build(sample.message(data=sample.foreign))


@every_provider
@given(body=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_malformed_callback_is_invalid_input_and_nothing_else(sample: Sample, body: bytes) -> None:
    read = attempted(InvalidInput, lambda: ADAPTERS[str(sample)].parse_webhook({}, body))
    if isinstance(read, InvalidInput):
        assert read.remedy
    else:
        assert all(one.at.tzinfo for one in read)


def test_every_provider_has_a_sample() -> None:
    assert {(sample.channel, sample.provider) for sample in SAMPLES} == set(factories())


def test_a_provider_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(Misconfigured, match=r"email has no provider 'pigeon'.*smtp"):
        create(Channel.EMAIL, {"provider": "pigeon"})


def test_a_channel_without_an_adapter_says_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {place: made for place, made in factories().items() if place[0] is not Channel.CHAT}
    monkeypatch.setattr(registry, "factories", lambda: known)
    with pytest.raises(Misconfigured, match=r"No adapter speaks for the channel chat.*email.*telegram"):
        create(Channel.CHAT, {})


def attempted(error: type[LeoError], act: Callable[[], Any]) -> Any:
    """Give the result, or the error where it is of the kind that is promised."""
    try:
        return act()
    except error as promised:
        return promised


@asynccontextmanager
async def speaking(sample: Sample, sandbox: SandboxProcess, **more: Any) -> AsyncIterator[Adapter]:
    speaker = sample.adapter(now=time.time(), smtp_port=sandbox.smtp_port, http_port=sandbox.http_port, **more)
    yield speaker
    await speaker.aclose()


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


ADAPTERS = {str(sample): sample.adapter() for sample in SAMPLES}
