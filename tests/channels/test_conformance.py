"""What every channel promises, tried on each adapter the registry knows, over the real wire where there is one."""

import asyncio
import functools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import Adapter, Fault, ReceiptClass, ReceiptStatus, Request, Response, Unsupported
from channels.registry import create, factories
from rules.errors import InvalidInput, LeoError, Misconfigured
from rules.words import Channel
from tests.channels.samples import PASSWORD, SECRETS, adapter, message, settings
from tests.channels.sandbox_process import SandboxProcess

CHANNELS = sorted({channel for channel, _ in factories()})
every_channel = pytest.mark.parametrize("channel", CHANNELS)

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
    status=st.integers() | st.sampled_from([200, 250, 400, 421, 429, 550, 554]),
    body=bodies,
    ids=st.dictionaries(st.sampled_from(["stage", "provider_id", "retry_after", "chat_id"]), st.text(), max_size=4),
    fault=st.none() | st.sampled_from(Fault),
)


@every_channel
def test_the_same_message_gives_the_same_request_on_any_machine_at_any_time(channel: Channel) -> None:
    first = adapter(channel, now=1.0).build(message(channel))
    again = adapter(channel, now=2e9).build(message(channel))
    assert first == again
    assert isinstance(first, Request)
    assert first.event_id == message(channel).event_id


@every_channel
def test_two_deliveries_never_share_a_request(channel: Channel) -> None:
    speaker = adapter(channel)
    assert speaker.build(message(channel, "one")) != speaker.build(message(channel, "two"))


@pytest.mark.parametrize("channel", CHANNELS)
@given(subject=st.none() | st.text(), text=st.none() | st.text(), html=st.none() | st.text(), address=st.text())
def test_any_content_is_either_expressed_or_refused_with_a_reason(
    channel: Channel, subject: str | None, text: str | None, html: str | None, address: str
) -> None:
    speaker = ADAPTERS[channel]
    for given_address in (address, message(channel).address):
        content = message(channel, subject=subject, text=text, html=html, address=given_address)
        built = attempted(Unsupported, functools.partial(speaker.build, content))
        if isinstance(built, Unsupported):
            assert built.receipt.status is ReceiptStatus.REJECTED
            assert built.remedy
        else:
            assert built.body


@pytest.mark.parametrize("channel", CHANNELS)
@given(response=responses)
def test_any_answer_is_read_without_an_error(channel: Channel, response: Response) -> None:
    receipt = ADAPTERS[channel].parse(response)
    assert receipt.status in set(ReceiptStatus)
    assert receipt.retry_after is None or 0 <= receipt.retry_after <= 86_400
    if response.fault is not None:
        assert receipt.status is not ReceiptStatus.ACCEPTED
    if receipt.status is ReceiptStatus.ACCEPTED:
        assert response.status in (200, 250)


@every_channel
async def test_a_message_arrives_as_it_was_written(channel: Channel, sandbox: SandboxProcess) -> None:
    async with speaking(channel, sandbox) as speaker:
        receipt = speaker.parse(await speaker.send(speaker.build(message(channel))))
    assert (receipt.status, receipt.klass) == (ReceiptStatus.ACCEPTED, ReceiptClass.ACCEPTED)
    assert receipt.provider_id
    (arrived,) = await sandbox.messages()
    assert arrived["event_id"] == message(channel).event_id
    assert arrived["channel"] == channel
    assert arrived["address"] == message(channel).address
    assert "Nguyễn Thị Ánh" in arrived["text"]
    assert "Ưu đãi 20% < 3 ngày & miễn phí ship." in arrived["text"]


@every_channel
async def test_many_at_once_share_a_few_connections(channel: Channel, sandbox: SandboxProcess) -> None:
    async with speaking(channel, sandbox, connections=4) as speaker:
        requests = [speaker.build(message(channel, seed)) for seed in range(64)]
        receipts = [speaker.parse(answer) for answer in await asyncio.gather(*map(speaker.send, requests))]
    assert {receipt.status for receipt in receipts} == {ReceiptStatus.ACCEPTED}
    assert len({receipt.provider_id for receipt in receipts}) == 64
    assert (await sandbox.ask("stats"))["event_ids"] == 64


@every_channel
async def test_a_refused_connection_is_tried_again_later(channel: Channel) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        speaker = adapter(channel, smtp_port=port, http_port=port)
        receipt = speaker.parse(await speaker.send(speaker.build(message(channel))))
        await speaker.aclose()
    assert (receipt.status, receipt.klass, receipt.code) == (
        ReceiptStatus.RETRY,
        ReceiptClass.PROVIDER_DOWN,
        "refused",
    )


@every_channel
@pytest.mark.parametrize(("mode", "cause"), [("cut", "cut"), ("hang", "timeout")])
async def test_a_provider_that_takes_the_message_and_says_nothing_leaves_it_uncertain(
    channel: Channel, mode: str, cause: str, sandbox: SandboxProcess
) -> None:
    await sandbox.ask("faults", {"channel": channel, "mode": mode, "keep": True})
    async with speaking(channel, sandbox, timeout_s=0.5) as speaker:
        receipt = speaker.parse(await speaker.send(speaker.build(message(channel))))
        after = speaker.parse(await speaker.send(speaker.build(message(channel, "the next one"))))
    assert (receipt.status, receipt.code) == (ReceiptStatus.UNCERTAIN, cause)
    assert after.status is ReceiptStatus.ACCEPTED
    assert len(await sandbox.messages()) == 2  # it had arrived: a blind second try would have made it three


@every_channel
async def test_whoever_waits_in_vain_for_a_connection_has_sent_nothing(
    channel: Channel, sandbox: SandboxProcess
) -> None:
    await sandbox.ask("faults", {"channel": channel, "mode": "hang", "times": None})
    async with speaking(channel, sandbox, connections=1, timeout_s=1.0) as speaker:
        hanging = asyncio.create_task(speaker.send(speaker.build(message(channel, "hangs"))))
        await asyncio.sleep(0.5)
        tasks = [speaker.send(speaker.build(message(channel, seed))) for seed in range(3)]
        receipts = [speaker.parse(answer) for answer in await asyncio.gather(*tasks)]
        assert speaker.parse(await hanging).status is ReceiptStatus.UNCERTAIN
    assert sorted(receipt.code for receipt in receipts) == ["pool_timeout", "pool_timeout", "timeout"]
    waited = [receipt for receipt in receipts if receipt.code == "pool_timeout"]
    assert {receipt.status for receipt in waited} == {ReceiptStatus.RETRY}


@every_channel
@pytest.mark.parametrize("behaviour", ["closes", "hangs"])
async def test_a_server_that_speaks_no_protocol_is_never_taken_for_success(channel: Channel, behaviour: str) -> None:
    async def strange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if behaviour == "hangs":
            await reader.read()
        writer.close()

    async with listening(strange) as port:
        speaker = adapter(channel, smtp_port=port, http_port=port, timeout_s=0.3)
        receipt = speaker.parse(await speaker.send(speaker.build(message(channel))))
        await speaker.aclose()
    # SMTP speaks first, so a silent relay never saw the message; an HTTP server may have read all of it.
    expected = ReceiptStatus.RETRY if channel is Channel.EMAIL else ReceiptStatus.UNCERTAIN
    assert receipt.status is expected


@every_channel
async def test_no_credential_shows_in_what_is_stored_or_logged(channel: Channel, sandbox: SandboxProcess) -> None:
    more: dict[str, Any] = {"username": "leo", "password": PASSWORD} if channel is Channel.EMAIL else {}
    async with speaking(channel, sandbox, **more) as speaker:
        request = speaker.build(message(channel))
        answer = await speaker.send(request)
        echoes = [Response(status=404, body=f"<h1>{secret} not found</h1>") for secret in SECRETS] + [
            Response(status=502, body={"description": secret, "path": [secret]}) for secret in SECRETS
        ]
        shown = [repr(speaker), str(speaker), repr(request), repr(answer), repr(speaker.parse(answer))]
    mine = [secret for secret in SECRETS if secret in settings(channel, **more).values()]
    shown += [repr(speaker.parse(echo)) for echo in echoes if any(secret in repr(echo) for secret in mine)]
    for secret in mine:
        assert not [text for text in shown if secret in text or repr(secret)[1:-1] in text]


@every_channel
def test_a_setting_that_is_wrong_is_named_with_what_to_do(channel: Channel) -> None:
    with pytest.raises(Misconfigured, match=r"has no setting 'webhook_secrett'.*Did you mean webhook_secret"):
        create(channel, settings(channel, webhook_secrett="x"))
    with pytest.raises(Misconfigured, match=r"connections.*number from 1 to 500"):
        create(channel, settings(channel, connections=0))
    with pytest.raises(Misconfigured, match="lacks its setting"):
        create(channel, {})


@every_channel
def test_what_a_channel_cannot_carry_is_refused_not_dropped(channel: Channel) -> None:
    with pytest.raises(Unsupported, match="cannot carry buttons"):
        adapter(channel).build(message(channel, data={"buttons": ["Mua"]}))


@pytest.mark.parametrize("channel", CHANNELS)
@given(body=st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_malformed_callback_is_invalid_input_and_nothing_else(channel: Channel, body: bytes) -> None:
    read = attempted(InvalidInput, lambda: ADAPTERS[channel].parse_webhook({}, body))
    if isinstance(read, InvalidInput):
        assert read.remedy
    else:
        assert all(one.at.tzinfo for one in read)


def test_a_channel_without_an_adapter_says_which_there_are() -> None:
    with pytest.raises(Misconfigured, match=r"No adapter speaks for the channel chat.*email.*telegram"):
        create(Channel.CHAT, {})


def attempted(error: type[LeoError], act: Callable[[], Any]) -> Any:
    """Give the result, or the error where it is of the kind that is promised."""
    try:
        return act()
    except error as promised:
        return promised


@asynccontextmanager
async def speaking(channel: Channel, sandbox: SandboxProcess, **more: Any) -> AsyncIterator[Adapter]:
    speaker = adapter(channel, smtp_port=sandbox.smtp_port, http_port=sandbox.http_port, **more)
    yield speaker
    await speaker.aclose()


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


ADAPTERS = {channel: adapter(channel) for channel in CHANNELS}
