"""A Merkle tree over records and a chain of its roots, as in RFC 6962 (Certificate Transparency).

Leaves, nodes and heads are SHA-256 over a prefix byte for their kind, so that none can be passed off as another.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

LEAF, NODE, HEAD = b"\x00", b"\x01", b"\x02"


class Side(StrEnum):
    """The side of the path on which a sibling is."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Step:
    """One step from a leaf to the root: the sibling to combine with."""

    side: Side
    hash: bytes


def leaf(content: bytes) -> bytes:
    """Give the 32 bytes that stand for one record."""
    return hashlib.sha256(LEAF + content).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Give the root over one leaf or more; raises ValueError for none."""
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], place: int) -> tuple[Step, ...]:
    """Give the path from the leaf at `place` to the root; raises IndexError if there is no such leaf."""
    if not 0 <= place < len(leaves):
        raise IndexError(place)
    level, steps = list(leaves), []
    while len(level) > 1:
        beside = place ^ 1
        if beside < len(level):
            steps.append(Step(Side.LEFT if beside < place else Side.RIGHT, level[beside]))
        level, place = _above(level), place // 2
    return tuple(steps)


def climb(start: bytes, steps: Sequence[Step]) -> bytes:
    """Give the root that a leaf's path leads to."""
    reached = start
    for step in steps:
        reached = _node(step.hash, reached) if step.side is Side.LEFT else _node(reached, step.hash)
    return reached


def first_head(tenant_id: UUID) -> bytes:
    """Give the head that a tenant's first batch follows."""
    return hashlib.sha256(b"leo ledger 1 " + tenant_id.bytes).digest()


def head(previous: bytes, tree_root: bytes, *, number: int, after_id: int, last_id: int, count: int) -> bytes:
    """Give the head of a batch. It covers the previous head, so that no batch can be left out, added or moved."""
    numbers = b"".join(value.to_bytes(8, "big") for value in (number, after_id, last_id, count))
    return hashlib.sha256(HEAD + previous + tree_root + numbers).digest()


def _above(level: list[bytes]) -> list[bytes]:
    pairs = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    # A leaf without a sibling moves up unchanged; duplicating it would let two different lists share a root.
    return pairs + level[-1:] if len(level) % 2 else pairs


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
