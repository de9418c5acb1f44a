"""Tenants and their keys: made by the operator of the platform, keys by a tenant's administrator too."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Path

from api.schemas.tenants import CallerOut, KeyIn, KeyOut, TenantIn, TenantOut
from api.work import OWNER, Working, WorkRoute, needs
from engine import tenants
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
    """Create an API key. The secret is in this answer alone; what is stored is its hash."""
    if work.caller is None:
        tenant_id = await tenants.tenant_by_slug(work.conn, slug)
        await tenants.enter(work.conn, tenant_id)
    elif work.caller.slug == slug:
        tenant_id = work.caller.tenant_id
    else:
        raise NotFound(f"There is no tenant {slug!r}.", remedy="An administrator's key is for its own tenant.")
    made = await tenants.create_api_key(
        work.conn, tenant_id=tenant_id, name=body.name, scopes=body.scopes, expires_at=body.expires_at
    )
    return KeyOut.model_validate(made)


@router.get("/tenant", operation_id="getTenant", openapi_extra=needs(*Scope))
async def get_tenant(work: Working) -> TenantOut:
    """Show the tenant that the key belongs to."""
    return TenantOut.model_validate(await tenants.get_tenant(work.conn, tenant_id=work.tenant_id))


@router.get("/caller", operation_id="getCaller", openapi_extra=needs(*Scope))
async def get_caller(work: Working) -> CallerOut:
    """Show what the key may do, the role that follows, and the tenant it belongs to."""
    tenant = await tenants.get_tenant(work.conn, tenant_id=work.tenant_id)
    return CallerOut.of(work.caller, tenant)
