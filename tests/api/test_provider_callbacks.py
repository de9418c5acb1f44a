"""Each provider's own callback, signed as that provider signs, from its address at the API to the events it makes."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.callbacks import facebook, zalo
from channels.contract import Secret
from tests.api.story import MAI, ok

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


async def events(caller: httpx.AsyncClient) -> list[tuple[str, str]]:
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
