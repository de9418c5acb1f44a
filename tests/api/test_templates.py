"""Templates over HTTP: saved in two languages, tried on a person, sent to the sandbox, approved by somebody."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import app_with
from api.services import Services
from engine.tenants import Scope
from tests.api.conftest import Callers
from tests.api.story import EMAIL, MAI, ok
from tests.channels.sandbox_process import start_sandbox
from tests.conftest import Tenant

OFFER: dict[str, Any] = {
    **EMAIL,
    "body_mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>Hạng {{ profile.tier }}</mj-text>"
    "</mj-column></mj-section></mj-body></mjml>",
    "translations": {"en": {"subject": "Hello", "body_text": "Tier {{ profile.tier }}"}},
}


async def test_a_template_is_saved_tried_and_approved(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    saved = await ok(await caller.post("/templates", json=OFFER))
    assert (saved["status"], saved["approved_by"]) == ("draft", None)
    assert "Hạng {{ profile.tier }}" in saved["body_html"]
    place = f"/templates/{saved['template_id']}"

    seen = await ok(await caller.post(f"{place}/preview", json={"ext_id": "kh-1"}))
    assert (seen["could_leave"], seen["written_in"], seen["label_added"]) == (True, "vi", "[QC]")
    assert seen["subject"] == "[QC] Chào Trần Thị Mai"
    assert "Hạng vàng" in seen["html"]
    english = await ok(await caller.post(f"{place}/preview", json={"ext_id": "kh-1", "locale": "en"}))
    assert english["text"].startswith("Tier vàng")

    approved = await ok(await caller.post(f"{place}/approve"))
    assert approved["approved_by"].startswith("API key ")
    assert await ok(await caller.get(place)) == approved
    assert (await ok(await caller.post("/templates", json=OFFER)))["template_id"] == saved["template_id"]


async def test_another_tenant_neither_sees_nor_tries_it(caller: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    saved = await ok(await caller.post("/templates", json=OFFER))
    place = f"/templates/{saved['template_id']}"
    await ok(await stranger.post("/profiles", json=MAI))
    tried = {"ext_id": "kh-1", "address": "me@shop.example"}
    answers = [
        await stranger.get(place),
        await stranger.post(f"{place}/preview", json={"ext_id": "kh-1"}),
        await stranger.post(f"{place}/trial", json=tried),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


@pytest.mark.parametrize("hostile", ["\x00", "x" * 300_000])
async def test_hostile_content_is_refused_with_its_field(caller: httpx.AsyncClient, hostile: str) -> None:
    answer = await caller.post("/templates", json={**EMAIL, "body_text": hostile})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.body_text"


async def test_a_template_that_loops_too_much_fails_for_the_person_not_for_the_server(
    caller: httpx.AsyncClient,
) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    source = "{% for i in (1..2000) %}{% for j in (1..2000) %}x{% endfor %}{% endfor %}"
    saved = await ok(await caller.post("/templates", json={**EMAIL, "body_text": source}))
    seen = await ok(await caller.post(f"/templates/{saved['template_id']}/preview", json={"ext_id": "kh-1"}))
    assert not seen["could_leave"]
    assert "too much work" in seen["problems"][0]
    (fault,) = seen["faults"]
    assert (fault["kind"], fault["where"], fault["text"]["en"]) == (
        "template.too_much_work",
        "body_text",
        seen["problems"][0],
    )
    assert "làm quá nhiều việc" in fault["text"]["vi"]


async def test_all_that_is_wrong_with_buttons_is_told_at_once_each_with_its_place(caller: httpx.AsyncClient) -> None:
    wrong = [{"title": "x" * 21, "url": "shop.example"}, {"title": "Xem", "url": "https://shop.example"}]
    english = {"body_text": "Hello", "data": {"buttons": [{"title": "", "reply": "yes"}]}}
    body = {"key": "nut", "channel": "facebook", "body_text": "Chào", "translations": {"en": english}}
    answer = await caller.post("/templates", json={**body, "data": {"buttons": wrong}})
    assert answer.status_code == 422
    assert [(one["field"], one["kind"]) for one in answer.json()["errors"]] == [
        ("body.data.buttons[0].title", "button.long_title"),
        ("body.data.buttons[0].url", "button.no_address"),
        ("body.translations.en.data.buttons[0].title", "button.no_title"),
    ]
    saved = await ok(await caller.post("/templates", json={**body, "translations": {}}))
    assert saved["button_limits"]["most"] == 3
    odd = {"data": {"buttons": [{"title": "{{ profile.name", "url": "https://shop.example"}]}}
    (fault,) = (await caller.post("/templates", json={**body, "translations": {}, **odd})).json()["errors"]
    assert (fault["field"], fault["kind"]) == ("body.data.buttons[0].title", "template.no_liquid")


async def test_a_trial_arrives_in_the_sandbox(callers: Callers, services: Services, tenant: Tenant) -> None:
    sandbox = await start_sandbox()
    ports = {"sandbox_smtp_port": sandbox.smtp_port, "sandbox_http_port": int(sandbox.base_url.rpartition(":")[2])}
    known = await callers.of(tenant, [Scope.WRITE])
    moved = app_with(replace(services, settings=services.settings.model_copy(update=ports)))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(moved), base_url="http://api.example", headers=known.headers
    ) as caller:
        await ok(await caller.post("/profiles", json=MAI))
        saved = await ok(await caller.post("/templates", json=OFFER))
        tried = {"ext_id": "kh-1", "address": "me@shop.example"}
        told = await ok(await caller.post(f"/templates/{saved['template_id']}/trial", json=tried))
    assert told["status"] == "accepted"
    (received,) = await sandbox.messages()
    assert received["subject"] == "[QC] Chào Trần Thị Mai"
    assert sandbox.close() == 0
