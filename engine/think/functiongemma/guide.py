"""Leading a model through a call by the tools' schemas: it chooses where there is a choice, the rest is forced.

So the result is always a call of a declared tool whose arguments fit its schema, whatever the model: names of tools and
arguments, and values of an enumeration, are chosen from lists; texts and numbers are free within their bounds. A model
cannot be led through an object without declared properties, so such an object is not offered.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.think.contract import Tool
from engine.think.functiongemma.render import Mark, Piece

MOST_CALLS = 4
MOST_ITEMS = 8
MOST_CHARACTERS = 120
_DIGITS = "0123456789"


class Steps(Protocol):
    """A model that is led: each method continues after what was given before."""

    @property
    def is_short(self) -> bool:
        """Whether so much was given that the calls have to end now: nothing more that may be left out."""
        ...

    def force(self, piece: Piece) -> None:
        """Give exactly this, whatever the model would give."""
        ...

    def choose(self, options: Sequence[Sequence[Piece]]) -> int:
        """Let the model give one of the options, none of which begins another; gives its place."""
        ...

    def prefer(self, options: Sequence[Piece]) -> int:
        """Ask which the model would begin with now, without giving any of them."""
        ...

    def write(self, least: int, most: int) -> None:
        """Let the model write a text of at most so many characters, up to and including the mark that ends it."""
        ...


def lead(steps: Steps, tools: Sequence[Tool]) -> None:
    """Have one to four calls given."""
    _call(steps, tools)
    for _ in range(1, MOST_CALLS):
        if steps.is_short or steps.prefer([Mark.CALL, Mark.TURN_END]) == 1:
            return
        _call(steps, tools)


def _call(steps: Steps, tools: Sequence[Tool]) -> None:
    steps.force(Mark.CALL)
    steps.force("call:")
    tool = tools[steps.choose([[f"{tool.name}{{"] for tool in tools])]
    _members(steps, tool.parameters)
    steps.force(Mark.CALL_END)


def _members(steps: Steps, schema: Mapping[str, Any]) -> None:
    """Have members given up to the closing brace; those that are not required may be left out."""
    properties = {name: one for name, one in sorted(schema.get("properties", {}).items()) if _may_lead(one)}
    required = set(schema.get("required", ()))
    left = list(properties)
    comma = ""
    while True:
        due = next((place for place, name in enumerate(left) if name in required), len(left))
        options = [[f"{comma}{name}:"] for name in left[: due + 1]]
        if due == len(left):
            options.append(["}"])
        first = len(options) - 1 if steps.is_short else 0
        place = first + steps.choose(options[first:])
        if place == len(left):
            return
        _value(steps, properties[left[place]])
        left, comma = left[place + 1 :], ","


def _may_lead(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") != "object" or bool(schema.get("properties"))


def _value(steps: Steps, schema: Mapping[str, Any]) -> None:
    kind = schema.get("type", "string")
    if kind == "string":
        _text(steps, schema)
    elif kind == "boolean":
        steps.choose([["true"], ["false"]])
    elif kind in {"integer", "number"}:
        _number(steps, schema)
    elif kind == "array":
        _list(steps, schema)
    else:
        steps.force("{")
        _members(steps, schema)


def _text(steps: Steps, schema: Mapping[str, Any]) -> None:
    steps.force(Mark.QUOTE)
    values = schema.get("enum")
    if values is None:
        steps.write(schema.get("minLength", 0), min(schema.get("maxLength", MOST_CHARACTERS), MOST_CHARACTERS))
        return
    # With the mark after them, because one value may begin another: "is", "is_not".
    steps.choose([[str(value), Mark.QUOTE] for value in values])


def _number(steps: Steps, schema: Mapping[str, Any]) -> None:
    """Let the model give the digits of a whole number within its bounds."""
    least, most = int(schema.get("minimum", 0)), int(schema.get("maximum", 999_999))
    digits = ""
    while True:
        options = [digit for digit in _DIGITS if _leads(digits + digit, least, most)]
        if digits and least <= int(digits) <= most:
            options.append(",")
        if not options or ((place := steps.prefer(options)) == len(options) - 1 and options[place] == ","):
            return
        steps.force(options[place])
        digits += options[place]


def _leads(digits: str, least: int, most: int) -> bool:
    """Whether a number from `least` to `most` begins with these digits."""
    if len(digits) > 1 and digits[0] == "0":
        return False
    low = high = int(digits)
    while low <= most:
        if high >= least:
            return True
        if digits == "0":
            return False
        low, high = low * 10, high * 10 + 9
    return False


def _list(steps: Steps, schema: Mapping[str, Any]) -> None:
    steps.force("[")
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", MOST_ITEMS), MOST_ITEMS)
    item = schema.get("items", {})
    for count in range(most):
        go_on = "," if count else None
        if count >= least and (steps.is_short or _is_done(steps, item, go_on)):
            break
        if go_on:
            steps.force(go_on)
        _value(steps, item)
    steps.force("]")


def _is_done(steps: Steps, item: Mapping[str, Any], go_on: str | None) -> bool:
    begins: Piece = go_on or {"string": Mark.QUOTE, "object": "{", "array": "["}.get(item.get("type", "string"), "1")
    return steps.prefer([begins, "]"]) == 1
