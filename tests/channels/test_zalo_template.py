"""A Zalo template goes by phone number or by user id, as the address says, and each host's codes mean their own."""

import json

import pytest

from channels import facts
from channels.contract import Receipt, ReceiptClass, ReceiptStatus, Response, Unsupported
from rules.words import Channel
from tests.channels.samples import adapter, event_id, message
from tests.channels.samples.zalo_oa import USER_ID
from tests.channels.sandbox_process import SandboxProcess

TEMPLATE = Channel.ZALO_TEMPLATE
BY_PHONE, BY_USER = facts.load("zalo_template"), facts.load("zalo_oa")
DATA = {"template_id": 203972, "template_data": {"customer": "Ánh", "points": 12}}


def answered(code: int, *, by: str) -> Receipt:
    return adapter(TEMPLATE).parse(Response(status=200, body={"error": code, "message": "m"}, ids={"by": by}))


def test_a_phone_number_goes_to_the_business_host_with_a_number_to_track_it_by() -> None:
    request = adapter(TEMPLATE).build(message(TEMPLATE, data=DATA))
    assert (request.target, request.ids) == ("/message/template", {"by": "phone"})
    assert json.loads(request.body) == {
        "phone": "84912345678",
        "template_id": "203972",
        "template_data": {"customer": "Ánh", "points": "12"},
        "tracking_id": event_id("sample")[: BY_PHONE.limit("tracking_id_characters")],
    }
    trial = adapter(TEMPLATE, mode="development").build(message(TEMPLATE, data=DATA))
    assert json.loads(trial.body)["mode"] == "development"


def test_a_users_id_goes_to_the_accounts_host() -> None:
    request = adapter(TEMPLATE).build(message(TEMPLATE, address=USER_ID, data=DATA))
    assert (request.target, request.ids) == ("/v3.0/oa/message/template", {"by": "user"})
    assert json.loads(request.body)["user_id"] == USER_ID


@pytest.mark.parametrize("address", ["", "0912345678", "+8491234567", "+12025550123", "1" * 15, "1" * 20, "\x00"])
def test_what_is_neither_is_refused(address: str) -> None:
    with pytest.raises(Unsupported) as caught:
        adapter(TEMPLATE).build(message(TEMPLATE, address=address))
    assert caught.value.receipt.klass is ReceiptClass.INVALID_ADDRESS


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data": {"template_data": {"a": "b"}}}, "names no template"),
        ({"data": {"template_id": "12/../3", "template_data": {"a": "b"}}}, "names no template"),
        ({"data": {"template_id": "12"}}, "no parameters"),
        ({"data": {"template_id": "12", "template_data": {"a": ["b"]}}}, "parameter a .* neither text nor a number"),
        ({"data": {"template_id": "12", "template_data": {"a": "\x00"}}}, "parameter a"),
        ({"html": "<b>a</b>"}, "neither subject nor HTML"),
        ({"subject": "a"}, "neither subject nor HTML"),
    ],
)
def test_what_a_template_cannot_carry_is_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        adapter(TEMPLATE).build(message(TEMPLATE, **more))


def test_each_host_has_a_table_of_its_own() -> None:
    for known in BY_PHONE.answers:
        if not known.stages:
            receipt = answered(known.first, by="phone")
            assert (receipt.status, receipt.klass) == (known.status, known.klass)
    # The same number: an unknown error by phone, an attachment that is too old by user id.
    assert answered(-100, by="phone").status is ReceiptStatus.RETRY
    assert answered(-100, by="user").status is ReceiptStatus.REJECTED
    assert answered(-249, by="user").klass is ReceiptClass.BAD_REQUEST


async def test_both_ways_arrive_and_a_template_needs_no_window(sandbox: SandboxProcess) -> None:
    await sandbox.ask("social/heard", {"channel": TEMPLATE, "address": USER_ID, "hours_ago": None})
    speaker = adapter(TEMPLATE, http_port=sandbox.http_port)
    receipts = [
        speaker.parse(await speaker.send(speaker.build(message(TEMPLATE, address, address=address))))
        for address in ("+84912345678", USER_ID)
    ]
    await speaker.aclose()
    assert [receipt.klass for receipt in receipts] == ["accepted", "accepted"]
    assert len({receipt.provider_id for receipt in receipts}) == 2
    assert [one["address"] for one in await sandbox.messages()] == ["+84912345678", USER_ID]


async def test_a_refused_token_is_known_on_either_host(sandbox: SandboxProcess) -> None:
    await sandbox.ask("social/apps", {"app_id": "1", "app_secret": "s", "kind": "zalo"})
    speaker = adapter(TEMPLATE, http_port=sandbox.http_port)
    receipts = [
        speaker.parse(await speaker.send(speaker.build(message(TEMPLATE, address=address))))
        for address in ("+84912345678", USER_ID)
    ]
    await speaker.aclose()
    assert [(one.code, one.status, one.klass) for one in receipts] == [
        ("-124", ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED),
        ("-216", ReceiptStatus.RETRY, ReceiptClass.TOKEN_EXPIRED),
    ]
    assert not await sandbox.messages()
