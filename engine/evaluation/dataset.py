"""The labelled requests: intents.jsonl, written by hand for the tools that there are, half Vietnamese, half English."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from engine.tasks.brief import INSTRUCTIONS
from engine.think.contract import Call, Request
from engine.tools import definitions
from rules.conditions import Language


class Style(StrEnum):
    """How a request is written."""

    PLAIN = "plain"
    BARE = "bare"
    """Vietnamese without marks, as many people type."""
    TYPO = "typo"
    TERSE = "terse"


@dataclass(frozen=True, slots=True)
class Intent:
    """A request and the calls that it means, in the order in which it says them."""

    language: Language
    style: Style
    text: str
    calls: tuple[Call, ...]

    @property
    def tool(self) -> str:
        """The tool it is counted under: that of its first call."""
        return self.calls[0].name


# How the data is named: a request says "hạng vàng" and the rule needs `tier` and `gold`. Keys of segments, campaigns,
# templates and customers stand in the requests themselves.
CONTEXT = """\
attributes: ["city", "tier", "gender", "age", "orders", "total_spent", "birth_month", "interests"]
values of tier: ["silver", "gold", "platinum"]
values of gender: ["female", "male"]
values of birth_month: ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
events: ["purchase", "cart_abandoned", "app_open", "sign_up"]
consent: ["marketing"]"""


@cache
def intents() -> tuple[Intent, ...]:
    """Give all labelled requests, in the order of the file."""
    text = files("engine.evaluation").joinpath("intents.jsonl").read_text(encoding="utf-8")
    return tuple(_intent(json.loads(line)) for line in text.splitlines())


def sample(most: int | None) -> tuple[Intent, ...]:
    """Give at most `most` requests spread evenly over the file, so that every tool and language has its share."""
    every = intents()
    if most is None or most >= len(every):
        return every
    return tuple(every[place * len(every) // most] for place in range(most))


def request_of(intent: Intent) -> Request:
    """Give what a model is asked: what an agent task would ask, in a tenant that CONTEXT describes."""
    tools = [definition.tool for definition in definitions().values()]
    return Request(tools=tools, instructions=INSTRUCTIONS, text=intent.text, context=CONTEXT)


def _intent(row: Mapping[str, Any]) -> Intent:
    calls = tuple(Call(one["name"], one["arguments"]) for one in row["calls"])
    return Intent(Language(row["language"]), Style(row["style"]), row["text"], calls)
