"""The tools that a task may call, one definition each: tools.json, which models, API and documentation read."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from engine.tenants import Scope
from engine.think.contract import Tool

# A schema used by several tools has a file of its own, which a parameter names.
_SHARED = ("conditions",)


class Limit(StrEnum):
    """What is counted about a call before it may be made without a human."""

    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Definition:
    """A tool, the scope that its asker's key needs, and what an approval limit counts about it; None if it has none."""

    tool: Tool
    scope: Scope
    approval: Limit | None

    @property
    def name(self) -> str:
        return self.tool.name


@cache
def definitions() -> Mapping[str, Definition]:
    """Give every tool by its name, in the order in which models see them."""
    shared = {name: _read(name) for name in _SHARED}
    return MappingProxyType({row["name"]: _definition(row, shared) for row in _read("tools")})


def allowed(scopes: Collection[str]) -> tuple[Definition, ...]:
    """Give the tools that a key with these scopes may call."""
    return tuple(one for one in definitions().values() if one.scope in scopes)


def _definition(row: Mapping[str, Any], shared: Mapping[str, Any]) -> Definition:
    parameters = row["parameters"]
    properties = {
        name: shared[schema["$ref"]] if "$ref" in schema else schema
        for name, schema in parameters["properties"].items()
    }
    return Definition(
        tool=Tool(row["name"], row["description"], {**parameters, "properties": properties}),
        scope=Scope(row["scope"]),
        approval=None if row["approval"] is None else Limit(row["approval"]),
    )


def _read(stem: str) -> Any:
    return json.loads(files("engine.tools").joinpath(f"{stem}.json").read_text(encoding="utf-8"))
