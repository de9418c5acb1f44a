"""Agent tasks: the request, the plan, the result and the trace."""

from typing import Annotated, Any, Self

from annotated_types import Len
from pydantic import AwareDatetime, Field, model_validator

from api.schemas.base import Document, FaultOut, Input, Key, LongText, Output, Refused, example
from engine.tasks import Kind, Step, Task, Told
from rules.conditions import Language
from rules.words import TaskStatus

_CALL = {"name": "activate_campaign", "arguments": {"campaign": "tet"}}
_ERROR = {
    "code": "not_found",
    "message": "There is no campaign 'tet'.",
    "remedy": "Check its key.",
    "faults": [
        {
            "kind": "campaign.unknown",
            "where": "",
            "text": {
                "en": "There is no campaign 'tet'.",
                "vi": "Không có chiến dịch “tet”. Hãy kiểm tra lại khoá của chiến dịch.",
            },
        }
    ],
}
_TASK = {
    "task_id": 901,
    "kind": "text",
    "status": "awaiting_approval",
    "text": "Kích hoạt chiến dịch tet",
    "locale": "vi",
    "key": "yeu-cau-17",
    "asked_by": "key:11",
    "attempts": 0,
    "due_at": "2026-05-01T02:00:00Z",
    "plan": [{"place": 0, **_CALL, "people": 12800, "is_made": False}],
    "approval": {"people": 12800, "limit": 1000, "by": None, "at": None, "approved": None, "note": None},
    "results": [],
    "error": None,
    "reasoning_summary": None,
    "created_at": "2026-05-01T02:00:00Z",
    "finished_at": None,
}
_STEP = {
    "place": 4,
    "kind": "moved",
    "document": {"from": "thinking", "to": "awaiting_approval", "people": 12800, "limit": 1000},
    "at": "2026-05-01T02:00:02Z",
}


class CallIn(Input):
    """A call of a tool; docs/tasks.md lists the tools and their arguments."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    arguments: Document = Field(default_factory=dict)


class AskIn(Input):
    """A request in words, which a model reads, or as calls, which need none."""

    model_config = example({"text": "Kích hoạt chiến dịch tet", "locale": "vi", "key": "yeu-cau-17"})
    text: Annotated[LongText, Len(1, 4_000)] | None = None
    calls: Annotated[list[CallIn], Len(1, 10)] | None = None
    locale: Language = Field(default=Language.VI, description="In which language the summary is.")
    key: Key | None = Field(default=None, description="The same key again is the same task.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.text is None) == (self.calls is None):
            raise Refused("text_or_calls", "send either text or calls")
        return self


class SettleIn(Input):
    """The reason."""

    model_config = example({"note": "Checked with the brand team."})
    note: Annotated[LongText, Len(1, 1_000)] | None = None


class PlannedOut(Output):
    """A planned call; `people` is how many it would reach, null if that cannot be known beforehand."""

    place: int
    name: str
    arguments: Document
    people: int | None
    is_made: bool


class ApprovalOut(Output):
    """How many people the plan would reach, and how many a task may reach without a human.

    `approved` is null while the task waits.
    """

    people: int | None
    limit: int
    approved: bool | None
    by: str | None
    at: AwareDatetime | None
    note: str | None

    @classmethod
    def of(cls, approval: Document) -> Self:
        is_settled = "at" in approval
        return cls(
            people=approval["people"],
            limit=approval["limit"],
            approved="approved_by" in approval if is_settled else None,
            by=approval.get("approved_by", approval.get("rejected_by")),
            at=approval.get("at"),
            note=approval.get("note"),
        )


class ResultOut(Output):
    """A call that was made, and its result."""

    place: int
    name: str
    arguments: Document
    people: int
    result: Document


class TaskErrorOut(Output):
    model_config = example(_ERROR)
    code: str
    message: str
    remedy: str
    faults: list[FaultOut] = Field(description="The same by kinds, in each language; empty where they are not known.")

    @classmethod
    def of(cls, task: Task) -> Self | None:
        error = task.result.get("error")
        if error is None:
            return None
        told = {name: error[name] for name in ("code", "message", "remedy")}
        return cls(**told, faults=[FaultOut.of(one) for one in task.faults])


class TaskOut(Output):
    """A task; `reasoning_summary` says, in the task's locale, what became of it once it has ended."""

    model_config = example(_TASK)
    task_id: int
    kind: Kind
    status: TaskStatus
    text: str | None
    locale: Language
    key: str | None
    asked_by: str | None
    attempts: int = Field(description="Tries that failed.")
    due_at: AwareDatetime
    plan: list[PlannedOut]
    approval: ApprovalOut | None
    results: list[ResultOut]
    error: TaskErrorOut | None
    reasoning_summary: str | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None

    @classmethod
    def of(cls, task: Task) -> Self:
        return cls(**_fields(task))


class TaskPage(Output):
    model_config = example({"items": [_TASK], "next": None})
    items: list[TaskOut]
    next: int | None


class StepOut(Output):
    """One step of a trace, by its place from 1."""

    model_config = example(_STEP)
    place: int
    kind: Step
    document: Document
    at: AwareDatetime

    @classmethod
    def of(cls, step: Told) -> Self:
        return cls(place=step.place, kind=step.kind, document=dict(step.document), at=step.at)


class WholeTask(TaskOut):
    """A task with every step of its trace."""

    model_config = example({**_TASK, "reasoning_trace": [_STEP]})
    reasoning_trace: list[StepOut]

    @classmethod
    def whole(cls, task: Task, trace: list[Told]) -> Self:
        return cls(**_fields(task), reasoning_trace=[StepOut.of(step) for step in trace])


def _fields(task: Task) -> dict[str, Any]:
    made = {one["place"] for one in task.made}
    return {
        "task_id": task.task_id,
        "kind": task.kind,
        "status": task.status,
        "text": task.request.get("text"),
        "locale": task.locale,
        "key": task.key,
        "asked_by": task.asked_by,
        "attempts": task.attempts,
        "due_at": task.due_at,
        "plan": [PlannedOut(**one.to_document(), is_made=one.place in made) for one in task.plan],
        "approval": None if task.approval is None else ApprovalOut.of(dict(task.approval)),
        "results": [ResultOut(**one) for one in task.made],
        "error": TaskErrorOut.of(task),
        "reasoning_summary": task.summary,
        "created_at": task.created_at,
        "finished_at": task.finished_at,
    }
