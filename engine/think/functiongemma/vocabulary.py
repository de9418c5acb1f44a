"""A model's tokens: marks by their single id, texts separately, so that data never becomes a mark."""

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

from engine.think.functiongemma.render import Mark, Piece, plain
from rules.errors import Misconfigured

_LONGEST_PIECE = 1_024
_SPACE = 0x20


class Vocabulary:
    """Wraps llama.cpp's vocabulary. Raises Misconfigured if a mark is not a single token of it."""

    def __init__(self, llama: Any, vocab: Any) -> None:
        self._llama, self._vocab = llama, vocab
        self.size = int(llama.llama_vocab_n_tokens(vocab))
        self._ids = {mark: self._id_of(mark) for mark in Mark}
        self._marks = {number: mark for mark, number in self._ids.items()}
        self._unwritable, self._partial = self._find_unwritable()

    def id_of(self, mark: Mark) -> int:
        return self._ids[mark]

    def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """Give the tokens of pieces; each text is read by itself, and no part of it as a mark."""
        tokens: list[int] = []
        for piece in pieces:
            if isinstance(piece, Mark):
                tokens.append(self._ids[piece])
            elif piece:
                tokens.extend(self._text(piece))
        return tokens

    def decode(self, tokens: Sequence[int]) -> tuple[Piece, ...]:
        """Give the pieces of tokens; an incomplete character is left out."""
        return tuple(self._decoded(tokens))

    def text(self, tokens: Sequence[int]) -> str:
        """Give the text of tokens that contain no mark; a character that is not yet complete is left out."""
        return b"".join(self._bytes(token) for token in tokens).decode("utf-8", "ignore")

    def best(self, row: Any, *, may_end: bool) -> int:
        """Give the most likely token of a text: no mark except the one that ends it, if it may end here.

        If it may not end yet, no byte of a character either: a text of broken characters would have none at all.
        """
        import numpy as np  # noqa: PLC0415 - it comes with llama-cpp-python

        scores = np.ctypeslib.as_array(row, shape=(self.size,)).copy()
        end = scores[self._ids[Mark.QUOTE]]
        scores[self._unwritable] = -np.inf
        if may_end:
            scores[self._ids[Mark.QUOTE]] = end
        else:
            scores[self._partial] = -np.inf
        return int(scores.argmax())

    def _decoded(self, tokens: Sequence[int]) -> Iterator[Piece]:
        held = b""
        for token in tokens:
            mark = self._marks.get(token)
            if mark is None:
                held += self._bytes(token)
                continue
            if held:
                yield held.decode("utf-8", "ignore")
            held = b""
            yield mark
        if held:
            yield held.decode("utf-8", "ignore")

    def _text(self, text: str) -> list[int]:
        # Tokens that a file marks as user-defined are found in a text even without special ones: their spellings are
        # removed before, and a token that is a mark all the same is dropped.
        found = self._tokenized(plain(text).encode(), parses_special=False)
        return [token for token in found if token not in self._marks]

    def _find_unwritable(self) -> tuple[list[int], list[int]]:
        """Give the tokens that cannot be part of a text, and those that are not a character by themselves."""
        unwritable, partial = [], []
        for token in range(self.size):
            if token in self._marks or not self._is_writable(token):
                unwritable.append(token)
            elif not self.text([token]).strip():
                partial.append(token)
        return unwritable, partial

    def _is_writable(self, token: int) -> bool:
        if self._llama.llama_vocab_is_control(self._vocab, token):
            return False
        written = self._bytes(token)
        return bool(written) and not any(byte < _SPACE for byte in written)

    def _id_of(self, mark: Mark) -> int:
        found = self._tokenized(mark.encode(), parses_special=True)
        if len(found) != 1:
            raise Misconfigured(
                f"The model's vocabulary has no token {mark}: it is no FunctionGemma.",
                remedy="Give LEO_FUNCTIONGEMMA_MODEL a GGUF file of functiongemma-270m-it or of a model tuned from it.",
            )
        return found[0]

    def _tokenized(self, text: bytes, *, parses_special: bool) -> list[int]:
        most = len(text) + 8
        found = (ctypes.c_int32 * most)()
        count = self._llama.llama_tokenize(self._vocab, text, len(text), found, most, False, parses_special)
        if count < 0:
            raise ValueError(f"a text of {len(text)} bytes cannot be tokenized")
        return list(found[:count])

    def _bytes(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(_LONGEST_PIECE)
        length = self._llama.llama_token_to_piece(self._vocab, token, buffer, _LONGEST_PIECE, 0, False)
        return buffer.raw[: max(0, length)]
