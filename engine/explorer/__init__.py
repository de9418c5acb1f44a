"""The Cypher explorer: queries of people and machines on their tenant's graph, read-only, bounded and recorded."""

from engine.explorer.catalog import Catalog, Element, catalog
from engine.explorer.draw import Edge, Graph, Node
from engine.explorer.expand import Expanded, expand
from engine.explorer.limits import LIMITS, Limits
from engine.explorer.phrases import audit, library
from engine.explorer.plan import Plan, plan
from engine.explorer.record import Asked, Asker, history, prune, stop
from engine.explorer.run import Answer, ask
from engine.explorer.saved import Draft, Saved, change, forget, get_saved, list_saved, save

__all__ = [
    "LIMITS",
    "Answer",
    "Asked",
    "Asker",
    "Catalog",
    "Draft",
    "Edge",
    "Element",
    "Expanded",
    "Graph",
    "Limits",
    "Node",
    "Plan",
    "Saved",
    "ask",
    "audit",
    "catalog",
    "change",
    "expand",
    "forget",
    "get_saved",
    "history",
    "library",
    "list_saved",
    "plan",
    "prune",
    "save",
    "stop",
]
