"""People: saved one by one or a few hundred at a time, read by page or one by one."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.routes.paging import After, Limit, following
from api.schemas.people import ProfileKey, ProfileOut, ProfilePage, Profiles, Upserted, WholeProfile
from api.work import Working, WorkRoute, needs
from engine import profiles
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["profiles"])


@router.post("/profiles", operation_id="upsertProfiles", openapi_extra=needs(Scope.WRITE))
async def upsert_profiles(body: Profiles, work: Working) -> Upserted:
    """Insert or change people by their ext_id: one, or a list of up to 500."""
    given = body if isinstance(body, list) else [body]
    documents = [profile.model_dump(mode="json", exclude_unset=True) for profile in given]
    done = await profiles.upsert_profiles(work.conn, tenant_id=work.tenant_id, profiles=documents, recheck=True)
    if done.inserted or done.updated:
        work.ring_recheck()
    return Upserted(
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        profiles=[ProfileKey(ext_id=profile.ext_id, profile_id=done.ids[profile.ext_id]) for profile in given],
    )


@router.get("/profiles", operation_id="listProfiles", openapi_extra=needs(Scope.READ, may_be_late=True))
async def list_profiles(work: Working, after: After = 0, limit: Limit = 100) -> ProfilePage:
    """List people in the order of their ids."""
    found = await profiles.list_profiles(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return ProfilePage(
        items=[ProfileOut.model_validate(profile) for profile in found],
        next=following([profile.profile_id for profile in found], limit),
    )


@router.get("/profiles/{ext_id:path}", operation_id="getProfile", openapi_extra=needs(Scope.READ))
async def get_profile(ext_id: Annotated[str, Path(min_length=1, max_length=255)], work: Working) -> WholeProfile:
    """Show one person with their addresses and the consents in force."""
    return WholeProfile.model_validate(await profiles.get_profile(work.conn, tenant_id=work.tenant_id, ext_id=ext_id))
