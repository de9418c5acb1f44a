"""What is wrong with calls before any is made: unknown tools, arguments, rules, and what a key may not do."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from engine.think.contract import Call
from engine.tools.definitions import Definition, definitions
from engine.tools.rule import RULED, rule_of
from rules.conditions import parse
from rules.errors import Forbidden, InvalidInput, LeoError
from rules.faults import Fault

MOST_CALLS = 10
MOST_ERRORS = 10
# Bytes of one call's arguments: many times what the largest sensible rule takes.
LARGEST = 65_536


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with the call at `place`, None if it is about all of them; `error` says it in words."""

    place: int | None
    error: LeoError

    def to_document(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "code": self.error.code,
            "message": self.error.message,
            "remedy": self.error.remedy,
        }

    def fault(self) -> Fault:
        """Say it by its kind, with the call that it is about."""
        said = self.error.fault or Fault("task.other", values={"said": self.error.message.removesuffix(".")})
        if self.place is None:
            return said
        return Fault("task.call", f"calls[{self.place}]", {"place": self.place, "said": said})


def check(calls: Sequence[Call], scopes: Collection[str]) -> tuple[Wrong, ...]:
    """Give what is wrong with calls, nothing if a key with `scopes` may make each of them; looks at no record."""
    if not calls:
        error = _invalid(Fault("task.no_call"), "Call at least one of the tools, do_nothing where none fits.")
        return (Wrong(None, error),)
    if len(calls) > MOST_CALLS:
        fault = Fault("task.many_calls", values={"count": len(calls), "most": MOST_CALLS})
        error = _invalid(fault, "Ask for less at once, in several tasks.")
        return (Wrong(None, error),)
    found = [Wrong(place, error) for place, call in enumerate(calls) for error in _errors(call, scopes)]
    return tuple(found[:MOST_ERRORS])


def raise_wrong(found: Sequence[Wrong]) -> None:
    """Raise the first error, naming the call."""
    for one in found:
        where = "" if one.place is None else f"calls[{one.place}]: "
        raise type(one.error)(f"{where}{one.error.message}", remedy=one.error.remedy, fault=one.fault())


def _errors(call: Call, scopes: Collection[str]) -> list[LeoError]:
    definition = definitions().get(call.name)
    if definition is None:
        names = ", ".join(definitions())
        return [_invalid(Fault("task.no_tool", values={"name": call.name[:100]}), f"Use one of {names}.")]
    if definition.scope not in scopes:
        fault = Fault("task.no_scope", values={"tool": call.name, "scope": definition.scope})
        return [Forbidden(fault.say().en, remedy="Ask with a key that has it.", fault=fault)]
    if (unstorable := _unstorable(call.arguments)) is not None:
        return [unstorable]
    wrong = [_said(definition, one) for one in _validator(call.name).iter_errors(dict(call.arguments))]
    return list(wrong) or _rule_errors(call)


def _rule_errors(call: Call) -> list[LeoError]:
    """Read the rule in the arguments: a schema alone cannot tell whether it makes sense."""
    if call.name not in RULED:
        return []
    try:
        parse(rule_of(call.arguments))
    except InvalidInput as error:
        return [error]
    return []


def _unstorable(arguments: Mapping[str, Any]) -> InvalidInput | None:
    try:
        text = json.dumps(arguments, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        return _invalid(Fault("task.no_json"), "Send plain text and finite numbers.")
    if size > LARGEST or "\\u0000" in text:
        return _invalid(Fault("task.long", values={"most": LARGEST}), "Send less, as plain text.")
    return None


def _said(definition: Definition, error: Any) -> InvalidInput:
    place = ".".join(str(step) for step in error.absolute_path) or "arguments"
    required = ", ".join(definition.tool.parameters["required"]) or "nothing"
    values = {"tool": definition.name, "place": place, "said": str(error.message)[:300]}
    return _invalid(Fault("task.argument", values=values), f"Correct it; {definition.name} requires {required}.")


def _invalid(fault: Fault, remedy: str) -> InvalidInput:
    return InvalidInput(fault.say().en, remedy=remedy, fault=fault)


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(definitions()[name].tool.parameters)
