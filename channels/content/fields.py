"""What a channel alone knows of a message: buttons, links, and the parameters of a provider's own template."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from channels import buttons, facts
from channels.buttons import LONGEST_URL, Limits, is_web

# The declared types of Zalo's parameters that are more than text. It publishes no closed list of names: any other is
# taken as text.
TYPES: Mapping[str, re.Pattern[str]] = {
    "NUMBER": re.compile(r"-?\d+([.,]\d+)*"),
    "DATE": re.compile(r"(\d{2}:\d{2}(:\d{2})? )?\d{2}/\d{2}/\d{4}"),
}
DECLARES = frozenset({"name", "type", "require", "minLength", "maxLength", "acceptNull"})


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a message's data; `declared` is the key that says what its parameters may be."""

    kind: str
    most: int = LONGEST_URL
    declared: str = ""
    buttons: Limits = field(default_factory=lambda: Limits(0, 0))

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        known = entry.get("facts")
        limits = Limits.of(facts.load(known), https=entry.get("https", False)) if known else Limits(0, 0)
        return cls(entry["kind"], entry.get("most", LONGEST_URL), entry.get("declared", ""), limits)

    def form_problems(self, name: str, data: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong before anything is rendered."""
        value: Any = data[name]
        if not isinstance(value, _SHAPES[self.kind]):
            yield f"{name} is no {self.kind}"
            return
        if self.kind == "parameters":
            yield from _declaration_problems(name, value, data.get(self.declared, []), self.declared, most=self.most)
        if self.kind == "buttons":
            yield from buttons.problems(value, self.buttons, is_source=True)

    def problems(self, name: str, data: Mapping[str, Any]) -> Iterator[str]:
        """Say what is wrong with the rendered value."""
        yield from _PROBLEMS[self.kind](self, name, data)


def _of_text(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[str]:
    if len(str(data[name])) > field.most:
        yield f"{name} has {len(str(data[name]))} characters of {field.most}"


def _of_url(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[str]:
    yield from _of_text(field, name, data)
    if not is_web(str(data[name])):
        yield f"{name} is no http or https address"


def _of_flag(_field: Field, name: str, data: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(data[name], bool):
        yield f"{name} is neither true nor false"


def _of_buttons(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[str]:
    yield from buttons.problems(data[name], field.buttons)


def _of_parameters(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[str]:
    """Hold each parameter to what the provider declared of it; without a declaration only emptiness is known."""
    declared = {str(one["name"]): one for one in data.get(field.declared, [])}
    for key, value in data[name].items():
        text = str(value)
        said = declared.get(key, {})
        if not text.strip():
            if not said.get("acceptNull"):
                yield f"the parameter {key} is empty"
            continue
        most, least = said.get("maxLength"), said.get("minLength")
        if most is not None and len(text) > most:
            yield f"the parameter {key} has {len(text)} characters of {most}"
        if least is not None and len(text) < least:
            yield f"the parameter {key} has {len(text)} characters and needs {least}"
        pattern = TYPES.get(str(said.get("type", "")).upper())
        if pattern is not None and not pattern.fullmatch(text):
            yield f"the parameter {key} is no {str(said['type']).upper()}"


def _declaration_problems(
    name: str, given: Mapping[str, Any], declared: Any, where: str, *, most: int
) -> Iterator[str]:
    if len(given) > most:
        yield f"{name} has {len(given)} parameters of {most}"
    if not isinstance(declared, list) or not all(_is_declaration(one) for one in declared):
        yield f"{where} is no list of parameters with {', '.join(sorted(DECLARES))}"
        return
    if not declared:
        return
    known = {str(one["name"]): one for one in declared}
    yield from (f"the parameter {key} is not one of the provider's template" for key in sorted(given.keys() - known))
    missing = (key for key, one in known.items() if one.get("require", True) and key not in given)
    yield from (f"the parameter {key} is required and not given" for key in sorted(missing))


def _is_declaration(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str) or one.keys() - DECLARES:
        return False
    return all(one.get(bound) is None or isinstance(one[bound], int) for bound in ("minLength", "maxLength"))


_SHAPES: Mapping[str, type[Any]] = {"text": str, "url": str, "flag": bool, "buttons": object, "parameters": dict}
_PROBLEMS: Mapping[str, Callable[[Field, str, Mapping[str, Any]], Iterator[str]]] = {
    "text": _of_text,
    "url": _of_url,
    "flag": _of_flag,
    "buttons": _of_buttons,
    "parameters": _of_parameters,
}
