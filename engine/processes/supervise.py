"""`leo up`: keep the parts of a table running in the foreground until a person or the system says stop.

A part that ends is started again, each time after a longer pause; it never gives up, and always says what it did and
why.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from engine.processes import background, track
from engine.processes.background import Part
from rules.errors import Conflict, LeoError

NAME = "up"
LOOK_EVERY_S = 0.2
STOP_GRACE_S = 90.0  # it ends four parts and two servers, each within its own grace
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
STEADY_AFTER_S = 60.0  # a part that ran this long starts with the first pause again

Round = Callable[[], "Sequence[Part] | None"]


@dataclass(slots=True)
class _Watch:
    part: Part
    started: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    due: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Watches `parts`; `look_after` runs with each round, and may give parts that changed."""

    home: Path
    parts: Sequence[Part]
    say: Callable[[str], None]
    look_after: Round = lambda: None
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start everything, watch until `stopping` is set, stop in the opposite order."""
        watches = [_Watch(part) for part in self.parts]
        try:
            for watch in watches:
                if not self.stopping.is_set():
                    self._start(watch)
            while not self.stopping.wait(LOOK_EVERY_S):
                with self._telling():
                    self._change(watches, self.look_after() or ())
                for watch in watches:
                    self._look(watch)
        finally:
            for watch in reversed(watches):
                background.stop(self.home, watch.part.name)

    def _change(self, watches: Sequence[_Watch], parts: Sequence[Part]) -> None:
        for watch, part in ((watch, part) for watch in watches for part in parts if part.name == watch.part.name):
            watch.part = part
            self._start(watch)  # a part whose arguments and settings are the same is left as it runs

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except LeoError as error:
            self.say(str(error))

    def _look(self, watch: _Watch) -> None:
        if watch.due is not None:
            if time.monotonic() >= watch.due:
                self._start(watch)
            return
        if background.running(self.home, watch.part.name) is None:
            self._put_off(watch)

    def _put_off(self, watch: _Watch) -> None:
        if time.monotonic() - watch.started > STEADY_AFTER_S:
            watch.pause_s = FIRST_PAUSE_S
        why = track.log_tail(background.log_file(self.home, watch.part.name), lines=1)
        self.say(f"{watch.part.name} ended ({why or 'no word in its log'}); starting it again in {watch.pause_s:g} s.")
        watch.due = time.monotonic() + watch.pause_s
        watch.pause_s = min(watch.pause_s * 2, LONGEST_PAUSE_S)

    def _start(self, watch: _Watch) -> None:
        was_due, watch.due, watch.started = watch.due, None, time.monotonic()
        with self._telling():
            run = background.start(self.home, watch.part)
            if was_due is not None:
                self.say(f"{watch.part.name} runs again (process {run.pid}).")


def claim(home: Path) -> None:
    """Take the run file `up`; raises Conflict if another `leo up` of this LEO_HOME is running.

    Call it under the lock.
    """
    other = track.read(home / "run", NAME)
    if other is not None and track.is_running(other) and other.pid != os.getpid():
        raise Conflict(
            f"leo up runs already in {home} (process {other.pid}).", remedy="Use it, or end it with: leo down"
        )
    track.write(home / "run", track.describe(NAME, os.getpid()))


def release(home: Path) -> None:
    track.forget(home / "run", NAME)


def stop(home: Path) -> track.Run | None:
    """End the `leo up` of this LEO_HOME with all its parts; give what was stopped."""
    run = background.running(home, NAME)
    if run is not None:
        track.stop(run, grace_s=STOP_GRACE_S)
    release(home)
    return run


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt starting up as Ctrl-C does, so that everything can be cleaned up."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM set `stopping`: everything is then ended in order, whatever it was doing."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
