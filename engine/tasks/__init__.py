"""Agent tasks: asked for in words or as calls, planned, approved if they reach many, carried out once, and reported."""

from engine.tasks.follow import follow
from engine.tasks.settle import approve, cancel, reject
from engine.tasks.store import ask, get_task, list_tasks, steps
from engine.tasks.task import Kind, Step, Task, Told
from engine.tasks.think import Reader
from engine.tasks.work import Desk, work_next

__all__ = [
    "Desk",
    "Kind",
    "Reader",
    "Step",
    "Task",
    "Told",
    "approve",
    "ask",
    "cancel",
    "follow",
    "get_task",
    "list_tasks",
    "reject",
    "steps",
    "work_next",
]
