"""Templates: saved, previewed for a person, sent to the sandbox, approved."""

from fastapi import APIRouter, Response

from api.preconditions import Expecting, tag
from api.routes.paging import After, Limit, PathId, following
from api.schemas.contents import ContentList, ContentOut, NameList, NameOut
from api.schemas.previews import DraftIn, PreviewIn, PreviewOut, TrialIn, TrialOut, WrittenOut
from api.schemas.templates import LackingList, LackingOut, TemplateIn, TemplateOut, TemplatePage
from api.work import ActingNow, ActRoute, Working, WorkRoute, needs
from engine import campaigns, clock, lacking
from engine.tenants import Scope

router = APIRouter(route_class=WorkRoute, tags=["templates"])
trials = APIRouter(route_class=ActRoute, tags=["templates"])


@router.post("/templates", status_code=201, operation_id="saveTemplate", openapi_extra=needs(Scope.WRITE))
async def save_template(body: TemplateIn, work: Working, expected: Expecting, response: Response) -> TemplateOut:
    """Save a template as a draft: the next version under its key, or the newest if it says the same."""
    saved = await campaigns.save_template(
        work.conn, tenant_id=work.tenant_id, by=await work.author(), expected=expected, **body.model_dump()
    )
    tag(response, saved.revision)
    return TemplateOut.model_validate(saved)


@router.get("/templates", operation_id="listTemplates", openapi_extra=needs(Scope.READ))
async def list_templates(work: Working, after: After = 0, limit: Limit = 100) -> TemplatePage:
    """List templates in the order of their ids."""
    found = await campaigns.list_templates(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return TemplatePage(
        items=[TemplateOut.model_validate(template) for template in found],
        next=following([template.template_id for template in found], limit),
    )


@router.get("/templates/contents", operation_id="listContents", openapi_extra=needs(Scope.READ))
async def list_contents(work: Working) -> ContentList:
    """List what a template can carry on each channel: parts, limits and data."""
    del work
    return ContentList(items=[ContentOut.of(one) for one in campaigns.list_contents()])


@router.get("/templates/names", operation_id="listNames", openapi_extra=needs(Scope.READ))
async def list_names(work: Working) -> NameList:
    """List what a template can print, and how many of the 1,000 newest people and events have it."""
    found = await campaigns.list_names(work.conn, tenant_id=work.tenant_id)
    return NameList(items=[NameOut.model_validate(one) for one in found])


@router.post("/templates/preview", operation_id="previewDraft", openapi_extra=needs(Scope.READ))
async def preview_draft(body: DraftIn, work: Working) -> WrittenOut:
    """Show what a person would get of a text that is being written; nothing is kept or sent."""
    given = {"ext_id", "campaign", "read_in", "event"}
    return WrittenOut.of(
        await campaigns.preview_draft(
            work.conn,
            work.services.links,
            tenant_id=work.tenant_id,
            said=body.model_dump(exclude=given),
            now=clock.now(),
            **body.model_dump(include=given),
        )
    )


@router.post("/templates/{template_id}/approve", operation_id="approveTemplate", openapi_extra=needs(Scope.ACTIVATE))
async def approve_template(template_id: PathId, work: Working) -> TemplateOut:
    """Approve a draft, so that it may be sent."""
    return TemplateOut.model_validate(
        await campaigns.approve_template(work.conn, tenant_id=work.tenant_id, template_id=template_id, by=work.who)
    )


@router.get("/templates/{template_id}", operation_id="getTemplate", openapi_extra=needs(Scope.READ))
async def get_template(template_id: PathId, work: Working, response: Response) -> TemplateOut:
    """Show one version of a template."""
    found = await campaigns.get_template(work.conn, tenant_id=work.tenant_id, template_id=template_id)
    tag(response, found.revision)
    return TemplateOut.model_validate(found)


@router.get("/templates/{template_id}/lacking", operation_id="countLacking", openapi_extra=needs(Scope.READ))
async def count_lacking(template_id: PathId, work: Working) -> LackingList:
    """Count who lacks a value that the template prints, among the first 50,000 active people."""
    await campaigns.get_template(work.conn, tenant_id=work.tenant_id, template_id=template_id)
    found = await lacking.count_lacking(work.conn, tenant_id=work.tenant_id, template_ids=[template_id])
    return LackingList(items=[LackingOut.model_validate(one) for one in found])


@router.post("/templates/{template_id}/preview", operation_id="previewTemplate", openapi_extra=needs(Scope.READ))
async def preview_template(template_id: PathId, body: PreviewIn, work: Working) -> PreviewOut:
    """Show what a person would get, what is missing, and what the law and the channel object to; nothing is sent."""
    return PreviewOut.of_preview(
        await campaigns.preview_template(
            work.conn,
            work.services.links,
            tenant_id=work.tenant_id,
            template_id=template_id,
            now=clock.now(),
            **body.model_dump(),
        )
    )


@trials.post("/templates/{template_id}/trial", operation_id="trialTemplate", openapi_extra=needs(Scope.WRITE))
async def trial_template(template_id: PathId, body: TrialIn, acting: ActingNow) -> TrialOut:
    """Send what a person would get to an address in the sandbox; the person receives nothing."""
    services = acting.services
    async with services.db.transaction(acting.tenant_id) as conn:
        preview = await campaigns.preview_template(
            conn,
            services.links,
            tenant_id=acting.tenant_id,
            template_id=template_id,
            now=clock.now(),
            **body.model_dump(exclude={"address"}),
        )
    return TrialOut.model_validate(await campaigns.send_trial(services.settings, preview, body.address))
