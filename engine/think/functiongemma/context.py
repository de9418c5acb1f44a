"""llama.cpp's own functions over one model file: rows of tokens in, logits out; for one thread at a time.

There is no grammar, which would cost 0.4 s per token over 262,144 tokens. All sequences share one store of keys and
values, so the text before a list of calls is read once for all of them.
"""

import ctypes
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.think.contract import ModelRefused, ModelUnavailable
from engine.think.functiongemma.vocabulary import Vocabulary
from rules.errors import Misconfigured

LONGEST_PROMPT = 8_192
MOST_CALLS = 63
BATCH = 512
# The sequence that a prompt is read into; those of the calls are counted from 1.
PROMPT = 0
_INSTALL = "Install it: make setup EXTRAS=functiongemma (it is compiled, some ten minutes on two cores)."


@dataclass(frozen=True, slots=True)
class Row:
    """A token to decode: where, for which sequences, and whether its logits are wanted."""

    token: int
    at: int
    sequences: tuple[int, ...]
    wants_logits: bool = False


class Undecodable(ModelRefused):
    """llama.cpp could not decode a batch; its memory is now empty."""


class Context:
    """One model file in this process; `clock` gives seconds, the unit of a question's deadline. `close` frees it."""

    def __init__(
        self, path: Path, *, threads: int | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._llama = _library()
        self.clock = clock
        self.hash = _hash(path)
        self._is_ending = False
        with ExitStack() as held:
            model = self._load(path)
            held.callback(self._llama.llama_model_free, model)
            self._context = self._open(model, threads or os.cpu_count() or 1)
            held.callback(self._llama.llama_free, self._context)
            self.vocabulary = Vocabulary(self._llama, self._llama.llama_model_get_vocab(model))
            self._memory = self._llama.llama_get_memory(self._context)
            self._batch = self._llama.llama_batch_init(BATCH, 0, MOST_CALLS + 1)
            held.callback(self._llama.llama_batch_free, self._batch)
            self._held = held.pop_all()

    def close(self) -> None:
        """Free the model's memory; the object cannot be used afterwards."""
        self._held.close()

    def end(self) -> None:
        """Make whoever is decoding, in any thread, stop at the next batch."""
        self._is_ending = True

    def decode(self, rows: Sequence[Row], ends: float) -> list[int]:
        """Decode rows in batches; gives the places, in the last batch, of those whose logits were asked for.

        Raises TimeoutError if a batch would begin after `ends`, ModelUnavailable after `end`, Undecodable.
        """
        asked: list[int] = []
        for start in range(0, len(rows), BATCH):
            if self._is_ending:
                raise ModelUnavailable("The process of the model ends.", remedy="Ask again when it runs.")
            if self.clock() >= ends:
                raise TimeoutError("FunctionGemma had no time left")
            part = rows[start : start + BATCH]
            asked = [at for at, row in enumerate(part) if row.wants_logits]
            self._fill(part)
            code = self._llama.llama_decode(self._context, self._batch)
            if code != 0:
                self.clear()
                raise Undecodable(f"llama.cpp could not decode the prompt (code {code}).", remedy="Ask less at once.")
        return asked

    def logits(self, at: int, tokens: Sequence[int]) -> list[float]:
        """Give the logits of some tokens, at a place that `decode` gave."""
        row = self.row(at)
        return [float(row[token]) for token in tokens]

    def row(self, at: int) -> Any:
        """Give the logits of the whole vocabulary, which are valid until the next decoding."""
        return self._llama.llama_get_logits_ith(self._context, at)

    def share(self, count: int) -> None:
        """Let the sequences 1 to `count` begin with the prompt's content; nothing is copied."""
        for sequence in range(1, count + 1):
            self._llama.llama_memory_seq_cp(self._memory, PROMPT, sequence, -1, -1)

    def cut(self, length: int, count: int = 0) -> None:
        """Keep the prompt's first tokens in memory, and nothing of the sequences 1 to `count`."""
        for sequence in range(1, count + 1):
            self._llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._llama.llama_memory_seq_rm(self._memory, PROMPT, length, -1)

    def clear(self) -> None:
        """Empty the memory."""
        self._llama.llama_memory_clear(self._memory, True)

    def save(self) -> bytes:
        """Give the prompt's part of the memory: about 9 MB for 512 tokens, in milliseconds."""
        size = self._llama.llama_state_seq_get_size(self._context, PROMPT)
        state = (ctypes.c_uint8 * size)()
        written = self._llama.llama_state_seq_get_data(self._context, state, size, PROMPT)
        return bytes(state)[:written]

    def restore(self, state: bytes) -> bool:
        """Put what was saved into memory, and nothing else; or nothing at all, if llama.cpp has no room for it."""
        self.clear()
        given = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        if self._llama.llama_state_seq_set_data(self._context, given, len(state), PROMPT):
            return True
        self.clear()
        return False

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

    def _open(self, model: Any, threads: int) -> Any:
        parameters = self._llama.llama_context_default_params()
        parameters.n_ctx = LONGEST_PROMPT + 1_024
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_seq_max = MOST_CALLS + 1
        # One store for all sequences, in which local layers keep every position: a prefix is shared without a copy, and
        # what was added after it can be removed again.
        parameters.kv_unified = parameters.swa_full = True
        parameters.n_threads = parameters.n_threads_batch = threads
        context = self._llama.llama_init_from_model(model, parameters)
        if not context:
            raise Misconfigured("llama.cpp has no memory for the model.", remedy="Free some, or use a smaller file.")
        return context


def _library() -> Any:
    # Threads that spin while they wait for each other take the cores from other processes: with two threads on two
    # cores next to other work a choice took 1.5 s, with sleeping threads 0.7 s. This is read when the library is
    # loaded.
    os.putenv("OMP_WAIT_POLICY", "passive")
    try:
        import llama_cpp  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise Misconfigured(
            "llama-cpp-python is not installed, and FunctionGemma needs it.", remedy=_INSTALL
        ) from error
    llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
    return llama_cpp


# llama.cpp prints a page about every model it loads. The callback has to live as long as it may be called.
_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Misconfigured(
            f"The model file {path.name} cannot be read: {error.strerror}.", remedy="Check LEO_FUNCTIONGEMMA_MODEL."
        ) from error
