"""The parts of a message that only one channel knows: buttons, links, and parameters of a provider's own templates."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from channels import buttons, facts
from channels.buttons import LONGEST_URL, Limits, is_web
from rules.faults import Fault, Value

# Zalo's parameter types that are more than text. It publishes no complete list of names, so any other counts as text.
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

    def form_problems(self, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
        """Say what is wrong before anything is rendered."""
        value: Any = data[name]
        if not isinstance(value, _SHAPES[self.kind]):
            yield _fault("field.wrong_kind", name, name=name, shape=Fault(f"shape.{self.kind}"))
            return
        if self.kind == "parameters":
            yield from _declaration_problems(name, value, data.get(self.declared, []), self.declared, most=self.most)
        if self.kind == "buttons":
            yield from buttons.problems(value, self.buttons, is_source=True)

    def problems(self, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
        """Say what is wrong with the rendered value."""
        yield from _PROBLEMS[self.kind](self, name, data)


def _of_text(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    if len(str(data[name])) > field.most:
        yield _fault("field.too_long", name, name=name, count=len(str(data[name])), most=field.most)


def _of_url(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    yield from _of_text(field, name, data)
    if not is_web(str(data[name])):
        yield _fault("field.no_address", name, name=name)


def _of_flag(_field: Field, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(data[name], bool):
        yield _fault("field.no_flag", name, name=name)


def _of_buttons(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    yield from buttons.problems(data[name], field.buttons)


def _of_parameters(field: Field, name: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    """Check each parameter against what the provider declared; without a declaration only an empty value is wrong."""
    declared = {str(one["name"]): one for one in data.get(field.declared, [])}
    for key, value in data[name].items():
        text = str(value)
        said = declared.get(key, {})
        if not text.strip():
            if not said.get("acceptNull"):
                yield _fault("parameter.empty", name, key, name=key)
            continue
        most, least = said.get("maxLength"), said.get("minLength")
        if most is not None and len(text) > most:
            yield _fault("parameter.too_long", name, key, name=key, count=len(text), most=most)
        if least is not None and len(text) < least:
            yield _fault("parameter.too_short", name, key, name=key, count=len(text), least=least)
        pattern = TYPES.get(str(said.get("type", "")).upper())
        if pattern is not None and not pattern.fullmatch(text):
            yield _fault("parameter.wrong_type", name, key, name=key, type=str(said["type"]).upper())


def _declaration_problems(
    name: str, given: Mapping[str, Any], declared: Any, where: str, *, most: int
) -> Iterator[Fault]:
    if len(given) > most:
        yield _fault("parameter.too_many", name, name=name, count=len(given), most=most)
    if not isinstance(declared, list) or not all(_is_declaration(one) for one in declared):
        yield _fault("parameter.no_declaration", where, name=where, known=", ".join(sorted(DECLARES)))
        return
    if not declared:
        return
    known = {str(one["name"]): one for one in declared}
    yield from (_fault("parameter.unknown", name, key, name=key) for key in sorted(given.keys() - known))
    missing = (key for key, one in known.items() if one.get("require", True) and key not in given)
    yield from (_fault("parameter.required", name, key, name=key) for key in sorted(missing))


def _fault(kind: str, field: str, *keys: str, **values: Value) -> Fault:
    """Name what is wrong with a field of the data, or with a key inside it."""
    return Fault(kind, ".".join(("data", field, *keys)), values)


def _is_declaration(one: Any) -> bool:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str) or one.keys() - DECLARES:
        return False
    return all(one.get(bound) is None or isinstance(one[bound], int) for bound in ("minLength", "maxLength"))


_SHAPES: Mapping[str, type[Any]] = {"text": str, "url": str, "flag": bool, "buttons": object, "parameters": dict}
_PROBLEMS: Mapping[str, Callable[[Field, str, Mapping[str, Any]], Iterator[Fault]]] = {
    "text": _of_text,
    "url": _of_url,
    "flag": _of_flag,
    "buttons": _of_buttons,
    "parameters": _of_parameters,
}
