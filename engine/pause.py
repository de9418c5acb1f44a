"""When Python's own machinery holds work up: the collector, and whose turn it is among threads.

Work that makes many objects has no cycles: the collector, which looks for cycles alone, rests meanwhile.

A page of 1,000 documents is some 50,000 objects; the collector looked at them some seventy times while they were made,
which was a quarter of all that the process did.
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
    """Let the collector rest; of threads that overlap the first to come lets it go on, which is early and never not."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let the collector look for cycles after 100,000 new objects, not after 700 as it is made to.

    A batch of 500 decisions is some 150,000 objects that live until it is written: the collector looked at them again
    and again, which was a third of all that a process that decides did (425 us a person against 282).
    """
    before = gc.get_threshold()
    gc.set_threshold(_MANY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def settled() -> Iterator[None]:
    """Let the collector look at nothing that is there already, and after half a million new objects only.

    What is there is modules, code, what libraries keep: to look through it took 80 ms, once in 66 pages of 100. What
    comes is pages, which have no cycles and go with their last reference, two or three at a time, 40,000 objects each:
    to look at those again and again was a fifth of all that the process did (22 us a person of 105). Of runs that
    overlap the last to end puts everything back.
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
    """Let a thread wait 0.5 ms for its turn, not 5, where one makes ready what another writes.

    While a page is mapped PostgreSQL waits for its next statement until the thread that sends it has its turn: 15 us a
    person of 260. Of runs that overlap the first to end lets turns be as long as usual.
    """
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(_USUAL_TURN_S)
