"""Segments: save, try, refresh, and ask who is in them and why."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.preconditions import Expecting, tag
from api.routes.paging import After, Limit, following
from api.schemas.base import LARGEST_ID, Document
from api.schemas.members import ChangeOut, ChangePage, ExplainedOut, MemberOut, MemberPage
from api.schemas.segments import (
    PreviewIn,
    PreviewOut,
    RefreshedOut,
    SampledOut,
    SegmentIn,
    SegmentOut,
    SegmentPage,
    VersionList,
    VersionOut,
    VocabularyOut,
)
from api.work import Work, Working, WorkRoute, needs
from engine import segments
from engine.segments import Moved, Segment
from engine.tenants import Scope
from rules.conditions import JSON_SCHEMA, Language

_RULE_SCHEMA: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A JSON Schema, draft 2020-12.",
        "content": {"application/json": {"example": {"title": JSON_SCHEMA["title"], "$ref": JSON_SCHEMA["$ref"]}}},
    }
}

# A key may contain any character, even "/"; so the routes with something after the key come before the bare key.
SegmentKey = Annotated[str, Path(min_length=1, max_length=100, description="The segment's key.")]
Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")]
ProfileQuery = Annotated[str, Query(min_length=1, max_length=255, description="The person's ext_id.")]

router = APIRouter(route_class=WorkRoute, tags=["segments"])


@router.post("/segments", status_code=201, operation_id="saveSegment", openapi_extra=needs(Scope.WRITE))
async def save_segment(body: SegmentIn, work: Working, expected: Expecting, response: Response) -> SegmentOut:
    """Save a segment, or the next version of one, and find who satisfies it now."""
    saved = await segments.save_segment(
        work.conn,
        tenant_id=work.tenant_id,
        key=body.key,
        name=body.name,
        rule=body.said(),
        schedule=body.schedule,
        zone=body.zone,
        by=await work.author(),
        expected=expected,
    )
    tag(response, saved.revision)
    diff = await segments.refresh_segment(work.conn, tenant_id=work.tenant_id, segment_id=saved.segment_id)
    work.ring_started(diff.started)
    return SegmentOut.of(await segments.get_segment(work.conn, tenant_id=work.tenant_id, segment_id=saved.segment_id))


@router.get("/segments", operation_id="listSegments", openapi_extra=needs(Scope.READ))
async def list_segments(work: Working, after: After = 0, limit: Limit = 100) -> SegmentPage:
    """List segments in the order of their ids; sizes are as of the last refresh."""
    found = await segments.list_segments(work.conn, tenant_id=work.tenant_id, after=after, limit=limit)
    return SegmentPage(
        items=[SegmentOut.of(segment) for segment in found],
        next=following([segment.segment_id for segment in found], limit),
    )


@router.post("/segments/preview", operation_id="previewSegment", openapi_extra=needs(Scope.READ))
async def preview_segment(body: PreviewIn, work: Working) -> PreviewOut:
    """Count who satisfies a rule now, give some examples and put the rule into words, without saving anything."""
    rule = body.said()
    found = await segments.preview(work.conn, rule=rule, sample=body.sample)
    return PreviewOut(
        count=found.count,
        sample=[SampledOut.model_validate(dict(person)) for person in found.sample],
        took_ms=found.took_ms,
        rule=rule,
        text=dict(found.text),
    )


@router.get(
    "/segments/rule-schema",
    operation_id="showRuleSchema",
    responses=_RULE_SCHEMA,
    openapi_extra=needs(Scope.READ),
)
async def show_rule_schema(work: Working) -> Document:
    """Give the JSON Schema of a segment's rule."""
    del work
    return dict(JSON_SCHEMA)


@router.get("/vocabulary", operation_id="getVocabulary", openapi_extra=needs(Scope.READ, may_be_late=True))
async def get_vocabulary(work: Working) -> VocabularyOut:
    """Name what rules can ask for: attributes and events as the newest people have them, purposes, graph patterns."""
    return VocabularyOut.of(await segments.vocabulary(work.conn, tenant_id=work.tenant_id))


@router.post("/segments/{key:path}/refresh", operation_id="refreshSegment", openapi_extra=needs(Scope.WRITE))
async def refresh_segment(key: SegmentKey, work: Working) -> RefreshedOut:
    """Find who satisfies the rule now; joining or leaving starts the campaigns that wait for it."""
    segment = await _of(work, key)
    diff = await segments.refresh_segment(work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id)
    work.ring_started(diff.started)
    return RefreshedOut.of(diff)


@router.post("/segments/{key:path}/archive", operation_id="archiveSegment", openapi_extra=needs(Scope.WRITE))
async def archive_segment(key: SegmentKey, work: Working) -> SegmentOut:
    """Archive a segment: nobody is in it any more; its versions, changes and snapshots stay."""
    segment = await _of(work, key)
    await segments.archive_segment(work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id)
    return SegmentOut.of(await _of(work, key))


@router.get("/segments/{key:path}/versions", operation_id="listSegmentVersions", openapi_extra=needs(Scope.READ))
async def list_segment_versions(key: SegmentKey, work: Working) -> VersionList:
    """List every rule that a segment has had, the newest first."""
    segment = await _of(work, key)
    found = await segments.versions(work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id)
    return VersionList(items=[VersionOut.of(version) for version in found])


@router.get("/segments/{key:path}/changes", operation_id="listSegmentChanges", openapi_extra=needs(Scope.READ))
async def list_segment_changes(key: SegmentKey, work: Working, before: Before = None, limit: Limit = 100) -> ChangePage:
    """List who joined and who left, the newest refresh first; at most `limit` of one refresh."""
    segment = await _of(work, key)
    found = await segments.changes(
        work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id, before=before, limit=limit
    )
    whole = _whole(found, limit)
    return ChangePage(
        items=[ChangeOut.model_validate(moved) for moved in whole],
        next=whole[-1].refresh_id if len(found) == limit else None,
    )


@router.get(
    "/segments/{key:path}/members", operation_id="listSegmentMembers", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def list_segment_members(key: SegmentKey, work: Working, after: After = 0, limit: Limit = 100) -> MemberPage:
    """List who is in a segment as of its last refresh, in the order of their profile ids."""
    segment = await _of(work, key)
    found = await segments.members(
        work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id, after=after, limit=limit
    )
    return MemberPage(
        items=[MemberOut.model_validate(dict(member)) for member in found],
        next=following([member["profile_id"] for member in found], limit),
    )


@router.get(
    "/segments/{key:path}/explain", operation_id="explainSegment", openapi_extra=needs(Scope.READ, may_be_late=True)
)
async def explain_segment(
    key: SegmentKey, profile: ProfileQuery, work: Working, language: Language = Language.EN
) -> ExplainedOut:
    """Say of one person which conditions of the rule hold now, which do not, and what was found."""
    segment = await _of(work, key)
    return ExplainedOut.of(
        await segments.explain(
            work.conn, tenant_id=work.tenant_id, segment_id=segment.segment_id, ext_id=profile, language=language
        )
    )


@router.get("/segments/{key:path}", operation_id="getSegment", openapi_extra=needs(Scope.READ))
async def get_segment(key: SegmentKey, work: Working, response: Response) -> SegmentOut:
    """Show a segment, with its rule in words."""
    found = await _of(work, key)
    tag(response, found.revision)
    return SegmentOut.of(found)


async def _of(work: Work, key: str) -> Segment:
    return await segments.segment_by_key(work.conn, tenant_id=work.tenant_id, key=key)


def _whole(found: list[Moved], limit: int) -> list[Moved]:
    """Leave the last refresh of a full page for the next page, because it may be cut; unless it is the only one."""
    if len(found) < limit:
        return found
    return [moved for moved in found if moved.refresh_id > found[-1].refresh_id] or found
