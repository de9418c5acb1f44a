"""The bases of all schemas, and the types of value they share."""

from typing import Annotated, Any, Self

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rules.faults import Fault

LARGEST_ID = 2**48 - 1
MOST_ITEMS = 500
"""Documents in one request: as many as a run's batch holds, and well below the limit on a body."""

Id = Annotated[int, Ge(1), Le(LARGEST_ID)]
# PostgreSQL cannot store NUL.
_NO_NUL = r"^[^\x00]*$"
Key = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_NUL)]
ExtId = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=_NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_NO_NUL)]
Note = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=262_144, pattern=_NO_NUL)]
Document = dict[str, Any]
Ids = Annotated[list[Id], Len(0, 100)]


def example(document: Any) -> ConfigDict:
    """Show `document` as the schema's example."""
    return ConfigDict(json_schema_extra={"examples": [document]})


class Input(BaseModel):
    """What a caller sends."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """What a caller gets."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Refused(ValueError):
    """What one of our validators refuses; api/wording.py puts `kind` into other languages."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Texts(Output):
    """One sentence in each language."""

    en: str = Field(examples=["Field required"])
    vi: str = Field(examples=["Trường này là bắt buộc"])


class ProblemError(Output):
    """What is wrong with one field; `kind` is stable, `text` says it in each language."""

    field: str = Field(examples=["body.type"])
    message: str = Field(examples=["Field required"])
    kind: str = Field(examples=["missing"])
    text: Texts
    values: dict[str, str | int | float] = Field(default_factory=dict, description="What the sentence speaks of.")


class FaultOut(Output):
    """Something that is wrong or worth knowing, by its kind; `where` names the part of the record, "" all of it."""

    kind: str = Field(examples=["button.long_title"])
    where: str = Field(examples=["data.buttons[0].title"])
    text: Texts
    values: dict[str, str | int | float] = Field(default_factory=dict, description="What the sentence speaks of.")

    @classmethod
    def of(cls, fault: Fault) -> Self:
        """Show a fault of ours."""
        values = {name: value for name, value in fault.values.items() if not isinstance(value, Fault)}
        return cls(kind=fault.kind, where=fault.where, text=Texts(**fault.say()._asdict()), values=values)


class Problem(Output):
    """An error, as RFC 9457 writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:problem-type:leo:not_found",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no campaign 12.",
                    "instance": "/campaigns/12",
                    "code": "not_found",
                    "remedy": "Check the id: GET /campaigns lists them.",
                    "request_id": "6c1a5be2a8bb4f4f9f4df0a8f2f3e6a1",
                }
            ]
        }
    )
    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    remedy: str
    request_id: str | None
    errors: list[ProblemError] = Field(default_factory=list)
