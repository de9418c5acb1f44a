"""The model itself, through llama.cpp's own functions: a kept prefix, one batch over the trie of calls, no grammar.

A grammar over 262,144 tokens costs 0.4 s a token. The calls that may be made are a short list, so their trie is walked
in one batch over the shared prefix, and logits are asked for where it branches alone: the vocabulary's row costs more
than all the layers. Where words become calls, the tools' schemas lead (guide.py), again without a grammar.
"""

import ctypes
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.think.contract import Answer, ModelRefused, Question, Reply, Request
from engine.think.functiongemma.guide import lead
from engine.think.functiongemma.render import Mark, Piece, Prompt, call, prompt, text
from engine.think.functiongemma.trie import Trie
from engine.think.functiongemma.vocabulary import Vocabulary
from rules.errors import InvalidInput, Misconfigured
from rules.words import Arbiter

LONGEST_PROMPT = 8_192
MOST_CALLS = 63
# After so many tokens calls are brought to their end, at most as many again.
ENOUGH_TOKENS = 256
MOST_NEW_TOKENS = 1_024
_BATCH = 512
_PREFIX = 0
_INSTALL = "Install it: make setup EXTRAS=functiongemma (it is compiled, some ten minutes on two cores)."


@dataclass(frozen=True, slots=True)
class Row:
    """A token to decode: where, for which sequences, and whether its logits are wanted."""

    token: int
    at: int
    sequences: tuple[int, ...]
    wants_logits: bool = False


class FunctionGemma:
    """One model file in this process; for one thread at a time. `close` frees it."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self._llama = _library()
        self.arbiter = Arbiter.FUNCTIONGEMMA
        self.model = f"functiongemma@{_hash(path)[:16]}"
        self._model = self._load(path)
        try:
            self._context = self._open(threads)
            self.vocabulary = Vocabulary(self._llama, self._llama.llama_model_get_vocab(self._model))
        except BaseException:
            self._llama.llama_model_free(self._model)
            raise
        self._memory = self._llama.llama_get_memory(self._context)
        self._batch = self._llama.llama_batch_init(_BATCH, 0, MOST_CALLS + 1)
        self._kept: list[int] = []
        self.prefix_decoded = 0
        """How many tokens of prefixes were decoded: none where the last one could be kept."""

    def close(self) -> None:
        """Free the model's memory; the object is of no use afterwards."""
        self._llama.llama_batch_free(self._batch)
        self._llama.llama_free(self._context)
        self._llama.llama_model_free(self._model)

    def choose(self, question: Question, *, within_s: float) -> Answer:
        """Choose one of the question's calls; raises InvalidInput where it is too long, TimeoutError."""
        started = time.perf_counter()
        if not 1 <= len(question.calls) <= MOST_CALLS:
            raise InvalidInput(
                f"A question has 1 to {MOST_CALLS} calls, not {len(question.calls)}.", remedy="Ask less."
            )
        made = [self.vocabulary.encode(call(one)) for one in question.calls]
        trie = Trie.of(made)
        asked = prompt(question.tools, question.instructions, question.context)
        ends = started + within_s
        suffix = self._begin(asked, ends, room=max(map(len, made)))
        try:
            rows = self._walk(trie, suffix, ends)
        finally:
            self._forget(trie.count)
        chances = trie.probabilities(rows.__getitem__)
        return Answer(
            place=max(range(len(chances)), key=chances.__getitem__),
            probabilities=chances,
            model=self.model,
            prompt_hash=_prompt_hash(asked),
            latency_ms=(time.perf_counter() - started) * 1000,
            prompt_tokens=len(self._kept) + len(suffix),
            answer_tokens=len(trie.nodes),
        )

    def call(self, request: Request, *, within_s: float) -> Reply:
        """Turn words into calls that fit the tools' schemas; raises InvalidInput where too long, TimeoutError."""
        started = time.perf_counter()
        data = f"{request.context}\n{request.text}" if request.context else request.text
        asked = prompt(request.tools, request.instructions, data)
        ends = started + within_s
        suffix = self._begin(asked, ends, room=MOST_NEW_TOKENS)
        steps = _Led(self, suffix, ends)
        try:
            calls = lead(steps, request.tools)
        finally:
            self._forget(0)
        return Reply(
            raw=text(self.vocabulary.decode(steps.given)),
            calls=calls,
            model=self.model,
            prompt_hash=_prompt_hash(asked),
            latency_ms=(time.perf_counter() - started) * 1000,
            prompt_tokens=len(self._kept) + len(suffix),
            answer_tokens=len(steps.given),
        )

    @property
    def kept(self) -> int:
        """How many tokens of a prefix are in memory."""
        return len(self._kept)

    def row(self, at: int) -> Any:
        """Give the logits of the whole vocabulary, until the next decoding."""
        return self._llama.llama_get_logits_ith(self._context, at)

    def _begin(self, asked: Prompt, ends: float, *, room: int) -> list[int]:
        """Have the prefix in memory, give the tokens of the rest."""
        prefix, suffix = self.vocabulary.encode(asked.prefix), self.vocabulary.encode(asked.suffix)
        length = len(prefix) + len(suffix) + room
        if length > LONGEST_PROMPT:
            raise InvalidInput(
                f"The prompt has {length:,} tokens, more than {LONGEST_PROMPT:,}.",
                remedy="Offer fewer tools or say less.",
            )
        if prefix != self._kept:
            self.clear()
            self.decode([Row(token, at, (_PREFIX,)) for at, token in enumerate(prefix)], ends)
            self._kept = prefix
            self.prefix_decoded += len(prefix)
        return suffix

    def clear(self) -> None:
        """Forget everything, the kept prefix too."""
        self._llama.llama_memory_clear(self._memory, True)
        self._kept = []

    def _forget(self, calls: int) -> None:
        """Leave the prefix in memory and nothing else."""
        for sequence in range(1, calls + 1):
            self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._llama.llama_memory_seq_rm(self._memory, _PREFIX, len(self._kept), -1)

    def _walk(self, trie: Trie, suffix: Sequence[int], ends: float) -> dict[int, list[float]]:
        """Decode the suffix, then the trie in one batch; gives the logits of the children at each branch."""
        begin = len(self._kept)
        last = len(suffix) - 1
        asked = [
            Row(token, begin + at, (_PREFIX,), wants_logits=at == last and -1 in trie.branches)
            for at, token in enumerate(suffix)
        ]
        rows: dict[int, list[float]] = {}
        for at in self.decode(asked, ends):
            rows[-1] = self.logits(at, [trie.nodes[child].token for child in trie.branches[-1]])
        for place in range(trie.count):
            self._llama.llama_memory_seq_cp(self._memory, _PREFIX, place + 1, -1, -1)
        # What follows the last branch of a call is forced: it needs no decoding, for nothing is asked behind it.
        needed = _needed(trie)
        begin += len(suffix)
        for start in range(0, len(needed), _BATCH):
            part = needed[start : start + _BATCH]
            tokens = [
                Row(
                    trie.nodes[place].token,
                    begin + trie.nodes[place].depth,
                    tuple(one + 1 for one in trie.nodes[place].calls),
                    wants_logits=place in trie.branches,
                )
                for place in part
            ]
            for at in self.decode(tokens, ends):
                rows[part[at]] = self.logits(at, [trie.nodes[child].token for child in trie.branches[part[at]]])
        return rows

    def decode(self, rows: Sequence[Row], ends: float) -> list[int]:
        """Decode rows in batches; gives the places, in the last batch, of those whose logits were asked for."""
        asked: list[int] = []
        for start in range(0, len(rows), _BATCH):
            if time.perf_counter() >= ends:
                raise TimeoutError("FunctionGemma had no time left")
            part = rows[start : start + _BATCH]
            asked = [at for at, row in enumerate(part) if row.wants_logits]
            self._fill(part)
            code = self._llama.llama_decode(self._context, self._batch)
            if code != 0:
                self.clear()
                raise ModelRefused(f"llama.cpp could not decode the prompt (code {code}).", remedy="Ask less at once.")
        return asked

    def _fill(self, rows: Sequence[Row]) -> None:
        batch = self._batch
        batch.n_tokens = len(rows)
        for at, row in enumerate(rows):
            batch.token[at] = row.token
            batch.pos[at] = row.at
            batch.n_seq_id[at] = len(row.sequences)
            for place, sequence in enumerate(row.sequences):
                batch.seq_id[at][place] = sequence
            batch.logits[at] = row.wants_logits

    def logits(self, at: int, tokens: Sequence[int]) -> list[float]:
        row = self._llama.llama_get_logits_ith(self._context, at)
        return [float(row[token]) for token in tokens]

    def _load(self, path: Path) -> Any:
        parameters = self._llama.llama_model_default_params()
        parameters.n_gpu_layers = 0
        model = self._llama.llama_model_load_from_file(str(path).encode(), parameters)
        if not model:
            raise Misconfigured(
                f"llama.cpp cannot load the model file {path.name}.",
                remedy="Check that LEO_FUNCTIONGEMMA_MODEL is a GGUF file.",
            )
        return model

    def _open(self, threads: int | None) -> Any:
        parameters = self._llama.llama_context_default_params()
        parameters.n_ctx = LONGEST_PROMPT + 1_024
        parameters.n_batch = parameters.n_ubatch = _BATCH
        parameters.n_seq_max = MOST_CALLS + 1
        # One store of keys and values for all sequences, of which the local layers keep every position: a prefix is
        # shared without a copy, and what was added behind it can be taken away again.
        parameters.kv_unified = parameters.swa_full = True
        if threads is not None:
            parameters.n_threads = parameters.n_threads_batch = threads
        context = self._llama.llama_init_from_model(self._model, parameters)
        if not context:
            raise Misconfigured("llama.cpp has no memory for the model.", remedy="Free some, or use a smaller file.")
        return context


class _Led:
    """The model as it is led through calls; `given` are the tokens so far. See guide.Steps."""

    def __init__(self, model: FunctionGemma, suffix: Sequence[int], ends: float) -> None:
        self._model, self._ends = model, ends
        self._words = model.vocabulary
        self._place = model.kept
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

    def write(self, least: int, most: int) -> str:
        quote = self._words.id_of(Mark.QUOTE)
        tokens: list[int] = []
        while True:
            written = self._words.text(tokens)
            may_end = len(written.strip()) >= least
            must_end = may_end and (self.is_short or len(tokens) >= most)
            token = quote if must_end else self._words.best(self._model.row(self._row), may_end=may_end)
            if token == quote or len(self._words.text([*tokens, token])) > most:
                self._give([quote])
                return written
            tokens.append(token)
            self._give([token])

    def _best(self, tokens: Sequence[int]) -> int:
        if len(tokens) == 1:
            return 0
        values = self._model.logits(self._row, tokens)
        return max(range(len(tokens)), key=values.__getitem__)

    def _give(self, tokens: Sequence[int]) -> None:
        self.given.extend(tokens)
        if len(self.given) > MOST_NEW_TOKENS:
            raise ModelRefused(f"A call of more than {MOST_NEW_TOKENS} tokens is none.", remedy="Ask for less at once.")
        self._go(tokens)

    def _go(self, tokens: Sequence[int]) -> None:
        last = len(tokens) - 1
        rows = [Row(token, self._place + at, (_PREFIX,), wants_logits=at == last) for at, token in enumerate(tokens)]
        (self._row,) = self._model.decode(rows, self._ends)
        self._place += len(tokens)


def _needed(trie: Trie) -> list[int]:
    """Give the nodes that stand before a branch, or are one, parents first."""
    wanted: set[int] = set()
    for branch in trie.branches:
        at = branch
        while at >= 0 and at not in wanted:
            wanted.add(at)
            at = trie.nodes[at].parent
    return sorted(wanted)


def _library() -> Any:
    try:
        import llama_cpp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Misconfigured(
            "llama-cpp-python is not installed, and FunctionGemma needs it.", remedy=_INSTALL
        ) from error
    llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
    return llama_cpp


# llama.cpp tells a page about every model it loads. The callback has to live as long as it may be called.
_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Misconfigured(
            f"The model file {path.name} cannot be read: {error.strerror}.", remedy="Check LEO_FUNCTIONGEMMA_MODEL."
        ) from error


def _prompt_hash(asked: Prompt) -> bytes:
    return hashlib.sha256(text((*asked.prefix, Mark.EOS, *asked.suffix)).encode()).digest()
