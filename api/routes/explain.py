"""Why a decision is as it is, why another was not made, and what a campaign or a policy would lead to."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from api.routes.paging import PathId
from api.schemas.base import LARGEST_ID
from api.schemas.explain import ExplainedOut, ReplayOut, WhyNotOut
from api.schemas.rehearsals import ComparedOut, CompareIn, DryRunIn, DryRunOut, ForecastIn, ForecastOut
from api.work import Working, WorkRoute, needs
from engine import explain
from engine.tenants import Scope
from rules.conditions import Language
from rules.words import Channel

router = APIRouter(route_class=WorkRoute, tags=["decisions"])

PersonKey = Annotated[str, Path(min_length=1, max_length=255, description="A profile's ext_id.")]
PolicyKey = Annotated[str, Path(min_length=1, max_length=100)]
At = Annotated[AwareDatetime | None, Query(description="As of that instant; now where none is given.")]


@router.get(
    "/decisions/{decision_id}/explain",
    operation_id="explainDecision",
    openapi_extra=needs(Scope.READ, may_be_late=True),
)
async def explain_decision(decision_id: PathId, work: Working, language: Language = Language.EN) -> ExplainedOut:
    """Explain a decision: each candidate, where it dropped out and why, who chose, and what else could have been."""
    return ExplainedOut.of(
        await explain.explain_decision(work.conn, tenant_id=work.tenant_id, decision_id=decision_id, language=language)
    )


@router.get(
    "/decisions/{decision_id}/replay", operation_id="replayDecision", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def replay_decision(decision_id: PathId, work: Working) -> ReplayOut:
    """Decide again from the stored inputs, and say whether the result is the same or what changed."""
    return ReplayOut.of(await explain.replay(work.conn, tenant_id=work.tenant_id, decision_id=decision_id))


@router.get("/profiles/{ext_id:path}/why-not", operation_id="whyNot", openapi_extra=needs(Scope.READ, may_be_late=True))
async def why_not(
    ext_id: PersonKey,
    work: Working,
    campaign_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    campaign: Annotated[str | None, Query(min_length=1, max_length=100, description="Or the campaign's key.")] = None,
    channel: Channel | None = None,
    template: Annotated[str | None, Query(min_length=1, max_length=100, description="A template's key.")] = None,
    at: At = None,
    language: Language = Language.EN,
) -> WhyNotOut:
    """Say why somebody did not get a message of a campaign, whether or not anything was decided for them."""
    found = await explain.why_not(
        work.conn,
        tenant_id=work.tenant_id,
        ext_id=ext_id,
        campaign_id=campaign_id,
        campaign=campaign,
        channel=channel,
        template=template,
        at=at,
        language=language,
    )
    return WhyNotOut.of(found)


@router.post("/campaigns/{campaign_id}/forecast", operation_id="forecastCampaign", openapi_extra=needs(Scope.READ))
async def forecast_campaign(campaign_id: PathId, body: ForecastIn, work: Working) -> ForecastOut:
    """Count what a campaign would lead to for the people of its segment; nothing is written."""
    return ForecastOut.of(
        await explain.forecast(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id, **body.model_dump())
    )


@router.post("/campaigns/{campaign_id}/dry-run", operation_id="dryRunCampaign", openapi_extra=needs(Scope.READ))
async def dry_run_campaign(campaign_id: PathId, body: DryRunIn, work: Working) -> DryRunOut:
    """Show what a campaign would decide for a few people, each with every candidate; nothing is written."""
    return DryRunOut.of(
        await explain.dry_run(work.conn, tenant_id=work.tenant_id, campaign_id=campaign_id, **body.model_dump())
    )


@router.post("/policies/{key:path}/compare", operation_id="comparePolicy", openapi_extra=needs(Scope.READ))
async def compare_policy(key: PolicyKey, body: CompareIn, work: Working) -> ComparedOut:
    """Decide past decisions again under another version of their policy, before it is switched on."""
    return ComparedOut.of(
        await explain.compare_policies(work.conn, tenant_id=work.tenant_id, key=key, **body.model_dump())
    )
