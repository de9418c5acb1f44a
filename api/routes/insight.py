"""What a tenant's whole graph shows, and the graph itself to take away."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.schemas.insight import InsightOut
from api.services import Services
from api.work import ActingNow, ActRoute, needs
from engine.explorer import catalog
from engine.tenants import Scope
from graph import stream
from rules.errors import Conflict

router = APIRouter(route_class=ActRoute, tags=["cypher"])

Most = Annotated[int, Query(ge=1, le=stream.MOST_ELEMENTS, description="Refuse a graph with more nodes or edges.")]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The graph as a file, sent while it is read.",
        "content": {
            stream.Form.GRAPHML.media_type: {"schema": {"type": "string"}, "example": "<graphml>...</graphml>"},
            stream.Form.JSON.media_type: {"schema": {"type": "object"}, "example": {"nodes": [], "edges": []}},
        },
    }
}


@router.get("/graph/insight", operation_id="getInsight", openapi_extra=needs(Scope.READ))
async def get_insight(acting: ActingNow) -> InsightOut:
    """Tell how people move between touchpoints, which of these matter, who hangs together; every 5 minutes anew."""
    return InsightOut.of(await acting.services.insights.of(acting.services.db, acting.tenant_id))


@router.get(
    "/graph/export",
    operation_id="exportGraph",
    responses=_FILES,
    response_class=StreamingResponse,
    openapi_extra=needs(Scope.READ),
)
async def export_graph(
    acting: ActingNow, form: Annotated[stream.Form, Query(alias="format")] = stream.Form.GRAPHML, most: Most = 100_000
) -> StreamingResponse:
    """Take the whole graph away as GraphML or JSON; one at a time for a tenant."""
    services, tenant_id = acting.services, acting.tenant_id
    if tenant_id in services.exporting:
        raise Conflict("The graph is being exported already.", remedy="Wait until that is done.")
    services.exporting.add(tenant_id)
    pieces = _pieces(services, tenant_id, form, most)
    try:
        # What is refused is refused before anything is sent.
        first = await anext(pieces)
    except BaseException:
        services.exporting.discard(tenant_id)
        raise
    headers = {"Content-Disposition": f'attachment; filename="leo.{form.value}"'}
    return StreamingResponse(_whole(first, pieces), media_type=form.media_type, headers=headers)


async def _pieces(services: Services, tenant_id: UUID, form: stream.Form, most: int) -> AsyncIterator[str]:
    try:
        async with services.db.transaction(tenant_id, read_only=True) as conn:
            graph = await stream.checked(conn, most=most)
            known = await catalog(conn)
            properties = {
                "node": frozenset(name for one in known.labels for name in one.properties),
                "edge": frozenset(name for one in known.edges for name in one.properties),
            }
            async for piece in stream.told(conn, graph, form, properties=properties, most=most):
                yield piece
    finally:
        services.exporting.discard(tenant_id)


async def _whole(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for piece in rest:
        yield piece
