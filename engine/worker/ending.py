"""The end of a worker that was asked to end: counted from the signal, and over in time whatever still holds it.

A loop that computes hears of a signal late, and there is always something that can wait for longer than a supervisor
does: a lock in PostgreSQL, a Redis that hangs, a thread that reads from a CDP. So a thread looks at the time from the
very signal on and ends the process. What that leaves is what a killed worker leaves, and is found again as its.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

# Calls on their way have so long to be answered; then there is time to write down what came of those that were cut.
DRAIN_S = 6.0
# Then the process goes. On a host where twenty processes want two processors, which a bulk worker leaves to them, that
# takes it two seconds, and a supervisor may kill after 10.
END_S = 7.5
# A log that nobody reads must not hold it either.
SAY_S = 0.2
# What is only a hint to others, or reads alone, may take so long to notice that it was cancelled.
LET_GO_S = 2.0

log = logging.getLogger("leo.worker")


class Stop(asyncio.Event):
    """Set when the worker is to end; it knows since when, which is earlier where the loop was busy."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self._since = 0.0

    def ask(self) -> None:
        """Note that the worker is asked to end; a signal may come in the middle of this very function."""
        if not self._since:
            self._since = time.monotonic()
            self.asked.set()

    def set(self) -> None:
        """Let whoever waits for the end go on."""
        self.ask()
        super().set()

    def left_s(self, of_s: float) -> float:
        """Give what is left of `of_s` seconds after the signal; 0 where they are over."""
        return max(self._since + of_s - time.monotonic(), 0.0) if self._since else of_s


def end_in_time(stop: Stop, *, within_s: float = END_S) -> None:
    """See to it that the process has ended `within_s` after it was asked to, with 0: it was asked to."""

    def wait() -> None:
        stop.asked.wait()
        time.sleep(stop.left_s(within_s))
        said = threading.Thread(target=_say, daemon=True)
        said.start()
        said.join(SAY_S)
        os._exit(0)

    threading.Thread(target=wait, name="end", daemon=True).start()


def leave(code: int) -> NoReturn:
    """End the process now that everything is closed.

    Python would free what a worker holds, object by object: half a second of the processor, and on a busy host, where a
    bulk worker gets little of it, the seconds that a supervisor waits. No thread may end the process meanwhile.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _say() -> None:
    log.warning("the worker's time to end is over: what it still held is found again by others")


@contextlib.contextmanager
def stopped_by_signals(stop: Stop) -> Iterator[None]:
    """Let SIGTERM and SIGINT set `stop`.

    Python runs these handlers between two of its steps, also where the loop has no turn for a while.
    """
    loop = asyncio.get_running_loop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.ask()
        # Who has stepped back for others ends as quickly as they do, where the system lets it.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        loop.call_soon_threadsafe(stop.set)

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
