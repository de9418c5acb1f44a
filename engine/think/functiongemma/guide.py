"""Leading a model through a call by the tools' schemas: it chooses where there is a choice, the rest is forced.

So what comes is a call of a declared tool whose arguments fit its schema, whatever the model: names of tools and
arguments, and values of an enumeration, are chosen from lists; texts and numbers are free within their bounds. An
object without declared properties cannot be led through, so it is not offered.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.think.contract import Call, Tool
from engine.think.functiongemma.render import Mark, Piece

MOST_CALLS = 4
MOST_ITEMS = 8
MOST_CHARACTERS = 120
_DIGITS = "0123456789"


class Steps(Protocol):
    """A model that is led: each method goes on behind what was given before."""

    @property
    def is_short(self) -> bool:
        """Whether so much was given that the calls are to be ended: nothing more that may be left out."""
        ...

    def force(self, piece: Piece) -> None:
        """Give this, whatever the model would."""
        ...

    def choose(self, options: Sequence[Sequence[Piece]]) -> int:
        """Let the model give one of the options, no one the beginning of another; gives its place."""
        ...

    def prefer(self, options: Sequence[Piece]) -> int:
        """Ask which the model would begin with now, and give none of them."""
        ...

    def write(self, least: int, most: int) -> str:
        """Let the model write a text of so many characters, up to the mark that ends it, which is given too."""
        ...


def lead(steps: Steps, tools: Sequence[Tool]) -> tuple[Call, ...]:
    """Give one call or several, at most four."""
    calls = [_call(steps, tools)]
    while len(calls) < MOST_CALLS and not steps.is_short and steps.prefer([Mark.CALL, Mark.TURN_END]) == 0:
        calls.append(_call(steps, tools))
    return tuple(calls)


def _call(steps: Steps, tools: Sequence[Tool]) -> Call:
    steps.force(Mark.CALL)
    steps.force("call:")
    tool = tools[steps.choose([[f"{tool.name}{{"] for tool in tools])]
    arguments = _members(steps, tool.parameters)
    steps.force(Mark.CALL_END)
    return Call(tool.name, arguments)


def _members(steps: Steps, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read members up to the closing brace; each may be left out that is not required."""
    properties = {name: one for name, one in sorted(schema.get("properties", {}).items()) if _may_lead(one)}
    required = set(schema.get("required", ()))
    left = list(properties)
    found: dict[str, Any] = {}
    while True:
        due = next((place for place, name in enumerate(left) if name in required), len(left))
        comma = "," if found else ""
        options = [[f"{comma}{name}:"] for name in left[: due + 1]]
        if due == len(left):
            options.append(["}"])
        first = len(options) - 1 if steps.is_short else 0
        place = first + steps.choose(options[first:])
        if place == len(left):
            return found
        name = left[place]
        found[name] = _value(steps, properties[name])
        left = left[place + 1 :]


def _may_lead(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") != "object" or bool(schema.get("properties"))


def _value(steps: Steps, schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "string")
    if kind == "string":
        return _text(steps, schema)
    if kind == "boolean":
        return steps.choose([["true"], ["false"]]) == 0
    if kind in {"integer", "number"}:
        return _number(steps, schema)
    if kind == "array":
        return _list(steps, schema)
    steps.force("{")
    return _members(steps, schema)


def _text(steps: Steps, schema: Mapping[str, Any]) -> str:
    steps.force(Mark.QUOTE)
    values = schema.get("enum")
    if values is None:
        most = min(schema.get("maxLength", MOST_CHARACTERS), MOST_CHARACTERS)
        return steps.write(schema.get("minLength", 0), most)
    # With the mark behind them, for one value may begin another: "is", "is_not".
    return str(values[steps.choose([[str(value), Mark.QUOTE] for value in values])])


def _number(steps: Steps, schema: Mapping[str, Any]) -> int:
    """Let the model give the digits of a whole number within its bounds."""
    least, most = int(schema.get("minimum", 0)), int(schema.get("maximum", 999_999))
    digits = ""
    while True:
        options = [digit for digit in _DIGITS if _leads(digits + digit, least, most)]
        if digits and least <= int(digits) <= most:
            options.append(",")
        if not options or ((place := steps.prefer(options)) == len(options) - 1 and options[place] == ","):
            return int(digits)
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


def _list(steps: Steps, schema: Mapping[str, Any]) -> list[Any]:
    steps.force("[")
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", MOST_ITEMS), MOST_ITEMS)
    item = schema.get("items", {})
    found: list[Any] = []
    while True:
        go_on = "," if found else None
        if len(found) >= most or (len(found) >= least and (steps.is_short or _is_done(steps, item, go_on))):
            steps.force("]")
            return found
        if go_on:
            steps.force(go_on)
        found.append(_value(steps, item))


def _is_done(steps: Steps, item: Mapping[str, Any], go_on: str | None) -> bool:
    begins: Piece = go_on or {"string": Mark.QUOTE, "object": "{", "array": "["}.get(item.get("type", "string"), "1")
    return steps.prefer([begins, "]"]) == 1
