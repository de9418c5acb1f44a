"""Profiles that may be one person: found, listed, merged, unmerged, refused."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.routes.paging import After, Limit, PathId, following
from api.schemas.identity import FoundOut, MergedOut, MergeIn, ProposalOut, ProposalPage, RefusedOut
from api.work import Working, WorkRoute, needs
from engine import identity
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["profiles"])

PathExtId = Annotated[str, Path(min_length=1, max_length=255)]


@router.get("/duplicates", operation_id="listDuplicates", openapi_extra=needs(Scope.READ))
async def list_duplicates(work: Working, after: After = 0, limit: Limit = 100) -> ProposalPage:
    """List profiles that may be one person, why, and which one to keep; in the order of their smallest ids."""
    found = await identity.proposals(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return ProposalPage(
        items=[ProposalOut.model_validate(proposal) for proposal in found],
        next=following([proposal.members[0].profile_id for proposal in found], limit),
    )


@router.post("/duplicates/find", operation_id="findDuplicates", openapi_extra=needs(Scope.WRITE))
async def find_duplicates(work: Working) -> FoundOut:
    """Search all active profiles for those that share an e-mail address, a phone number or a Zalo id."""
    return FoundOut.model_validate(await identity.find_duplicates(work.conn, tenant_id=work.tenant_id))


@router.post("/duplicates/{duplicate_id}/refuse", operation_id="refuseDuplicate", openapi_extra=needs(Scope.WRITE))
async def refuse_duplicate(duplicate_id: PathId, work: Working) -> RefusedOut:
    """Say that the two profiles of a pair are not one person, so that they are not proposed again."""
    await identity.refuse(work.conn, tenant_id=work.tenant_id, duplicate_id=duplicate_id, by=work.who)
    return RefusedOut(duplicate_id=duplicate_id, status="refused")


@router.post("/profiles/{ext_id:path}/merge", operation_id="mergeProfiles", openapi_extra=needs(Scope.WRITE))
async def merge_profiles(ext_id: PathExtId, body: MergeIn, work: Working) -> MergedOut:
    """Merge profiles into this one: history and ids stay, messages still queued for the merged ones are cancelled."""
    done = await identity.merge(
        work.conn, tenant_id=work.tenant_id, winner=ext_id, losers=body.losers, reason=body.reason, by=work.who
    )
    return MergedOut.model_validate(done)


@router.post("/profiles/{ext_id:path}/unmerge", operation_id="unmergeProfile", openapi_extra=needs(Scope.WRITE))
async def unmerge_profile(ext_id: PathExtId, work: Working) -> MergedOut:
    """Make a merged profile a person of its own again, together with those that were merged into it."""
    done = await identity.unmerge(work.conn, tenant_id=work.tenant_id, loser=ext_id, by=work.who)
    return MergedOut.model_validate(done)
