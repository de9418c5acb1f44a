"""FunctionGemma's own format, as pieces: control marks and the texts between them.

A mark is one token of the vocabulary and never made from text, so nothing in a text can become one. Source of the
format: https://ai.google.dev/gemma/docs/functiongemma/formatting-and-best-practices
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from engine.think.contract import Call, Tool


class Mark(StrEnum):
    """The control tokens, as the vocabulary spells them."""

    BOS = "<bos>"
    EOS = "<eos>"
    TURN = "<start_of_turn>"
    TURN_END = "<end_of_turn>"
    DECLARATION = "<start_function_declaration>"
    DECLARATION_END = "<end_function_declaration>"
    CALL = "<start_function_call>"
    CALL_END = "<end_function_call>"
    RESPONSE = "<start_function_response>"
    RESPONSE_END = "<end_function_response>"
    QUOTE = "<escape>"


Piece: TypeAlias = Mark | str
_LONGEST_MARK = max(map(len, Mark))
# It switches the model from conversation to calls; there is no newline before the first declaration.
_TRIGGER = "developer\nYou are a model that can do function calling with the following functions"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`prefix` is the same for a whole run and may be cached; `suffix` differs from question to question."""

    prefix: tuple[Piece, ...]
    suffix: tuple[Piece, ...]


def prompt(tools: Sequence[Tool], instructions: str, data: str) -> Prompt:
    """Give the prompt: tools and instructions first, data about one person or request last."""
    prefix = (
        *(Mark.BOS, Mark.TURN, _TRIGGER),
        *(piece for tool in tools for piece in declaration(tool)),
        *(Mark.TURN_END, "\n", Mark.TURN, f"user\n{plain(instructions)}\n"),
    )
    return Prompt(prefix, (plain(data), Mark.TURN_END, "\n", Mark.TURN, "model\n"))


def declaration(tool: Tool) -> tuple[Piece, ...]:
    """Declare a tool. The format has no place for default, pattern and minimum: say those in words."""
    return (
        Mark.DECLARATION,
        *joined(
            f"declaration:{tool.name}{{description:",
            *_text(tool.description),
            ",parameters:",
            *_object(tool.parameters),
            "}",
        ),
        Mark.DECLARATION_END,
    )


def call(made: Call) -> tuple[Piece, ...]:
    """Write a call, its arguments in the order of their names."""
    return Mark.CALL, *joined(f"call:{made.name}", *_value(made.arguments)), Mark.CALL_END


def text(pieces: Sequence[Piece]) -> str:
    """Write pieces as one text, for people and for files of examples."""
    return "".join(pieces)


def plain(given: str) -> str:
    """Remove the spellings of marks from a text, even those that removing one creates; in linear time."""
    if not any(mark in given for mark in Mark):
        return given
    kept: list[str] = []
    for letter in given:
        kept.append(letter)
        if letter == ">":
            end = "".join(kept[-_LONGEST_MARK:])
            taken = next((len(mark) for mark in Mark if end.endswith(mark)), 0)
            del kept[len(kept) - taken :]
    return "".join(kept)


def joined(*pieces: Piece) -> Iterator[Piece]:
    """Join adjacent texts, because a tokenizer reads them as one."""
    held = ""
    for piece in pieces:
        if isinstance(piece, Mark):
            if held:
                yield held
            held = ""
            yield piece
        else:
            held += piece
    if held:
        yield held


def _object(schema: Mapping[str, Any]) -> Iterator[Piece]:
    yield "{"
    yield from _members(schema)
    yield "type:"
    yield from _text("OBJECT")
    yield "}"


def _members(schema: Mapping[str, Any]) -> Iterator[Piece]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required: Sequence[str] = schema.get("required", ())
    if not properties:
        return
    yield "properties:{"
    for place, name in enumerate(sorted(properties)):
        yield f"{',' if place else ''}{name}:"
        yield from _property(properties[name])
    yield "},"
    if required:
        yield "required:["
        yield from _listed(required)
        yield "],"


def _property(schema: Mapping[str, Any]) -> Iterator[Piece]:
    """Description first, type last, as the format has it."""
    kind = _kind(schema)
    yield "{description:"
    yield from _text(str(schema.get("description", "")))
    yield ","
    if kind == "STRING" and "enum" in schema:
        yield "enum:["
        yield from _listed(schema["enum"])
        yield "],"
    elif kind == "ARRAY":
        yield "items:"
        yield from _items(schema.get("items", {}))
        yield ","
    elif kind == "OBJECT":
        yield from _members(schema)
    yield "type:"
    yield from _text(kind)
    yield "}"


def _items(schema: Mapping[str, Any]) -> Iterator[Piece]:
    kind = _kind(schema)
    yield "{"
    if kind == "STRING" and "enum" in schema:
        yield "enum:["
        yield from _listed(schema["enum"])
        yield "],"
    elif kind == "OBJECT":
        yield from _members(schema)
    yield "type:"
    yield from _text(kind)
    yield "}"


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    return str(kind if isinstance(kind, str) else kind[0]).upper()


def _listed(values: Sequence[Any]) -> Iterator[Piece]:
    for place, value in enumerate(values):
        if place:
            yield ","
        yield from _text(str(value))


def _text(given: str) -> tuple[Piece, ...]:
    return Mark.QUOTE, plain(given), Mark.QUOTE


def _value(value: Any) -> Iterator[Piece]:
    match value:
        case str():
            yield from _text(value)
        case bool():
            yield "true" if value else "false"
        case None:
            yield "null"
        case float() if value.is_integer():
            yield str(int(value))
        case int() | float():
            yield repr(value)
        case Mapping():
            yield "{"
            for place, name in enumerate(sorted(value)):
                yield f"{',' if place else ''}{name}:"
                yield from _value(value[name])
            yield "}"
        case _:
            yield "["
            for place, item in enumerate(value):
                if place:
                    yield ","
                yield from _value(item)
            yield "]"
