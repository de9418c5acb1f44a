"""A segment's rule: read, tested against a person, put into words. The engine compiles its tree to one statement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rules.conditions.explain import Explained, explain, inactive
from rules.conditions.hold import holds
from rules.conditions.nodes import All, Any_, Happened, Leaf, Like, Member, Node, Not, Pattern
from rules.conditions.person import Person
from rules.conditions.phrases import Language
from rules.conditions.read import read
from rules.conditions.text import text

ANY_EVENT = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """`document` is the rule as it was written, `tree` as it was read."""

    tree: Node
    document: Mapping[str, Any]

    def holds(self, person: Person, *, now: datetime, today: date) -> bool:
        """Whether the person satisfies the rule, which only an active profile can; `today` is the tenant's date."""
        return person.active and holds(self.tree, person, now, today)

    def explain(self, person: Person, *, now: datetime, today: date, language: str = Language.EN) -> Explained:
        """Say of each condition whether it holds for the person, and what was found, in the given Language."""
        explained = explain(self.tree, person, now, today, Language(language))
        return explained if person.active else inactive(explained, Language(language))

    def text(self, language: str = Language.EN) -> str:
        """Say the rule as one sentence, in the given Language."""
        return text(self.tree, Language(language))

    def leaves(self) -> tuple[Leaf, ...]:
        """Give every condition, in the order in which they are written."""
        return tuple(_leaves(self.tree))

    def event_types(self) -> frozenset[str]:
        """Give the types of event that may change the result; "*" is any type."""
        types: set[str] = set()
        for leaf in self.leaves():
            if isinstance(leaf, Happened):
                types.update(leaf.types)
            elif isinstance(leaf, Pattern):
                types.add(ANY_EVENT)
        return frozenset(types)

    def segments(self) -> frozenset[str]:
        """Give the keys of the segments that the rule refers to."""
        keys = {leaf.segment for leaf in self.leaves() if isinstance(leaf, Member | Like)}
        return frozenset(key for key in keys if key is not None)


def parse(document: Any) -> Rule:
    """Read a rule's JSON; raises InvalidInput naming the place that cannot be read."""
    return Rule(read(document), document)


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, Not):
        yield from _leaves(node.part)
    elif isinstance(node, All | Any_):
        for part in node.parts:
            yield from _leaves(part)
    else:
        yield node
