"""The model itself: a choice is one batch over the trie of the calls after a cached prefix; words become calls.

The calls that may be made are a short list, so their trie is walked in one batch, and logits are only asked for where
it branches: a row of the vocabulary costs more than all the layers. When words become calls, the tools' schemas lead
the model (guide.py), and what counts is what can be read back from its output (parse.py).
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.think.contract import Answer, Call, ModelRefused, Question, Reply, Request
from engine.think.functiongemma.context import BATCH, LONGEST_PROMPT, MOST_CALLS, PROMPT, Context, Row, Undecodable
from engine.think.functiongemma.guide import lead
from engine.think.functiongemma.led import MOST_NEW_TOKENS, Led
from engine.think.functiongemma.parse import Unreadable, parse
from engine.think.functiongemma.prefix import Prefix
from engine.think.functiongemma.render import Mark, Piece, Prompt, call, prompt, text
from engine.think.functiongemma.trie import Trie
from rules.errors import InvalidInput
from rules.words import Arbiter

# A token has four characters on average; a text this much longer would be tokenised only to be refused.
_LONGEST_TEXT = 16 * LONGEST_PROMPT


class FunctionGemma:
    """One model file in this process; for one thread at a time. `close` frees it."""

    def __init__(
        self, path: Path, *, threads: int | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.context = Context(path, threads=threads, clock=clock)
        self.prefix = Prefix(self.context)
        self.arbiter = Arbiter.FUNCTIONGEMMA
        self.model = f"functiongemma@{self.context.hash[:16]}"

    def close(self) -> None:
        """Free the model's memory; the object cannot be used afterwards."""
        self.context.close()

    def choose(self, question: Question, *, within_s: float) -> Answer:
        """Choose one of the question's calls.

        Raises InvalidInput if it is too long or two calls are alike, TimeoutError, ModelUnavailable, ModelRefused.
        """
        started = self.context.clock()
        trie = self._trie(question.calls)
        asked = prompt(question.tools, question.instructions, question.context)
        with self._prompt(asked, started + within_s, room=len(trie.nodes)) as suffix:
            rows = self._walk(trie, suffix, started + within_s)
        chances = trie.probabilities(rows.__getitem__)
        return Answer(
            place=max(range(len(chances)), key=chances.__getitem__),
            probabilities=chances,
            model=self.model,
            prompt_hash=_prompt_hash(asked),
            latency_ms=(self.context.clock() - started) * 1000,
            prompt_tokens=self.prefix.done + len(suffix),
            answer_tokens=len(trie.nodes),
        )

    def call(self, request: Request, *, within_s: float) -> Reply:
        """Turn words into calls that fit the tools' schemas.

        Raises InvalidInput if it is too long, TimeoutError, ModelUnavailable, ModelRefused.
        """
        started = self.context.clock()
        data = f"{request.context}\n{request.text}" if request.context else request.text
        asked = prompt(request.tools, request.instructions, data)
        with self._prompt(asked, started + within_s, room=MOST_NEW_TOKENS) as suffix:
            led = Led(self.context, suffix, begin=self.prefix.done, ends=started + within_s)
            lead(led, request.tools)
        pieces = self.context.vocabulary.decode(led.given)
        return Reply(
            raw=text(pieces),
            calls=_read(pieces),
            model=self.model,
            prompt_hash=_prompt_hash(asked),
            latency_ms=(self.context.clock() - started) * 1000,
            prompt_tokens=self.prefix.done + len(suffix),
            answer_tokens=len(led.given),
        )

    def _trie(self, calls: Sequence[Call]) -> Trie:
        if not 1 <= len(calls) <= MOST_CALLS:
            raise InvalidInput(f"A question has 1 to {MOST_CALLS} calls, not {len(calls)}.", remedy="Ask less.")
        try:
            return Trie.of([self.context.vocabulary.encode(call(one)) for one in calls])
        except ValueError as error:
            raise InvalidInput(
                f"The calls of a question cannot be told apart: {error}.", remedy="Ask about each call once."
            ) from error

    @contextmanager
    def _prompt(self, asked: Prompt, ends: float, *, room: int) -> Iterator[list[int]]:
        """Put the prefix into memory and give the tokens of the rest; afterwards only the prefix is left in memory."""
        suffix = self._bounded(asked, room)
        try:
            self.prefix.bring(self.context.vocabulary.encode(asked.prefix), ends)
            yield suffix
        except Undecodable:
            self.prefix.forget()
            raise
        finally:
            self.context.cut(self.prefix.done, MOST_CALLS)

    def _bounded(self, asked: Prompt, room: int) -> list[int]:
        """Give the suffix's tokens; raises InvalidInput if the whole is too long for the context."""
        written = sum(len(piece) for piece in (*asked.prefix, *asked.suffix))
        encode = self.context.vocabulary.encode
        if written <= _LONGEST_TEXT:
            suffix = encode(asked.suffix)
            length = len(encode(asked.prefix)) + len(suffix) + room
            if length <= LONGEST_PROMPT:
                return suffix
        raise InvalidInput(
            f"The prompt of {written:,} characters has more than {LONGEST_PROMPT:,} tokens.",
            remedy="Offer fewer tools or say less.",
        )

    def _walk(self, trie: Trie, suffix: Sequence[int], ends: float) -> dict[int, list[float]]:
        """Decode the suffix, then the trie in one batch; gives the logits of the children at each branch."""
        begin, last = self.prefix.done, len(suffix) - 1
        asked = [
            Row(token, begin + at, (PROMPT,), wants_logits=at == last and -1 in trie.branches)
            for at, token in enumerate(suffix)
        ]
        rows: dict[int, list[float]] = {}

        def keep(at: int, branch: int) -> None:
            rows[branch] = self.context.logits(at, [trie.nodes[child].token for child in trie.branches[branch]])

        for at in self.context.decode(asked, ends):
            keep(at, -1)
        self.context.share(trie.count)
        begin += len(suffix)
        # What follows the last branch of a call is forced, and need not be decoded because nothing is asked after it.
        needed = trie.needed()
        for start in range(0, len(needed), BATCH):
            part = needed[start : start + BATCH]
            for at in self.context.decode([_row(trie, place, begin) for place in part], ends):
                keep(at, part[at])
        return rows


def _row(trie: Trie, place: int, begin: int) -> Row:
    node = trie.nodes[place]
    sequences = tuple(one + 1 for one in node.calls)
    return Row(node.token, begin + node.depth, sequences, wants_logits=place in trie.branches)


def _read(pieces: Sequence[Piece]) -> tuple[Call, ...]:
    try:
        return parse(pieces)
    except Unreadable as error:
        raise ModelRefused(
            f"What the model gave is no call: {error}.", remedy="Name tools and arguments in plain letters."
        ) from error


def _prompt_hash(asked: Prompt) -> bytes:
    return hashlib.sha256(text((*asked.prefix, Mark.EOS, *asked.suffix)).encode()).digest()
