"""The Cypher explorer: a query and its answer as rows and as a graph, plans, history, saved queries, the library."""

from typing import Annotated, Any, Self
from uuid import UUID

from annotated_types import Ge, Le, Len
from pydantic import AwareDatetime, Field, StringConstraints

from api.schemas.base import Document, Input, Name, Note, Output, example
from engine import explorer

_TEXT = "MATCH (p:Profile)<-[f:DECIDED_FOR]-(d:Decision) WHERE p.ext_id = $ext_id RETURN p, f, d"
_TICKET = "0d0cf1a5-6a3c-4f0e-9d1b-0b6f5a3e7d11"
_PERSON = {
    "id": "844424930131978",
    "label": "Profile",
    "properties": {"ext_id": "kh-1", "status": "active", "profile_id": 10},
}
_DECISION = {
    "id": "3096224743817234",
    "label": "Decision",
    "properties": {"decision_id": 18, "action": "send", "reason": "best_score", "channel": "email"},
}
_FOR = {
    "id": "7036874417766418",
    "label": "DECIDED_FOR",
    "start_id": "3096224743817234",
    "end_id": "844424930131978",
    "properties": {},
}
_GRAPH = {"nodes": [_PERSON, _DECISION], "edges": [_FOR]}
_LIMITS = {"rows": 1000, "nodes": 300, "neighbours": 100, "time_s": 30.0}
_ANSWER = {
    "query_id": 1201,
    "ticket": _TICKET,
    "columns": ["p", "f", "d"],
    "rows": [[_PERSON, _FOR, _DECISION]],
    "graph": _GRAPH,
    "truncated": {"rows": False, "nodes": False},
    "limits": _LIMITS,
    "ms": 9.6,
}
_PLAN = {
    "query_id": 1202,
    "plan": {"Plan": {"Node Type": "Limit", "Total Cost": 10.95, "Plans": []}},
    "lines": ["Limit  (cost=1.47..10.95 rows=11 width=32)"],
}
_EXPANDED = {
    "query_id": 1203,
    "graph": _GRAPH,
    "truncated": {"rows": False, "nodes": False},
    "ms": 11.2,
}
_ASKED = {
    "query_id": 1201,
    "ticket": _TICKET,
    "kind": "query",
    "text": _TEXT,
    "parameters": {"ext_id": "kh-1"},
    "asked_by": "key:11",
    "status": "done",
    "row_count": 1,
    "took_ms": 9.6,
    "error": None,
    "created_at": "2026-05-01T02:00:00Z",
    "finished_at": "2026-05-01T02:00:01Z",
}
_DRAFT = {"name": "Hành trình", "text": _TEXT, "parameters": {"ext_id": "kh-1"}, "note": "Kiểm tra hằng tuần."}
_SAVED = {
    "saved_id": 77,
    **_DRAFT,
    "saved_by": "key:11",
    "created_at": "2026-05-01T02:00:00Z",
    "updated_at": "2026-05-01T02:00:00Z",
}
_PROFILE = {"name": "Profile", "properties": ["profile_id", "ext_id", "status"], "about": 1200}
_EDGE = {"name": "DECIDED_FOR", "properties": [], "start": "Decision", "end": "Profile", "about": 4800}
_CATALOG = {
    "labels": [_PROFILE],
    "edges": [_EDGE],
    "functions": ["count", "toLower"],
    "limits": _LIMITS,
    "has_archive": False,
}
_PARAMETER = {"name": "ext_id", "kind": "text", "en": "customer's id", "vi": "mã khách hàng"}
_AUDIT = {
    "name": "journey_of_person",
    "purpose": "Everything that was decided for one person, newest first.",
    "phrases": {"en": "journey of customer {ext_id}", "vi": "hành trình của khách hàng {ext_id}"},
    "parameters": [_PARAMETER],
    "columns": ["at", "campaign"],
    "text": _TEXT,
}

# For a longer one the guard says why it is refused, and where.
Text = Annotated[str, StringConstraints(max_length=20_000)]
NodeId = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,18}$")]
Kinds = Annotated[list[Annotated[str, StringConstraints(max_length=63)]], Len(0, 50)]


class QueryIn(Input):
    """A Cypher query, and a value for each `$name` in it: a text, a number, true, false, null or a list of those."""

    model_config = example({"query": _TEXT, "parameters": {"ext_id": "kh-1"}, "limit": 100, "ticket": _TICKET})
    query: Text
    parameters: Document = Field(default_factory=dict)
    limit: Annotated[int, Ge(1), Le(explorer.LIMITS.rows)] | None = Field(
        default=None, description="At most so many rows."
    )
    ticket: UUID | None = Field(default=None, description="Your name for this query, by which it can be stopped.")


class PlanIn(Input):
    """A query to plan without running it."""

    model_config = example({"query": _TEXT, "parameters": {"ext_id": "kh-1"}})
    query: Text
    parameters: Document = Field(default_factory=dict)


class ExpandIn(Input):
    """A node of a result, by its id in the graph; `kinds` of edges, or all of them."""

    model_config = example({"node_id": "844424930131978", "kinds": ["DECIDED_FOR"], "limit": 20})
    node_id: NodeId
    kinds: Kinds = Field(default_factory=list)
    limit: Annotated[int, Ge(1), Le(explorer.LIMITS.neighbours)] | None = None


class StopIn(Input):
    model_config = example({"ticket": _TICKET})
    ticket: UUID


class StoppedOut(Output):
    """Whether there was a session to stop: right after the start and at the very end there is none."""

    model_config = example({"ticket": _TICKET, "stopped": True})
    ticket: UUID
    stopped: bool


class NodeOut(Output):
    id: str = Field(description="Its place in the graph, a text: 64 bits do not fit into a JavaScript number.")
    label: str
    properties: Document


class EdgeOut(NodeOut):
    start_id: str
    end_id: str


class GraphOut(Output):
    nodes: list[NodeOut]
    edges: list[EdgeOut]

    @classmethod
    def of(cls, graph: explorer.Graph) -> Self:
        return cls(
            nodes=[NodeOut.model_validate(node) for node in graph.nodes],
            edges=[EdgeOut.model_validate(edge) for edge in graph.edges],
        )


class TruncatedOut(Output):
    """What was cut off at a limit: rows of the answer, nodes of the picture."""

    rows: bool
    nodes: bool


class LimitsOut(Output):
    """Limits: rows of an answer, nodes drawn, neighbours of an expansion, seconds."""

    rows: int
    nodes: int
    neighbours: int
    time_s: float


class AnswerOut(Output):
    """Rows in the order of the columns.

    A node or an edge in a row looks as it does in `graph`; a path is a list of them.
    """

    model_config = example(_ANSWER)
    query_id: int
    ticket: UUID
    columns: list[str]
    rows: list[list[Any]]
    graph: GraphOut
    truncated: TruncatedOut
    limits: LimitsOut
    ms: float

    @classmethod
    def of(cls, answer: explorer.Answer) -> Self:
        return cls(
            query_id=answer.query_id,
            ticket=answer.ticket,
            columns=list(answer.columns),
            rows=[list(row) for row in answer.rows],
            graph=GraphOut.of(answer.graph),
            truncated=TruncatedOut(rows=answer.rows_cut, nodes=answer.graph.is_cut),
            limits=LimitsOut.model_validate(explorer.LIMITS),
            ms=round(answer.took_ms, 1),
        )


class PlanOut(Output):
    """PostgreSQL's plan, as its JSON and as readable lines."""

    model_config = example(_PLAN)
    query_id: int
    plan: Document
    lines: list[str]


class ExpandedOut(Output):
    model_config = example(_EXPANDED)
    query_id: int
    graph: GraphOut
    truncated: TruncatedOut
    ms: float

    @classmethod
    def of(cls, expanded: explorer.Expanded) -> Self:
        is_cut = expanded.graph.is_cut
        return cls(
            query_id=expanded.query_id,
            graph=GraphOut.of(expanded.graph),
            truncated=TruncatedOut(rows=is_cut, nodes=is_cut),
            ms=round(expanded.took_ms, 1),
        )


class AskedOut(Output):
    """A past query: running, done, refused, failed, stopped, timed_out, or lost if its process died."""

    query_id: int
    ticket: UUID
    kind: str
    text: str
    parameters: Document
    asked_by: str
    status: str
    row_count: int | None
    took_ms: float | None
    error: str | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class HistoryPage(Output):
    model_config = example({"items": [_ASKED], "next": None})
    items: list[AskedOut]
    next: int | None


class SavedIn(Input):
    """A query to save, with the values it is offered with."""

    model_config = example(_DRAFT)
    name: Name
    text: Text
    parameters: Document = Field(default_factory=dict)
    note: Note | None = None

    def draft(self) -> explorer.Draft:
        return explorer.Draft(self.name, self.text, self.parameters, self.note)


class SavedOut(Output):
    model_config = example(_SAVED)
    saved_id: int
    name: str
    text: str
    parameters: Document
    note: str | None
    saved_by: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class SavedPage(Output):
    model_config = example({"items": [_SAVED], "next": None})
    items: list[SavedOut]
    next: int | None


class LabelOut(Output):
    """A label, its properties, and roughly how many nodes have it."""

    name: str
    properties: list[str]
    about: int


class KindOut(LabelOut):
    """A kind of edge; `start` and `end` are the labels at its ends."""

    start: str
    end: str


class CatalogOut(Output):
    """What a query may name."""

    model_config = example(_CATALOG)
    labels: list[LabelOut]
    edges: list[KindOut]
    functions: list[str]
    limits: LimitsOut
    has_archive: bool = Field(
        description="Old decisions and deliveries are in the archive: no query finds them, expanding a node does."
    )

    @classmethod
    def of(cls, catalog: explorer.Catalog) -> Self:
        return cls(
            labels=[LabelOut.model_validate(one) for one in catalog.labels],
            edges=[KindOut.model_validate(one) for one in catalog.edges],
            functions=list(catalog.functions),
            limits=LimitsOut.model_validate(explorer.LIMITS),
            has_archive=catalog.has_archive,
        )


class ParameterOut(Output):
    """`kind` is text, number or instant (ISO 8601); `en` and `vi` are what people call it."""

    name: str
    kind: str
    en: str
    vi: str


class AuditOut(Output):
    """A query of the library; in a phrase a parameter's name stands in braces."""

    name: str
    purpose: str
    phrases: dict[str, str]
    parameters: list[ParameterOut]
    columns: list[str]
    text: str


class LibraryOut(Output):
    model_config = example({"items": [_AUDIT]})
    items: list[AuditOut]
