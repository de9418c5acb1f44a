"""Reads a rule's JSON into its tree. What cannot be read is refused with its place, such as `rule.all[2].any[0]`.

The JSON Schema (see schema.py) accepts the same rules, except that it can express neither the limits on depth and
number of parts nor that a range must have its smaller number first.
"""

from collections.abc import Mapping
from typing import Any

from rules.conditions.leaves import LEAVES, Document
from rules.conditions.nodes import All, Any_, Node, Not
from rules.conditions.values import keys, wrong

DEEPEST = 20
MOST_NODES = 500

_KINDS = ("all", "any", "not", *LEAVES)


def read(document: Any) -> Node:
    """Read a rule's tree; raises InvalidInput."""
    _refuse_large(document)
    return _node(document, "rule")


def _refuse_large(document: Any) -> None:
    """Look at the groups alone, without recursion: a hostile rule can be nested as deep as its author likes."""
    waiting, seen = [(document, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if depth > DEEPEST:
            raise wrong("a part", "too_deep", most=DEEPEST)
        if not isinstance(node, Mapping):
            continue
        for group in ("all", "any", "not"):
            parts = node.get(group, ())
            inside = parts if isinstance(parts, list) else [parts] if group in node else []
            if seen + len(waiting) + len(inside) > MOST_NODES:
                raise wrong("rule", "too_many_parts", most=MOST_NODES)
            waiting.extend((part, depth + 1) for part in inside)


def _node(node: Any, place: str) -> Node:
    if not isinstance(node, Mapping):
        raise wrong(place, "no_object")
    kinds = [kind for kind in _KINDS if kind in node]
    if len(kinds) != 1:
        raise wrong(place, "needs_one", known=", ".join(_KINDS))
    kind = kinds[0]
    if kind in LEAVES:
        return LEAVES[kind](node, place)
    keys(node, place, kind)
    if kind == "not":
        return Not(_node(node["not"], f"{place}.not"))
    parts = _parts(node, f"{place}.{kind}", kind)
    return All(parts) if kind == "all" else Any_(parts)


def _parts(node: Document, place: str, kind: str) -> tuple[Node, ...]:
    if not isinstance(node[kind], list):
        raise wrong(place, "no_parts")
    return tuple(_node(part, f"{place}[{index}]") for index, part in enumerate(node[kind]))
