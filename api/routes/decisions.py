"""Decisions with their reasons, and traces."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.routes.paging import Limit, PathId, following
from api.schemas.base import LARGEST_ID
from api.schemas.decisions import DecisionOut, DecisionPage, TraceOut, WholeDecision
from api.work import Working, WorkRoute, needs
from engine import decisions, profiles, trace
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["decisions"])


@router.get("/decisions", operation_id="listDecisions", openapi_extra=needs(Scope.READ))
async def list_decisions(
    work: Working,
    profile: Annotated[str | None, Query(max_length=255, description="A profile's ext_id.")] = None,
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")] = None,
    limit: Limit = 100,
) -> DecisionPage:
    """List decisions, newest first; of one person or campaign, if given."""
    profile_id = None
    if profile is not None:
        profile_id = await profiles.profile_id_of(work.conn, tenant_id=work.tenant_id, ext_id=profile)
    found = await decisions.list_decisions(
        work.conn,
        tenant_id=work.tenant_id,
        profile_id=profile_id,
        campaign_id=campaign_id,
        before=before,
        limit=limit,
    )
    return DecisionPage(
        items=[DecisionOut.model_validate(decision) for decision in found],
        next=following([decision.decision_id for decision in found], limit),
    )


@router.get("/decisions/{decision_id}", operation_id="getDecision", openapi_extra=needs(Scope.READ))
async def get_decision(decision_id: PathId, work: Working) -> WholeDecision:
    """Show a decision with every candidate and each reason against it."""
    return WholeDecision.of(await decisions.get_decision(work.conn, tenant_id=work.tenant_id, decision_id=decision_id))


@router.get("/trace/{kind}/{record:path}", operation_id="getTrace", openapi_extra=needs(Scope.READ, may_be_late=True))
async def get_trace(
    kind: trace.Kind,
    record: Annotated[str, Path(min_length=1, max_length=255, description="An id, or the record's own key.")],
    work: Working,
    newest: Annotated[int, Query(ge=1, le=1000, description="At most so many journeys.")] = trace.NEWEST,
) -> TraceOut:
    """Show the journey of a profile, event, delivery or decision: who decided what, when, why, and what came of it."""
    root = await trace.find(work.conn, record, kind=kind)
    return TraceOut.model_validate((await trace.trace(work.conn, root, newest=newest)).as_document())
