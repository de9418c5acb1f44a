"""Rendering a message that lacks something: everything missing is named at once, and marked in its place."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.templates.filters import Reader
from engine.templates.liquid import Missing, variables
from engine.templates.version import Version
from engine.templates.write import Written, draft, problems
from rules.errors import InvalidInput
from rules.faults import Fault

MOST = 50


@dataclass(frozen=True, slots=True)
class Attempted:
    """`written` is None if it cannot be filled in even with marks such as ⟦profile.tier⟧ for missing values."""

    written: Written | None
    missing: tuple[str, ...]
    problems: tuple[Fault, ...]


def attempt(
    version: Version, context: Mapping[str, Any], *, reader: Reader, unsubscribe_url: str, is_advertising: bool
) -> Attempted:
    """Render as far as possible and say everything that is against sending it; raises nothing."""
    filled = copy.deepcopy(dict(context))
    asked = _asked(version, reader)
    missing: list[str] = []
    while True:
        try:
            written = draft(
                version, filled, reader=reader, unsubscribe_url=unsubscribe_url, is_advertising=is_advertising
            )
        except Missing as error:
            name = error.variable
            has_parts = any(one.startswith(f"{name}.") for one in asked)
            if len(missing) >= MOST or not _put(filled, name, {} if has_parts else f"⟦{name}⟧"):
                return Attempted(None, tuple(missing), error.faults)
            missing += [] if has_parts else [name]
        except InvalidInput as error:
            return Attempted(None, tuple(missing), error.faults)
        else:
            return Attempted(written, tuple(missing), tuple(problems(version, written)))


def _asked(version: Version, reader: Reader) -> set[str]:
    try:
        return variables(version.bodies[version.pick(reader.locale)])
    except InvalidInput:
        return set()


def _put(context: dict[str, Any], name: str, value: Any) -> bool:
    """Put a mark where the variable would be; False if there is no such place, or a value is there already."""
    *parents, last = name.split(".")
    place: Any = context
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else None
    if not isinstance(place, dict) or last in place:
        return False
    place[last] = value
    return True
