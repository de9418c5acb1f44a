"""Steps that many tests begin with."""

from typing import Any

import httpx

MAI: dict[str, Any] = {
    "ext_id": "kh-1",
    "name": "Trần Thị Mai",
    "attributes": {"city": "Huế", "tier": "vàng"},
    "addresses": [{"channel": "email", "value": "mai@khach.example"}],
    "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": "2026-01-02T03:04:05+07:00"}],
}
EMAIL = {
    "key": "chao",
    "channel": "email",
    "subject": "Chào {{ profile.name }}",
    "body_text": "Chào {{ profile.name }}. Ngừng nhận: {{ unsubscribe_url }}",
}
ALWAYS_AWAKE: dict[str, Any] = {"quiet_hours": None, "caps": []}


async def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    return answer.json()


async def campaign(caller: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Send a person, a segment with that person, an approved template and a draft campaign."""
    await ok(await caller.post("/profiles", json=MAI))
    segment = {"key": "hue", "name": "Huế", "rule": {"all": [{"attribute": "city", "is": "Huế"}]}}
    await ok(await caller.post("/segments", json=segment))
    template = await ok(await caller.post("/templates", json=EMAIL))
    await ok(await caller.post(f"/templates/{template['template_id']}/approve"))
    body = {
        "key": "xin-chao",
        "name": "Xin chào",
        "segment": "hue",
        "template_ids": [template["template_id"]],
        "policy": ALWAYS_AWAKE,
        **fields,
    }
    made: dict[str, Any] = await ok(await caller.post("/campaigns", json=body))
    return made
