"""The part of a prompt that many questions share: read once, kept, and brought back when it is asked for again.

To read 600 tokens takes seconds on two cores, longer than one choice may last. So what was read of a prefix stays, also
where a question's time ended meanwhile: the next one goes on from there. Several runs at a time each have their own.
"""

from collections import OrderedDict
from collections.abc import Sequence

from engine.think.functiongemma.context import PROMPT, Context, Row

# The prefixes that are remembered beside the one in use; each takes some 9 MB, and at most 40.
MOST_KEPT = 8
# Time is looked at as often; as fast as 512 at once, and with the same logits to the bit. At 32 it is neither.
STEP = 128


class Prefix:
    """What of a prefix is in a context's memory; `done` counts its tokens there. Nothing else stands before it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tokens: tuple[int, ...] = ()
        self._kept: OrderedDict[tuple[int, ...], tuple[int, bytes]] = OrderedDict()
        self.done = 0
        self.decoded = 0
        """How many tokens of prefixes were decoded ever: none where they could be kept."""

    def bring(self, tokens: Sequence[int], ends: float) -> None:
        """Have these tokens in memory; raises as `Context.decode`, and then what was read so far stays."""
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
        """Begin anew: memory has nothing of it."""
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
