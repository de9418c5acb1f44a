"""Tenants and their keys: created by the operator of the platform, keys also by a tenant's administrator."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Path

from api.routes.paging import PathId
from api.schemas.tenants import ApiKeyOut, ApiKeys, CallerOut, KeyIn, KeyOut, RotateIn, TenantIn, TenantOut
from api.work import OWNER, Work, Working, WorkRoute, needs
from engine import clock, tenants
from engine.tenants import Scope
from rules.errors import NotFound

router = APIRouter(route_class=WorkRoute, tags=["tenants"])

Slug = Annotated[str, Path(max_length=41)]


@router.post("/tenants", status_code=201, operation_id="createTenant", openapi_extra=needs(OWNER))
async def create_tenant(body: TenantIn, work: Working) -> TenantOut:
    """Create a tenant, with a graph of its own."""
    tenant_id = uuid4()
    await tenants.enter(work.conn, tenant_id)
    made = await tenants.create_tenant(work.conn, tenant_id=tenant_id, **body.model_dump())
    return TenantOut.model_validate(made)


@router.post(
    "/tenants/{slug}/keys",
    status_code=201,
    operation_id="createApiKey",
    openapi_extra=needs(OWNER, Scope.ADMIN, is_secret=True),
)
async def create_api_key(slug: Slug, body: KeyIn, work: Working) -> KeyOut:
    """Create an API key. Its secret is only in this answer; what is stored is a hash of it."""
    tenant_id = await _inside(slug, work)
    made = await tenants.create_api_key(
        work.conn, tenant_id=tenant_id, name=body.name, scopes=body.scopes, expires_at=body.expires_at
    )
    return KeyOut.model_validate(made)


@router.get("/tenants/{slug}/keys", operation_id="listApiKeys", openapi_extra=needs(OWNER, Scope.ADMIN))
async def list_api_keys(slug: Slug, work: Working) -> ApiKeys:
    """List a tenant's API keys, the newest first, including those that have ended."""
    tenant_id = await _inside(slug, work)
    found = await tenants.list_api_keys(work.conn, tenant_id=tenant_id)
    return ApiKeys(items=[ApiKeyOut.model_validate(one) for one in found])


@router.post(
    "/tenants/{slug}/keys/{api_key_id}/rotate",
    status_code=201,
    operation_id="rotateApiKey",
    openapi_extra=needs(OWNER, Scope.ADMIN, is_secret=True),
)
async def rotate_api_key(slug: Slug, api_key_id: PathId, body: RotateIn, work: Working) -> KeyOut:
    """Create a key like an existing one, which ends after the overlap; until then both work."""
    tenant_id = await _inside(slug, work)
    ends_at = clock.now() + timedelta(seconds=body.overlap_s)
    made = await tenants.rotate_api_key(work.conn, tenant_id=tenant_id, api_key_id=api_key_id, ends_at=ends_at)
    return KeyOut.model_validate(made)


@router.post(
    "/tenants/{slug}/keys/{api_key_id}/revoke",
    operation_id="revokeApiKey",
    openapi_extra=needs(OWNER, Scope.ADMIN),
)
async def revoke_api_key(slug: Slug, api_key_id: PathId, work: Working) -> ApiKeyOut:
    """End a key at once; ending it again changes nothing."""
    tenant_id = await _inside(slug, work)
    await tenants.revoke_api_key(work.conn, tenant_id=tenant_id, api_key_id=api_key_id)
    (ended,) = await tenants.list_api_keys(work.conn, tenant_id=tenant_id, api_key_id=api_key_id)
    return ApiKeyOut.model_validate(ended)


@router.get("/tenant", operation_id="getTenant", openapi_extra=needs(*Scope))
async def get_tenant(work: Working) -> TenantOut:
    """Show the tenant that the key belongs to."""
    return TenantOut.model_validate(await tenants.get_tenant(work.conn, tenant_id=work.tenant_id))


@router.get("/caller", operation_id="getCaller", openapi_extra=needs(*Scope))
async def get_caller(work: Working) -> CallerOut:
    """Show what the key may do, the role that follows from it, and the tenant it belongs to."""
    tenant = await tenants.get_tenant(work.conn, tenant_id=work.tenant_id)
    return CallerOut.of(work.caller, tenant)


async def _inside(slug: str, work: Work) -> UUID:
    """Enter the named tenant; an administrator's key only works for its own. Raises NotFound."""
    if work.caller is None:
        tenant_id = await tenants.tenant_by_slug(work.conn, slug)
        await tenants.enter(work.conn, tenant_id)
        return tenant_id
    if work.caller.slug == slug:
        return work.caller.tenant_id
    raise NotFound(f"There is no tenant {slug!r}.", remedy="An administrator's key is for its own tenant.")
