"""What FunctionGemma may be trained on: a tenant's requests that succeeded, with the calls that were made for them.

A line is what Google's tutorials read: `metadata` (train or eval), `tools`, `messages` (developer, user, assistant);
and, for a trainer that takes texts, `prompt` and `completion` exactly as this product writes and reads them.
Whether a request is trained on or kept for the test hangs on its words alone: the same request is never in both, and an
export of next month does not test with what last month's trained on.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries
from engine.tasks.brief import INSTRUCTIONS
from engine.think.contract import Call, Tool
from engine.think.functiongemma import render
from engine.think.functiongemma.render import Mark
from engine.tools import allowed, check
from rules.conditions.fold import fold

TRAIN, EVAL = "train", "eval"
# Google's line that turns the calling of functions on; the tools follow it.
TRIGGER = "You are a model that can do function calling with the following functions"

_SQL = queries("evaluation")
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']{2,}")
# As people of Vietnam write theirs, and any that begins with a country's code: 9 to 15 digits, spaced as one likes.
_PHONE = re.compile(r"(?<![\w.])(?:\+\d|0\d|84\d)(?:[ .()-]{0,2}\d){7,13}(?!\w)")


@dataclass(frozen=True, slots=True)
class Example:
    """A request in words and the calls that were made for it; `tools` are those that its asker might use."""

    task_id: int
    text: str
    calls: tuple[Call, ...]
    tools: tuple[Tool, ...]

    @property
    def is_personal(self) -> bool:
        """Whether an e-mail address or a telephone number stands in the words or in a call."""
        whole = "\n".join([self.text, *(json.dumps(call.arguments, ensure_ascii=False) for call in self.calls)])
        return _MAIL.search(whole) is not None or _PHONE.search(whole) is not None

    def split(self, eval_share: float) -> str:
        """Give train or eval, by a hash of the words without regard to capital letters and blanks."""
        words = " ".join(fold(self.text).split())
        place = int.from_bytes(sha256(words.encode()).digest()[:8], "big") / 2**64
        return EVAL if place < eval_share else TRAIN

    def to_document(self, eval_share: float) -> dict[str, Any]:
        developer = {"role": "developer", "content": TRIGGER}
        user = {"role": "user", "content": f"{INSTRUCTIONS}\n{render.plain(self.text)}"}
        calls = [{"type": "function", "function": {"name": one.name, "arguments": one.arguments}} for one in self.calls]
        return {
            "metadata": self.split(eval_share),
            "task_id": self.task_id,
            "tools": [_declared(tool) for tool in self.tools],
            "messages": [developer, user, {"role": "assistant", "tool_calls": calls}],
            "prompt": self._prompt(),
            "completion": self._completion(),
        }

    def _prompt(self) -> str:
        written = render.prompt(self.tools, INSTRUCTIONS, self.text)
        return render.text((*written.prefix, *written.suffix))

    def _completion(self) -> str:
        """Write the calls one after the other, and the mark with which the model says that there are no more."""
        return render.text([*(piece for one in self.calls for piece in render.call(one)), Mark.RESPONSE])


async def examples(conn: Transaction, *, tenant_id: UUID, approved: bool = False) -> AsyncIterator[Example]:
    """Give what succeeded of a tenant's tasks in words, each request once, in the order of their ids.

    With `approved` only what a human let happen. Calls that today's tools do not take any more are left out.
    """
    values = {"tenant_id": tenant_id, "approved": approved}
    async for row in conn.cursor().stream(_SQL["examples"], values):
        example = _example(row)
        if example is not None:
            yield example


def _example(row: Mapping[str, Any]) -> Example | None:
    scopes: Sequence[str] = row["scopes"]
    calls = tuple(Call(one["name"], one["arguments"]) for one in row["calls"])
    if check(calls, scopes):
        return None
    return Example(row["task_id"], row["text"], calls, tuple(one.tool for one in allowed(scopes)))


def _declared(tool: Tool) -> dict[str, Any]:
    about = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": about}
