"""Work that makes many objects and no cycles: the collector, which looks for cycles alone, rests meanwhile.

A page of 1,000 documents is some 50,000 objects; the collector looked at them some seventy times while they were made,
which was a quarter of all that the process did.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 100_000


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
    """Let the collector look at nothing that is there already: modules, code, what libraries keep.

    To look through it all took 80 ms, once in 66 pages of 100. What is not needed any more goes as ever when its last
    reference does; of runs that overlap the first to end lets the collector look at everything again.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
