"""Which of the suite's processes runs which file, and when: the longest first, so that both end at the same time.

xdist by itself begins with the files of the most tests. Those of few tests, which start servers and wait for them, then
come last, and one process waits for the other.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

# About the longest first; it matters only that none of these comes last. All files of a folder are run by one process:
# what they share takes long to make.
ORDER = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split()


def turn_of(nodeid: str, paths: Sequence[str] = ORDER) -> str:
    """Give what is run as a whole: a folder of `paths`, else the file."""
    file = nodeid.partition("::")[0]
    return next((path for path in paths if file.startswith(f"{path}/")), file)


class Turns(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Those in ORDER first; then the others, the ones of the most tests first."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        self._places = {path: place for place, path in enumerate(ORDER)}

    def _split_scope(self, nodeid: str) -> str:
        return turn_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        # xdist takes the first of its queue, which it fills by itself: there is no other place to sort it at.
        self.workqueue.move_to_end(min(self.workqueue, key=self._rank), last=False)
        super()._assign_work_unit(node)

    def _rank(self, turn: str) -> tuple[int, int]:
        return self._places.get(turn, len(ORDER)), -len(self.workqueue[turn])
