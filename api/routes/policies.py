"""Policies: draft, check, switch on, and read every version in plain words."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.routes.paging import Limit
from api.schemas.base import Document
from api.schemas.policies import (
    LARGEST_VERSION,
    PolicyCheckIn,
    PolicyIn,
    PolicyKeyOut,
    PolicyKeyPage,
    PolicyOut,
    PolicySaidOut,
    PolicyVersionPage,
    SwitchOnIn,
)
from api.work import Working, WorkRoute, needs
from engine import policies
from engine.tenants import Scope
from rules.policy import Policy
from rules.policy.schema import JSON_SCHEMA

_SCHEMA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON Schema, draft 2020-12.",
        "content": {"application/json": {"example": {"title": JSON_SCHEMA["title"], "type": JSON_SCHEMA["type"]}}},
    }
}

# A key may contain any character, even "/"; so the routes with something after the key come before the bare key.
PolicyKey = Annotated[str, Path(min_length=1, max_length=100, description="The policy's key.")]
VersionNumber = Annotated[int, Path(ge=1, le=LARGEST_VERSION)]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_VERSION, description="The `next` of the page before.")]
# Each version comes with its document and its sentences.
Versions = Annotated[int, Query(ge=1, le=100, description="At most so many versions.")]
AfterKey = Annotated[str, Query(max_length=100, description="The `next` of the page before.")]

router = APIRouter(route_class=WorkRoute, tags=["policies"])


@router.post("/policies", status_code=201, operation_id="savePolicy", openapi_extra=needs(Scope.WRITE))
async def save_policy(body: PolicyIn, work: Working) -> PolicyOut:
    """Save the next version of a policy, or give the newest if it says the same."""
    saved = await policies.save(
        work.conn,
        tenant_id=work.tenant_id,
        key=body.key,
        document=body.document,
        is_draft=body.draft,
        note=body.note,
    )
    return PolicyOut.of(saved)


@router.get("/policies", operation_id="listPolicies", openapi_extra=needs(Scope.READ))
async def list_policies(work: Working, after: AfterKey = "", limit: Limit = 100) -> PolicyKeyPage:
    """List policies by their keys, each with the version in force."""
    found = await policies.keys(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    items = [PolicyKeyOut.of(one) for one in found]
    return PolicyKeyPage(items=items, next=items[-1].key if len(items) == limit else None)


@router.get("/policies/schema", operation_id="policySchema", openapi_extra=needs(Scope.READ), responses=_SCHEMA)
async def policy_schema(work: Working) -> Document:
    """Give the JSON Schema of a policy's document."""
    del work
    return dict(JSON_SCHEMA)


@router.post("/policies/check", operation_id="checkPolicy", openapi_extra=needs(Scope.READ))
async def check_policy(body: PolicyCheckIn, work: Working) -> PolicySaidOut:
    """Check a policy without saving it, and put it into plain words."""
    del work
    return PolicySaidOut.of(Policy.parse(body.document))


@router.post("/policies/{key:path}/switch-on", operation_id="switchOnPolicy", openapi_extra=needs(Scope.WRITE))
async def switch_on_policy(key: PolicyKey, body: SwitchOnIn, work: Working) -> PolicyOut:
    """Put a version in force from now on; it becomes the newest version of the policy."""
    switched = await policies.switch_on(
        work.conn, tenant_id=work.tenant_id, key=key, version=body.version, note=body.note
    )
    return PolicyOut.of(switched)


@router.get("/policies/{key:path}/versions", operation_id="listPolicyVersions", openapi_extra=needs(Scope.READ))
async def list_versions(
    key: PolicyKey, work: Working, before: Before = None, limit: Versions = 20
) -> PolicyVersionPage:
    """List a policy's versions, the newest first, including drafts."""
    found = await policies.versions(work.conn, tenant_id=work.tenant_id, key=key, before=before, limit=limit)
    items = [PolicyOut.of(one) for one in found]
    return PolicyVersionPage(items=items, next=items[-1].version if len(items) == limit else None)


@router.get("/policies/{key:path}/versions/{version}", operation_id="getPolicyVersion", openapi_extra=needs(Scope.READ))
async def get_version(key: PolicyKey, version: VersionNumber, work: Working) -> PolicyOut:
    """Show one version of a policy."""
    return PolicyOut.of(await policies.get(work.conn, tenant_id=work.tenant_id, key=key, version=version))


@router.get("/policies/{key:path}", operation_id="getPolicy", openapi_extra=needs(Scope.READ))
async def get_policy(key: PolicyKey, work: Working) -> PolicyOut:
    """Show the version of a policy that is in force, or its newest draft if none is."""
    return PolicyOut.of(await policies.get(work.conn, tenant_id=work.tenant_id, key=key))
