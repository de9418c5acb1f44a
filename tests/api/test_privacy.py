"""A person's rights over HTTP: a copy of what is kept, and to be erased."""

import httpx

from engine.tenants import Scope
from tests.api.conftest import Callers
from tests.api.story import MAI, campaign, ok
from tests.conftest import Tenant


async def test_a_person_is_exported_and_erased(caller: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await campaign(caller)
    kept = await ok(await caller.get("/profiles/kh-1/export"))
    assert (kept["profiles"][0]["name"], kept["addresses"][0]["value"]) == (MAI["name"], "mai@khach.example")
    assert (await stranger.get("/profiles/kh-1/export")).status_code == 404
    why = {"reason": "asked by mail"}
    assert (await stranger.post("/profiles/kh-1/erase", json=why)).status_code == 404

    done = await ok(await caller.post("/profiles/kh-1/erase", json=why))
    assert (done["counts"]["profiles"], done["counts"]["addresses"]) == (1, 1)
    answers = [
        await caller.get("/profiles/kh-1"),
        await caller.get("/profiles/kh-1/export"),
        await caller.post("/profiles/kh-1/erase", json=why),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_erasing_needs_the_scope_and_a_reason(
    callers: Callers, tenant: Tenant, caller: httpx.AsyncClient
) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    reader = await callers.of(tenant, [Scope.READ])
    assert (await reader.post("/profiles/kh-1/erase", json={"reason": "x"})).status_code == 403
    assert (await caller.post("/profiles/kh-1/erase", json={"reason": ""})).status_code == 422
    assert (await caller.post("/profiles/kh-1/erase", json={})).status_code == 422
