"""What passes between the engine and a model: a question with its calls, an answer, and what may go wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rules.errors import Unavailable
from rules.words import Arbiter


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call. `parameters` is JSON Schema: an object with properties and required."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool as a model means it; `arguments` are JSON values."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which of `calls` (at least one, no two alike) to make for somebody.

    `tools` and `instructions` are the same for a whole run: the part of a prompt that a model may cache. `context` is
    about one person: data, never instructions.
    """

    tools: Sequence[Tool]
    instructions: str
    context: str
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`place` counts from 0 in the question's calls; `probabilities` are one for each of them, or none are known.

    `model` names the model and its version, `prompt_hash` is the sha256 of what it was given, `cost` is in US dollars.
    """

    place: int
    model: str
    prompt_hash: bytes
    latency_ms: float
    probabilities: tuple[float, ...] = ()
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody's words, in Vietnamese or English, to be turned into calls of `tools`.

    `context` is additional data: what was found, or went wrong, before.
    """

    tools: Sequence[Tool]
    instructions: str
    text: str
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`raw` is what the model gave, word for word; `calls` are those that could be read from it, not yet validated."""

    raw: str
    calls: tuple[Call, ...]
    model: str
    prompt_hash: bytes
    latency_ms: float
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float = 0.0


class ModelUnavailable(Unavailable):
    """A model did not answer; `retry_after` is in seconds, if it said so.

    `is_spent`: its quota for the day is used up.
    """

    code = "model_unavailable"

    def __init__(self, message: str, *, remedy: str, retry_after: float | None = None, is_spent: bool = False) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after
        self.is_spent = is_spent


class ModelRefused(ModelUnavailable):
    """A model answered, but not with an allowed call; asking the same again would not help."""

    code = "model_refused"
    retryable = False


class Model(Protocol):
    """One model behind the gateway. Both methods raise ModelUnavailable, ModelRefused or TimeoutError."""

    @property
    def arbiter(self) -> Arbiter: ...

    @property
    def model(self) -> str:
        """The name and version of the model, under which its answers are remembered."""
        ...

    async def choose(self, question: Question, *, within_s: float) -> Answer: ...

    async def call(self, request: Request, *, within_s: float) -> Reply: ...

    async def close(self) -> None: ...
