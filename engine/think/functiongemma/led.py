"""The model as it is led through calls: it is asked what it would give next, and what is given is decoded."""

from collections.abc import Sequence

from engine.think.contract import ModelRefused
from engine.think.functiongemma.context import PROMPT, Context, Row
from engine.think.functiongemma.render import Mark, Piece

# After this many tokens calls are brought to their end, with at most as many again.
ENOUGH_TOKENS = 256
MOST_NEW_TOKENS = 1_024


class Led:
    """Steps (guide.py) after `begin` tokens in memory and those of a suffix; `given` are the tokens so far."""

    def __init__(self, context: Context, suffix: Sequence[int], *, begin: int, ends: float) -> None:
        self._context, self._ends = context, ends
        self._words = context.vocabulary
        self._place = begin
        self._row = -1
        self.given: list[int] = []
        self._go(suffix)

    @property
    def is_short(self) -> bool:
        return len(self.given) >= ENOUGH_TOKENS

    def force(self, piece: Piece) -> None:
        self._give(self._words.encode([piece]))

    def choose(self, options: Sequence[Sequence[Piece]]) -> int:
        sequences = [self._words.encode(option) for option in options]
        left = list(range(len(options)))
        depth = 0
        while True:
            tokens = list(dict.fromkeys(sequences[place][depth] for place in left))
            token = tokens[self._best(tokens)]
            left = [place for place in left if sequences[place][depth] == token]
            if len(left) == 1:
                self._give(sequences[left[0]][depth:])
                return left[0]
            self._give([token])
            depth += 1

    def prefer(self, options: Sequence[Piece]) -> int:
        return self._best([self._words.encode([option])[0] for option in options])

    def write(self, least: int, most: int) -> None:
        quote = self._words.id_of(Mark.QUOTE)
        tokens: list[int] = []
        while True:
            may_end = len(self._words.text(tokens).strip()) >= least
            must_end = may_end and (self.is_short or len(tokens) >= most)
            token = quote if must_end else self._words.best(self._context.row(self._row), may_end=may_end)
            if token == quote or len(self._words.text([*tokens, token])) > most:
                self._give([quote])
                return
            tokens.append(token)
            self._give([token])

    def _best(self, tokens: Sequence[int]) -> int:
        if len(tokens) == 1:
            return 0
        values = self._context.logits(self._row, tokens)
        return max(range(len(tokens)), key=values.__getitem__)

    def _give(self, tokens: Sequence[int]) -> None:
        self.given.extend(tokens)
        if len(self.given) > MOST_NEW_TOKENS:
            raise ModelRefused(f"A call of more than {MOST_NEW_TOKENS} tokens is none.", remedy="Ask for less at once.")
        self._go(tokens)

    def _go(self, tokens: Sequence[int]) -> None:
        last = len(tokens) - 1
        rows = [Row(token, self._place + at, (PROMPT,), wants_logits=at == last) for at, token in enumerate(tokens)]
        (self._row,) = self._context.decode(rows, self._ends)
        self._place += len(tokens)
