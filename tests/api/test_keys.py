"""Who may do what: platform key, API keys, scopes, and the border between tenants."""

from datetime import UTC, datetime, timedelta
from secrets import token_hex

import httpx
import pytest

from api.services import Services
from engine.tenants import Scope, create_api_key, revoke_api_key
from tests.api.conftest import Callers
from tests.api.story import MAI, campaign, ok
from tests.conftest import Tenant

ENDPOINTS = {
    ("GET", "/profiles"): Scope.READ,
    ("POST", "/profiles"): Scope.WRITE,
    ("POST", "/events"): Scope.WRITE,
    ("POST", "/segments"): Scope.WRITE,
    ("GET", "/segments"): Scope.READ,
    ("GET", "/segments/rule-schema"): Scope.READ,
    ("POST", "/segments/preview"): Scope.READ,
    ("GET", "/segments/hue"): Scope.READ,
    ("POST", "/segments/hue/refresh"): Scope.WRITE,
    ("POST", "/segments/hue/archive"): Scope.WRITE,
    ("POST", "/snapshot/create"): Scope.WRITE,
    ("GET", "/snapshots"): Scope.READ,
    ("POST", "/snapshots/1/verify"): Scope.READ,
    ("POST", "/data/sync-segment"): Scope.WRITE,
    ("POST", "/templates"): Scope.WRITE,
    ("POST", "/templates/1/approve"): Scope.ACTIVATE,
    ("POST", "/campaigns"): Scope.WRITE,
    ("GET", "/campaigns"): Scope.READ,
    ("POST", "/channels"): Scope.ADMIN,
    ("GET", "/channels"): Scope.READ,
    ("POST", "/campaigns/1/activate"): Scope.ACTIVATE,
    ("POST", "/campaigns/1/pause"): Scope.ACTIVATE,
    ("POST", "/activate/profile"): Scope.ACTIVATE,
    ("GET", "/decisions"): Scope.READ,
    ("GET", "/trace/profile/1"): Scope.READ,
    ("GET", "/decisions/1/explain"): Scope.READ,
    ("GET", "/decisions/1/replay"): Scope.READ,
    ("GET", "/profiles/kh-1/why-not"): Scope.READ,
    ("POST", "/campaigns/1/forecast"): Scope.READ,
    ("POST", "/campaigns/1/dry-run"): Scope.READ,
    ("POST", "/policies/default/compare"): Scope.READ,
    ("POST", "/activate/agent"): Scope.WRITE,
    ("GET", "/tasks"): Scope.READ,
    ("GET", "/tasks/1/events"): Scope.READ,
    ("POST", "/tasks/1/approve"): Scope.APPROVE,
    ("POST", "/tasks/1/reject"): Scope.APPROVE,
    ("POST", "/tasks/1/cancel"): Scope.WRITE,
}


async def test_the_operator_makes_a_tenant_and_its_first_key(services: Services, anybody: httpx.AsyncClient) -> None:
    operator = {"X-Platform-Key": services.platform_key}
    slug = f"shop_{token_hex(4)}"
    made = await ok(await anybody.post("/tenants", json={"slug": slug, "name": "Hoa Sen"}, headers=operator))
    assert made["slug"] == slug
    body = {"name": "shop", "scopes": ["write", "read"]}
    key = await ok(await anybody.post(f"/tenants/{slug}/keys", json=body, headers=operator))
    assert key["secret"].startswith(f"leo_{key['prefix']}_")
    assert key["scopes"] == ["read", "write"]
    for headers in ({"Authorization": f"Bearer {key['secret']}"}, {"X-API-Key": key["secret"]}):
        assert (await ok(await anybody.get("/tenant", headers=headers)))["tenant_id"] == made["tenant_id"]
    taken = await anybody.post("/tenants", json={"slug": slug, "name": "Hoa Sen"}, headers=operator)
    assert taken.status_code == 409
    assert "slug" in taken.json()["detail"]


async def test_a_wrong_platform_key_makes_nothing(anybody: httpx.AsyncClient) -> None:
    body = {"slug": "not_made", "name": "Not made"}
    assert (await anybody.post("/tenants", json=body)).status_code == 401
    for wrong in (b"", b"wrong", "sai khoá".encode()):
        assert (await anybody.post("/tenants", json=body, headers={b"X-Platform-Key": wrong})).status_code == 401


async def test_a_tenants_key_makes_no_tenants(caller: httpx.AsyncClient) -> None:
    refused = await caller.post("/tenants", json={"slug": "not_made", "name": "Not made"})
    assert refused.status_code == 403


async def test_an_administrators_key_makes_keys_of_its_own_tenant_alone(
    callers: Callers, tenant: Tenant, other_tenant: Tenant
) -> None:
    body = {"name": "made", "scopes": ["read"]}
    administrator = await callers.of(tenant, ["admin"])
    await ok(await administrator.post(f"/tenants/{tenant.slug}/keys", json=body))
    assert (await administrator.post(f"/tenants/{other_tenant.slug}/keys", json=body)).status_code == 404
    writer = await callers.of(tenant, ["write"])
    assert (await writer.post(f"/tenants/{tenant.slug}/keys", json=body)).status_code == 403


@pytest.mark.parametrize(("method", "path"), list(ENDPOINTS))
async def test_every_endpoint_wants_a_key_and_its_scope(
    method: str, path: str, anybody: httpx.AsyncClient, callers: Callers, module_tenant: Tenant
) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer leo_00000000_wrong"},
        {"Authorization": "Basic x"},
        {"X-API-Key": "x"},
    ):
        refused = await anybody.request(method, path, headers=headers)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    others = await callers.of(module_tenant, [scope for scope in Scope if scope != ENDPOINTS[method, path]])
    refused = await others.request(method, path, content=b"not json")
    assert refused.status_code == 403, "a key without the scope learns nothing more"
    assert ENDPOINTS[method, path] in refused.json()["detail"]
    entitled = await callers.of(module_tenant, [ENDPOINTS[method, path]])
    assert (await entitled.request(method, path)).status_code not in {401, 403}


async def test_a_key_that_is_revoked_or_expired_is_unknown(
    services: Services, anybody: httpx.AsyncClient, tenant: Tenant
) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with services.db.transaction(tenant.tenant_id) as conn:
        expired = await create_api_key(conn, tenant_id=tenant.tenant_id, name="old", scopes=["read"], expires_at=past)
        revoked = await create_api_key(conn, tenant_id=tenant.tenant_id, name="lost", scopes=["read"])
        await revoke_api_key(conn, tenant_id=tenant.tenant_id, api_key_id=revoked.api_key_id)
    for key in (expired, revoked):
        answer = await anybody.get("/profiles", headers={"X-API-Key": key.secret})
        assert answer.status_code == 401


async def test_no_tenant_sees_or_touches_what_another_owns(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    made = await campaign(caller)
    paths = [
        "/profiles/kh-1",
        f"/campaigns/{made['campaign_id']}",
        "/trace/profile/kh-1",
        "/decisions?profile=kh-1",
        "/decisions/1",
    ]
    for path in paths:
        assert (await stranger.get(path)).status_code == 404, path
    for verb in ("activate", "pause", "resume", "cancel"):
        assert (await stranger.post(f"/campaigns/{made['campaign_id']}/{verb}")).status_code == 404
    assert (await stranger.post(f"/templates/{made['template_ids'][0]}/approve")).status_code == 404
    assert (await stranger.post("/snapshot/create", json={"segment": "hue"})).status_code == 404
    event = {"type": "visit", "profile": "kh-1"}
    assert (await stranger.post("/events", json=event)).status_code == 422
    stolen = {"key": "k", "name": "n", "template_ids": made["template_ids"]}
    assert (await stranger.post("/campaigns", json=stolen)).status_code == 404
    for path in ("/profiles", "/segments", "/templates", "/campaigns", "/decisions"):
        assert (await ok(await stranger.get(path)))["items"] == []
    theirs = await ok(await stranger.post("/profiles", json=MAI))
    assert theirs["inserted"] == 1


async def _keys(client: httpx.AsyncClient, tenant: Tenant) -> list[dict[str, object]]:
    items: list[dict[str, object]] = (await ok(await client.get(f"/tenants/{tenant.slug}/keys")))["items"]
    return items


async def test_a_key_is_rotated_with_an_overlap_and_then_revoked(
    services: Services, callers: Callers, anybody: httpx.AsyncClient, tenant: Tenant
) -> None:
    administrator = await callers.of(tenant, ["admin"])
    path = f"/tenants/{tenant.slug}/keys"
    first = await ok(await administrator.post(path, json={"name": "shop", "scopes": ["read", "write"]}))
    second = await ok(await administrator.post(f"{path}/{first['api_key_id']}/rotate", json={"overlap_s": 3600}))
    assert (second["name"], second["scopes"], second["expires_at"]) == ("shop", ["read", "write"], None)
    assert second["secret"] != first["secret"]

    async def opens(key: dict[str, str]) -> int:
        return (await anybody.get("/tenant", headers={"X-API-Key": key["secret"]})).status_code

    assert (await opens(first), await opens(second)) == (200, 200), "both, for as long as they overlap"
    listed = {one["api_key_id"]: one for one in await _keys(administrator, tenant)}
    assert "secret" not in listed[first["api_key_id"]]
    ends = datetime.fromisoformat(str(listed[first["api_key_id"]]["expires_at"]))
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    async with services.db.transaction(tenant.tenant_id) as conn:
        await conn.execute("UPDATE api_key SET expires_at = now() WHERE api_key_id = %s", (first["api_key_id"],))
    assert (await opens(first), await opens(second)) == (401, 200)
    assert (await administrator.post(f"{path}/{first['api_key_id']}/rotate", json={})).status_code == 409
    for _ in range(2):
        ended = await ok(await administrator.post(f"{path}/{second['api_key_id']}/revoke"))
        assert ended["revoked_at"] is not None
    assert await opens(second) == 401


async def test_a_key_that_ends_soon_does_not_live_longer_for_being_rotated(callers: Callers, tenant: Tenant) -> None:
    administrator = await callers.of(tenant, ["admin"])
    path = f"/tenants/{tenant.slug}/keys"
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    made = await ok(await administrator.post(path, json={"name": "k", "scopes": ["read"], "expires_at": soon}))
    await ok(await administrator.post(f"{path}/{made['api_key_id']}/rotate", json={"overlap_s": 86_400}))
    (old,) = [one for one in await _keys(administrator, tenant) if one["api_key_id"] == made["api_key_id"]]
    assert datetime.fromisoformat(str(old["expires_at"])) == datetime.fromisoformat(soon)


async def test_keys_of_another_tenant_are_not_ended(callers: Callers, tenant: Tenant, other_tenant: Tenant) -> None:
    theirs = await callers.of(other_tenant, ["admin"])
    (key,) = await _keys(theirs, other_tenant)
    ours = await callers.of(tenant, ["admin"])
    for slug in (tenant.slug, other_tenant.slug):
        for step in ("rotate", "revoke"):
            refused = await ours.post(f"/tenants/{slug}/keys/{key['api_key_id']}/{step}", json={})
            assert refused.status_code == 404
    (left,) = await _keys(theirs, other_tenant)
    assert left == key
