"""Each provider's own callback, signed as that provider signs, from its address at the API to the events it makes."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.callbacks import facebook, zalo
from channels.contract import Secret
from channels.signature import sign
from tests.api.story import MAI, ok

Call = Callable[[int, str], tuple[bytes, dict[str, str]]]
APP_ID, APP_SECRET = "1234567890", "the application's secret"
PERSON: Mapping[str, str] = {"zalo_oa": "2512523625412515", "facebook": "1234567890123456", "telegram": "42"}
FACEBOOK = {"page_id": "111", "access_token": "t", "app_secret": APP_SECRET, "verify_token": "our word"}
ZALO = {"access_token": "t", "app_id": APP_ID, "app_secret": APP_SECRET}


async def connect(caller: httpx.AsyncClient, kind: str, **settings: Any) -> str:
    """Connect a channel and give the path of its webhook; Mai has an address there."""
    addresses = [{"channel": kind, "value": PERSON[kind]}] if kind in PERSON else MAI["addresses"]
    await ok(await caller.post("/profiles", json={**MAI, "addresses": addresses}))
    channel = await ok(await caller.post("/channels", json={"kind": kind, "name": kind, "settings": settings}))
    return str(channel["webhook"])


async def events(caller: httpx.AsyncClient) -> list[tuple[str, int]]:
    found = (await ok(await caller.get("/callbacks")))["items"]
    return [(one["status"], one["new"]) for one in found]


async def test_zalo_tells_of_a_follower(caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> None:
    path = await connect(caller, "zalo_oa", **ZALO)
    now = str(round(time.time() * 1000))
    told = {"event_name": "follow", "app_id": APP_ID, "timestamp": now, "follower": {"id": PERSON["zalo_oa"]}}
    body = json.dumps(told).encode()
    signed = {"X-ZEvent-Signature": f"mac={zalo.mac(APP_ID, body, now, Secret(APP_SECRET))}"}
    answer = await ok(await anybody.post(path, content=body, headers=signed))
    assert (answer["new"], answer["status"]) == (1, "read")
    again = await ok(await anybody.post(path, content=body, headers={**signed, "num_retry": "1"}))
    assert (again["new"], again["duplicate"]) == (0, 1)
    assert (await anybody.post(path, content=body + b" ", headers=signed)).status_code == 401
    assert await events(caller) == [("read", 1)]


async def test_facebook_asks_first_and_tells_then(caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> None:
    path = await connect(caller, "facebook", **FACEBOOK)
    query = {"hub.mode": "subscribe", "hub.verify_token": "our word", "hub.challenge": "1158201444"}
    greeted = await anybody.get(path, params=query)
    assert (greeted.status_code, greeted.text) == (200, "1158201444")
    assert greeted.headers["Content-Type"].startswith("text/plain")
    assert (await anybody.get(path, params={**query, "hub.verify_token": "x"})).status_code == 401
    who = {"sender": {"id": PERSON["facebook"]}, "recipient": {"id": "111"}, "timestamp": round(time.time() * 1000)}
    wrote = {**who, "message": {"mid": "m_1", "text": "Còn hàng không?"}}
    read = {**who, "read": {"watermark": round(time.time() * 1000)}}
    # Meta signs the octets with \uXXXX for what is no ASCII.
    body = json.dumps({"object": "page", "entry": [{"id": "111", "time": 1, "messaging": [wrote, read]}]}).encode()
    signed = {"X-Hub-Signature-256": facebook.sign(Secret(APP_SECRET), body)}
    answer = await ok(await anybody.post(path, content=body, headers=signed))
    assert (answer["new"], answer["unknown"], answer["status"]) == (1, 1, "unknown")
    utf8 = json.dumps(json.loads(body), ensure_ascii=False).encode()
    assert (await anybody.post(path, content=utf8, headers=signed)).status_code == 401


async def test_telegram_tells_of_a_message(caller: httpx.AsyncClient, anybody: httpx.AsyncClient) -> None:
    path = await connect(caller, "telegram", token="1:a", webhook_secret="word")
    message = {"message_id": 8, "date": round(time.time()), "chat": {"id": 42, "type": "private"}, "text": "ạ"}
    body = json.dumps({"update_id": 9, "message": message}).encode()
    secret = {"X-Telegram-Bot-Api-Secret-Token": "word"}
    assert (await ok(await anybody.post(path, content=body, headers=secret)))["new"] == 1
    assert (await anybody.post(path, content=body)).status_code == 401
    (kept,) = (await ok(await caller.get("/callbacks")))["items"]
    whole = await ok(await caller.get(f"/callbacks/{kept['callback_id']}"))
    assert json.loads(whole["body"])["message"]["text"] == "ạ"
    assert "word" not in json.dumps(whole["headers"])


@pytest.mark.parametrize("moment", [0, -2 * 86_400])
async def test_sendgrid_tells_under_its_key_and_not_too_late(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, moment: int
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    shown = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    settings = {"provider": "sendgrid", "api_key": "SG.x", "sender": "a@shop.example"}
    path = await connect(caller, "email", **settings, webhook_public_key=base64.b64encode(shown).decode())
    event = {"event": "spamreport", "email": "mai@khach.example", "sg_event_id": "1", "timestamp": round(time.time())}
    body = json.dumps([event]).encode()
    at = str(round(time.time()) + moment)
    signature = base64.b64encode(key.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": signature,
        "X-Twilio-Email-Event-Webhook-Timestamp": at,
    }
    answer = await anybody.post(path, content=body, headers=headers)
    if moment:
        assert answer.status_code == 401
        return
    assert (await ok(answer))["new"] == 1
    (kept,) = (await ok(await caller.get("/callbacks")))["items"]
    assert (await ok(await caller.post(f"/callbacks/{kept['callback_id']}/replay")))["duplicate"] == 1
    consents = (await ok(await caller.get("/profiles/kh-1")))["consents"]
    assert [(one["channel"], one["granted"]) for one in consents] == [(None, True), ("email", False)]


def _follow(number: int, secret: str) -> tuple[bytes, dict[str, str]]:
    now = str(round(time.time() * 1000) - number)
    told = {"event_name": "follow", "app_id": APP_ID, "timestamp": now, "follower": {"id": PERSON["zalo_oa"]}}
    body = json.dumps(told).encode()
    return body, {"X-ZEvent-Signature": f"mac={zalo.mac(APP_ID, body, now, Secret(secret))}"}


def _reading(number: int, secret: str) -> tuple[bytes, dict[str, str]]:
    at = round(time.time() * 1000) - number
    read = {
        "sender": {"id": PERSON["facebook"]},
        "recipient": {"id": "111"},
        "timestamp": at,
        "read": {"watermark": at},
    }
    body = json.dumps({"object": "page", "entry": [{"id": "111", "time": 1, "messaging": [read]}]}).encode()
    return body, {"X-Hub-Signature-256": facebook.sign(Secret(secret), body)}


def _update(number: int, secret: str) -> tuple[bytes, dict[str, str]]:
    message = {"message_id": number, "date": round(time.time()), "chat": {"id": 42, "type": "private"}, "text": "ạ"}
    return json.dumps({"update_id": number, "message": message}).encode(), {"X-Telegram-Bot-Api-Secret-Token": secret}


def _delivered(number: int, secret: str) -> tuple[bytes, dict[str, str]]:
    at = datetime.now(UTC).isoformat()
    body = json.dumps([{"id": f"t{number}", "type": "delivered", "at": at, "event_id": "00" * 32}]).encode()
    return body, sign(Secret(secret), timestamp=int(time.time()), body=body)


MAIL = {"host": "127.0.0.1", "port": 9, "sender": "LEO <leo@shop.example>"}


@pytest.mark.parametrize(
    ("kind", "name", "given", "call"),
    [
        ("zalo_oa", "app_secret", ZALO, _follow),
        ("zalo_oa", "webhook_secret", ZALO, _follow),
        ("facebook", "app_secret", FACEBOOK, _reading),
        ("telegram", "webhook_secret", {"token": "1:a"}, _update),
        ("email", "webhook_secret", MAIL, _delivered),
    ],
)
async def test_a_changed_secret_counts_from_the_next_callback_on_and_the_old_one_no_more(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient, kind: str, name: str, given: Mapping[str, Any], call: Call
) -> None:
    async def status(number: int, secret: str) -> int:
        body, headers = call(number, secret)
        return (await anybody.post(path, content=body, headers=headers)).status_code

    path = await connect(caller, kind, **{**given, name: "the old"})
    assert (await status(1, "the old"), await status(2, "the new")) == (200, 401)
    assert await connect(caller, kind, **{**given, name: "the new"}) == path
    assert (await status(3, "the new"), await status(4, "the old")) == (200, 401)


async def test_of_zalo_the_old_secret_beside_the_new_keeps_both_open_for_the_overlap(
    caller: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    path = await connect(caller, "zalo_oa", **{**ZALO, "app_secret": "the new", "webhook_secret": "the old"})
    for number, secret in enumerate(("the old", "the new")):
        body, headers = _follow(number, secret)
        assert (await anybody.post(path, content=body, headers=headers)).status_code == 200
    body, headers = _follow(3, "another")
    assert (await anybody.post(path, content=body, headers=headers)).status_code == 401
