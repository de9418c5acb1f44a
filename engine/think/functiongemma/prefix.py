"""The part of a prompt that many questions share: read once, kept, and restored when it is asked for again.

Reading 600 tokens takes seconds on two cores, longer than one choice may last. So what was read of a prefix stays, even
if a question's time ran out meanwhile, and the next one continues from there. Several runs at a time each have their
own.
"""

from collections import OrderedDict
from collections.abc import Sequence

from engine.think.functiongemma.context import PROMPT, Context, Row

# How many prefixes are kept besides the one in use; each takes about 9 MB, and at most 40.
MOST_KEPT = 8
# The time is checked after this many tokens. It is as fast as 512 at once, with identical logits; at 32 it is neither.
STEP = 128


class Prefix:
    """How much of a prefix is in a context's memory; `done` counts its tokens there. Nothing else comes before it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens: tuple[int, ...] = ()
        self._kept: OrderedDict[tuple[int, ...], tuple[int, bytes]] = OrderedDict()
        self.done = 0
        self.decoded = 0
        """How many tokens of prefixes were decoded in total: none if they could all be kept."""

    def bring(self, tokens: Sequence[int], ends: float) -> None:
        """Put these tokens into memory; raises as `Context.decode` does, and then what was read so far stays."""
        wanted = tuple(tokens)
        if wanted != self._tokens:
            self._switch(wanted)
        while self.done < len(wanted):
            part = wanted[self.done : self.done + STEP]
            rows = [Row(token, self.done + at, (PROMPT,)) for at, token in enumerate(part)]
            self._context.decode(rows, ends)
            self.done += len(part)
            self.decoded += len(part)

    def forget(self) -> None:
        """Start afresh: nothing of it is in memory."""
        self._tokens, self.done = (), 0

    def _switch(self, wanted: tuple[int, ...]) -> None:
        if self.done > self._kept.get(self._tokens, (0, b""))[0]:
            self._kept[self._tokens] = (self.done, self._context.save())
        done, state = self._kept.get(wanted, (0, b""))
        if done:
            self._kept.move_to_end(wanted)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        self._tokens, self.done = wanted, 0
        if not done:
            self._context.clear()
        elif self._context.restore(state):
            self.done = done
