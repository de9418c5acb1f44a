"""When Python's own machinery slows work down: the garbage collector, and threads taking turns.

Work that makes many objects makes no cycles, and cycles are all that the collector looks for, so it rests meanwhile. A
page of 1,000 documents is some 50,000 objects; while they were made the collector ran about seventy times, which was a
quarter of everything that the process did.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_MANY, _VERY_MANY = 100_000, 500_000
_held: list[tuple[int, int, int]] = []
_TURN_S, _USUAL_TURN_S = 0.0005, sys.getswitchinterval()


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the collector rest. Of overlapping threads the first to finish restarts it: early, but it never stays off."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Run the collector after 100,000 new objects, not after the default of 700.

    A batch of 500 decisions is some 150,000 objects that live until it is written: the collector looked at them again
    and again, which was a third of everything that a deciding process did (425 us per person instead of 282).
    """
    before = gc.get_threshold()
    gc.set_threshold(_MANY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def settled() -> Iterator[None]:
    """Exempt all existing objects from the collector, and run it only after half a million new ones.

    The existing objects are modules, code and what libraries keep: going through them took 80 ms, once in 66 pages of
    100. The new objects are pages, which have no cycles and die with their last reference, two or three at a time,
    40,000 objects each: going through those repeatedly was a fifth of everything that the process did (22 us of 105 per
    person). Of overlapping runs the last to finish restores everything.
    """
    _held.append(gc.get_threshold())
    gc.freeze()
    gc.set_threshold(_VERY_MANY, *_held[0][1:])
    try:
        yield
    finally:
        before = _held.pop()
        if not _held:
            gc.set_threshold(*before)
            gc.unfreeze()


@contextmanager
def in_small_turns() -> Iterator[None]:
    """Let a thread wait 0.5 ms for its turn instead of 5, while one thread prepares what another writes.

    While a page is being mapped, PostgreSQL waits for its next statement until the sending thread gets its turn: 15 us
    of 260 per person. Of overlapping runs the first to finish restores the usual interval.
    """
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_TURN_S)
