"""What a run asks of Python's collector is taken back when the last run has ended."""

import gc

from engine.pause import settled


def test_runs_that_overlap_leave_the_collector_as_it_was() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    first, second = settled(), settled()
    with first:
        during = gc.get_threshold()
        second.__enter__()
    assert gc.get_threshold() == during != before
    assert gc.get_freeze_count() > frozen

    second.__exit__(None, None, None)

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
