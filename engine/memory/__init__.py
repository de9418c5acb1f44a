"""Memory: templates and tasks found by meaning, behind one embedder; vectors of different models are never compared."""

from engine.memory.contract import Embedder, Point, Vector, locate
from engine.memory.local import LocalEmbedder
from engine.memory.tasks import Recalled, embed_tasks, recall_tasks
from engine.memory.templates import Proposal, embed_templates, interests_of, propose_templates

__all__ = [
    "Embedder",
    "LocalEmbedder",
    "Point",
    "Proposal",
    "Recalled",
    "Vector",
    "embed_tasks",
    "embed_templates",
    "interests_of",
    "locate",
    "propose_templates",
    "recall_tasks",
]
