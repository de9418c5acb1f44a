"""A worker that is asked to end: its time runs from the signal, and when it is over the process is."""

import asyncio
import os
import signal
import subprocess
import sys
import time

from engine.worker.ending import Stop, stopped_by_signals
from tests.engine.worker_process import ROOT

HELD = """
import threading, time
from engine.worker.ending import Stop, end_in_time

stop = Stop()
end_in_time(stop, within_s=0.3)
threading.Thread(target=time.sleep, args=(60,)).start()  # such as one that reads from a CDP
stop.set()
"""


async def test_time_runs_from_the_signal_also_while_the_loop_computes() -> None:
    stop = Stop()
    assert stop.left_s(7.0) == 7.0
    with stopped_by_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.2)  # noqa: ASYNC251 - a batch that is decided keeps the loop as busy
        assert not stop.is_set()
        await asyncio.wait_for(stop.wait(), 5)
    assert stop.left_s(7.0) <= 6.8
    assert stop.left_s(0.1) == 0.0


def test_a_process_that_something_holds_ends_all_the_same() -> None:
    started = time.monotonic()
    ended = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-c", HELD], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 0
    assert "found again" in ended.stderr
    assert time.monotonic() - started < 15
