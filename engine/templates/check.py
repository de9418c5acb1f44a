"""Refusing a template that cannot work for anybody: all that is wrong with its Liquid is said at once."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from engine.templates.liquid import NAMES, ROOTS, Bodies, names_in, refusal, sources
from rules.errors import InvalidInput


def check(bodies: Bodies, known: AbstractSet[str] | None = None) -> set[str]:
    """Refuse a template that cannot work, and give its variables.

    `known` are full names such as "profile.city"; without it, any field of profile, campaign and event is accepted.
    Raises InvalidInput for a syntax error, an unknown filter or tag, no body at all, or an unknown variable.
    """
    if bodies.text is None and bodies.html is None and not bodies.data:
        raise refusal("no_body", bodies, "body_text", "Give it a text or an HTML body.")
    places: dict[str, str] = {}
    refused: list[InvalidInput] = []
    for source in sources(bodies):
        try:
            for name in names_in(bodies, source):
                places.setdefault(name, source.place)
        except InvalidInput as error:
            refused.append(error)
    refused.extend(_unknown(bodies, name, places[name], known) for name in sorted(places) if not _is_known(name, known))
    refuse_together(refused)
    return set(places)


def refuse_together(refused: Sequence[InvalidInput]) -> None:
    """Raise the first of them, with what else is wrong; nothing where there is none."""
    if not refused:
        return
    first, *others = refused
    more = [fault for one in others for fault in one.faults]
    raise InvalidInput(
        first.message, remedy=first.remedy, fault=first.fault, more=[*first.more, *more]
    ) from first.__cause__


def _unknown(bodies: Bodies, name: str, place: str, known: AbstractSet[str] | None) -> InvalidInput:
    offered = _offered(name, known)
    return refusal("unknown_name", bodies, place, _choices(name, offered), variable=name, known=", ".join(offered))


def _is_known(name: str, known: AbstractSet[str] | None) -> bool:
    root, dot, _ = name.partition(".")
    if known is None:
        return name in NAMES or (root in ROOTS and bool(dot))
    return any(name == one or name.startswith(f"{one}.") for one in known | NAMES)


def _offered(name: str, known: AbstractSet[str] | None) -> list[str]:
    if name in ROOTS:
        return [f"{name}.name"]
    return sorted(known | NAMES) if known is not None else [*(f"{root}.*" for root in sorted(ROOTS)), *sorted(NAMES)]


def _choices(name: str, offered: list[str]) -> str:
    if name in ROOTS:
        return f"Name one of its fields, such as {offered[0]}."
    return f"Use one of {', '.join(offered)}."
