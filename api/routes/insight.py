"""What a tenant's whole graph shows, and the graph itself for export."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.schemas.insight import InsightOut
from api.work import ActingNow, ActRoute, needs
from engine.graph_file import MOST_ELEMENTS, Form
from engine.tenants import Scope

router = APIRouter(route_class=ActRoute, tags=["cypher"])

Most = Annotated[int, Query(ge=1, le=MOST_ELEMENTS, description="Refuse a graph with more nodes or edges.")]
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The graph as a file, sent while it is read.",
        "content": {
            Form.GRAPHML.media_type: {"schema": {"type": "string"}, "example": "<graphml>...</graphml>"},
            Form.JSON.media_type: {"schema": {"type": "object"}, "example": {"nodes": [], "edges": []}},
        },
    }
}


@router.get("/graph/insight", operation_id="getInsight", openapi_extra=needs(Scope.READ))
async def get_insight(acting: ActingNow) -> InsightOut:
    """Show how people move between touchpoints, which of these matter, who belongs together; at most 5 minutes old."""
    return InsightOut.of(await acting.services.insights.of(acting.services.db, acting.tenant_id))


@router.get(
    "/graph/export",
    operation_id="exportGraph",
    responses=_FILES,
    response_class=StreamingResponse,
    openapi_extra=needs(Scope.READ),
)
async def export_graph(
    acting: ActingNow, form: Annotated[Form, Query(alias="format")] = Form.GRAPHML, most: Most = 100_000
) -> StreamingResponse:
    """Export the whole graph as GraphML or JSON; one export at a time per tenant."""
    services = acting.services
    pieces = await services.graph_files.begin(services.db, acting.tenant_id, form, most=most)
    headers = {"Content-Disposition": f'attachment; filename="leo.{form.value}"'}
    return StreamingResponse(pieces, media_type=form.media_type, headers=headers)
