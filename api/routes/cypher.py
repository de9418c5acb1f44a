"""The Cypher explorer, for people and for machines: ask, plan, expand, stop, and what was asked and kept."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from api.routes.paging import After, Limit, PathId, following
from api.schemas.base import LARGEST_ID
from api.schemas.cypher import (
    AnswerOut,
    AskedOut,
    AuditOut,
    CatalogOut,
    ExpandedOut,
    ExpandIn,
    HistoryPage,
    LibraryOut,
    PlanIn,
    PlanOut,
    QueryIn,
    SavedIn,
    SavedOut,
    SavedPage,
    StopIn,
    StoppedOut,
)
from api.work import ActingNow, ActRoute, Working, WorkRoute, needs
from engine import explorer
from engine.explorer import Asker
from engine.tenants import Caller, Scope

# A query takes up to half a minute: no connection of the pool is held in the meantime.
asking = APIRouter(route_class=ActRoute, tags=["cypher"])
router = APIRouter(route_class=WorkRoute, tags=["cypher"])

Before = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="The `next` of the page before.")]


@asking.post("/cypher", operation_id="askGraph", openapi_extra=needs(Scope.READ))
async def ask_graph(body: QueryIn, acting: ActingNow) -> AnswerOut:
    """Run a Cypher query on the tenant's graph: read-only, at most 1,000 rows and 30 s, recorded with who asked."""
    answer = await explorer.ask(
        acting.services.db,
        acting.services.vault,
        _asker(acting.tenant_id, acting.caller),
        body.query,
        body.parameters,
        ticket=body.ticket,
        most=body.limit,
    )
    return AnswerOut.of(answer)


@asking.post("/cypher/plan", operation_id="planGraphQuery", openapi_extra=needs(Scope.READ))
async def plan_graph_query(body: PlanIn, acting: ActingNow) -> PlanOut:
    """Show how the server would run a query, without running it."""
    found = await explorer.plan(
        acting.services.db,
        acting.services.vault,
        _asker(acting.tenant_id, acting.caller),
        body.query,
        body.parameters,
    )
    return PlanOut.model_validate(found)


@asking.post("/cypher/expand", operation_id="expandNode", openapi_extra=needs(Scope.READ))
async def expand_node(body: ExpandIn, acting: ActingNow) -> ExpandedOut:
    """Give what surrounds a node: at most 100 edges, starting with a few of each kind."""
    found = await explorer.expand(
        acting.services.db,
        acting.services.vault,
        _asker(acting.tenant_id, acting.caller),
        body.node_id,
        kinds=body.kinds,
        most=body.limit,
    )
    return ExpandedOut.of(found)


@router.post("/cypher/stop", operation_id="stopGraphQuery", openapi_extra=needs(Scope.READ))
async def stop_graph_query(body: StopIn, work: Working) -> StoppedOut:
    """Stop one of your own running queries; with the scope admin, anybody's in the tenant."""
    stopped = await explorer.stop(work.conn, _asker(work.tenant_id, work.caller), body.ticket)
    return StoppedOut(ticket=body.ticket, stopped=stopped)


@router.get("/cypher/schema", operation_id="describeGraph", openapi_extra=needs(Scope.READ, may_be_late=True))
async def describe_graph(work: Working) -> CatalogOut:
    """Name the labels, edges, properties and functions that a query may use, and the limits."""
    return CatalogOut.of(await explorer.catalog(work.conn))


@router.get("/cypher/library", operation_id="listGraphLibrary", openapi_extra=needs(Scope.READ))
async def list_graph_library(work: Working) -> LibraryOut:
    """List the audit queries that come with LEO, with their search phrases in English and Vietnamese."""
    del work
    return LibraryOut(items=[AuditOut.model_validate(one) for one in explorer.library()])


@router.get("/cypher/history", operation_id="listGraphQueries", openapi_extra=needs(Scope.READ))
async def list_graph_queries(work: Working, before: Before = None, limit: Limit = 30) -> HistoryPage:
    """List past queries, the newest first: your own; with the scope admin, everybody's in the tenant."""
    asker = _asker(work.tenant_id, work.caller)
    found = await explorer.history(work.conn, asker, before=before, limit=limit)
    return HistoryPage(
        items=[AskedOut.model_validate(one) for one in found], next=following([one.query_id for one in found], limit)
    )


@router.get("/cypher/saved", operation_id="listSavedQueries", openapi_extra=needs(Scope.READ))
async def list_saved_queries(work: Working, after: After = 0, limit: Limit = 100) -> SavedPage:
    """List the tenant's saved queries, in the order of their ids."""
    found = await explorer.list_saved(work.conn, after=after, limit=limit)
    return SavedPage(
        items=[SavedOut.model_validate(one) for one in found], next=following([one.saved_id for one in found], limit)
    )


@router.post("/cypher/saved", status_code=201, operation_id="saveQuery", openapi_extra=needs(Scope.WRITE))
async def save_query(body: SavedIn, work: Working) -> SavedOut:
    """Save a query under a name; a query that would be refused is refused here too."""
    saved = await explorer.save(work.conn, _asker(work.tenant_id, work.caller), body.draft())
    return SavedOut.model_validate(saved)


@router.get("/cypher/saved/{saved_id}", operation_id="getSavedQuery", openapi_extra=needs(Scope.READ))
async def get_saved_query(saved_id: PathId, work: Working) -> SavedOut:
    """Show a saved query."""
    return SavedOut.model_validate(await explorer.get_saved(work.conn, saved_id))


@router.put("/cypher/saved/{saved_id}", operation_id="changeSavedQuery", openapi_extra=needs(Scope.WRITE))
async def change_saved_query(saved_id: PathId, body: SavedIn, work: Working) -> SavedOut:
    """Replace a saved query."""
    changed = await explorer.change(work.conn, _asker(work.tenant_id, work.caller), saved_id, body.draft())
    return SavedOut.model_validate(changed)


@router.delete(
    "/cypher/saved/{saved_id}", status_code=204, operation_id="forgetSavedQuery", openapi_extra=needs(Scope.WRITE)
)
async def forget_saved_query(saved_id: PathId, work: Working) -> None:
    """Remove a saved query."""
    await explorer.forget(work.conn, saved_id)


def _asker(tenant_id: UUID, caller: Caller | None) -> Asker:
    """Name the caller by its key; the scope admin sees what others asked."""
    if caller is None:
        return Asker(tenant_id, "platform")
    return Asker(tenant_id, f"key:{caller.api_key_id}", sees_all=Scope.ADMIN in caller.scopes)
