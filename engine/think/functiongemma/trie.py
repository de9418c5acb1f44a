"""The token trie of a list of calls: each token once, and which of them are a choice. Pure.

If a node has one child, the next token is forced: it needs no row of logits, and its probability is one. So a list of
twelve calls of 20 tokens costs about 60 tokens and a handful of rows.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """One token: `parent` is a node's place, -1 before the first; `calls` are the places of the calls it belongs to."""

    token: int
    parent: int
    depth: int
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Trie:
    """`nodes`, parents first; `branches` gives for a node (-1: before the first) the children that are a choice."""

    nodes: tuple[Node, ...]
    branches: dict[int, tuple[int, ...]]
    count: int

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> "Trie":
        """Make it from the calls' tokens. Raises ValueError if one call begins another, or two are the same."""
        nodes: list[Node] = []
        children: dict[int, list[int]] = {}
        level = [(-1, tuple(range(len(sequences))))]
        depth = 0
        while level:
            following: list[tuple[int, tuple[int, ...]]] = []
            for parent, calls in level:
                groups: dict[int, list[int]] = {}
                for place in calls:
                    if depth == len(sequences[place]):
                        if len(calls) > 1:
                            raise ValueError(f"call {place} begins another one")
                        continue
                    groups.setdefault(sequences[place][depth], []).append(place)
                for token, members in groups.items():
                    children.setdefault(parent, []).append(len(nodes))
                    following.append((len(nodes), tuple(members)))
                    nodes.append(Node(token, parent, depth, tuple(members)))
            level, depth = following, depth + 1
        branches = {parent: tuple(of) for parent, of in children.items() if len(of) > 1}
        return cls(tuple(nodes), branches, len(sequences))

    def needed(self) -> list[int]:
        """Give the nodes that come before a branch, or are one, parents first."""
        wanted: set[int] = set()
        for branch in self.branches:
            at = branch
            while at >= 0 and at not in wanted:
                wanted.add(at)
                at = self.nodes[at].parent
        return sorted(wanted)

    def probabilities(self, row: Callable[[int], Sequence[float]]) -> tuple[float, ...]:
        """Give each call's probability among all; `row(node)` gives the logits of the children that branch there.

        They add up to one, and are what sampling constrained to these calls would give.
        """
        logs = [0.0] * self.count
        for parent, of in self.branches.items():
            logits = row(parent)
            top = max(logits)
            total = math.log(math.fsum(math.exp(value - top) for value in logits)) + top
            for child, value in zip(of, logits, strict=True):
                for place in self.nodes[child].calls:
                    logs[place] += value - total
        given = [math.exp(value) for value in logs]
        whole = math.fsum(given)
        return tuple(value / whole for value in given)
