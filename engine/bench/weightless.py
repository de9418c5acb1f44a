"""A GGUF in FunctionGemma's shape with random weights: the real loader and the real speed, but no meaning."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from engine.think.functiongemma.render import Mark

_BLOCK, _BLOCK_BYTES = 32, 34
_WORD = re.compile(r"[^\W_]+|[\W_]")

# Gives the weights of a matrix by rows and columns, and their type if it is not one of numpy's.
Matrix: TypeAlias = Callable[[int, int], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a gemma3 is; `width` is a multiple of 32 if it is quantised."""

    context: int
    layers: int
    width: int
    heads: int
    head: int
    inner: int


# https://ollama.com/sam860/gemma3:270m and llama.cpp's src/models/gemma3.cpp
FUNCTIONGEMMA = Shape(context=32_768, layers=18, width=640, heads=4, head=256, inner=2_048)
VOCABULARY = 262_144


def write(path: Path, *, words: Iterable[str]) -> Path:
    """Write the model in Q8_0, 290 MB; each word of the texts is one token, as most words are in the real one."""
    import numpy as np  # noqa: PLC0415 - comes with the extra
    from gguf import GGMLQuantizationType  # noqa: PLC0415

    chance = np.random.default_rng(7)

    def quantised(rows: int, columns: int) -> tuple[Any, Any]:
        blocks = chance.integers(0, 256, (rows, columns // _BLOCK, _BLOCK_BYTES), dtype=np.uint8)
        # A block is a scale in two bytes and 32 integers of one byte.
        blocks[:, :, :2] = np.frombuffer(np.float16(0.0005).tobytes(), np.uint8)
        return blocks.reshape(rows, -1), GGMLQuantizationType.Q8_0

    tokens, types = vocabulary(words)
    return write_shape(path, FUNCTIONGEMMA, tokens=tokens, types=types, matrix=quantised)


def write_shape(path: Path, shape: Shape, *, tokens: list[str], types: list[int], matrix: Matrix) -> Path:
    """Write a gemma3 of this shape and vocabulary with the weights that `matrix` gives."""
    import numpy as np  # noqa: PLC0415 - comes with the extra
    from gguf import GGUFWriter  # noqa: PLC0415

    writer = GGUFWriter(path, "gemma3")
    _describe(writer, shape, tokens, types)

    def weights(name: str, rows: int, columns: int) -> None:
        given, kind = matrix(rows, columns)
        writer.add_tensor(f"{name}.weight", given, raw_dtype=kind)

    def ones(name: str, columns: int) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(columns, np.float32))

    weights("token_embd", len(tokens), shape.width)
    ones("output_norm", shape.width)
    for layer in range(shape.layers):
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            ones(f"blk.{layer}.{norm}", shape.width)
        ones(f"blk.{layer}.attn_q_norm", shape.head)
        ones(f"blk.{layer}.attn_k_norm", shape.head)
        weights(f"blk.{layer}.attn_q", shape.heads * shape.head, shape.width)
        weights(f"blk.{layer}.attn_k", shape.head, shape.width)
        weights(f"blk.{layer}.attn_v", shape.head, shape.width)
        weights(f"blk.{layer}.attn_output", shape.width, shape.heads * shape.head)
        weights(f"blk.{layer}.ffn_gate", shape.inner, shape.width)
        weights(f"blk.{layer}.ffn_up", shape.inner, shape.width)
        weights(f"blk.{layer}.ffn_down", shape.width, shape.inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: Any, shape: Shape, tokens: list[str], types: list[int]) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(shape.head)
    writer.add_value_length(shape.head)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(512)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(place) for place in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def vocabulary(words: Iterable[str]) -> tuple[list[str], list[int]]:
    """Give 262,144 tokens with their types: marks, bytes, the words with all their prefixes, and others."""
    normal, unknown, control, user_defined, byte = 1, 2, 3, 4, 6
    listed = {"<pad>": control, "<eos>": control, "<bos>": control, "<unk>": unknown}
    for mark in Mark:
        listed.setdefault(mark, user_defined)
    listed |= {f"<0x{number:02X}>": byte for number in range(256)}
    for piece in sorted(set(_pieces(words)), key=lambda one: (-len(one), one)):
        listed.setdefault(piece, normal)
    for number in range(VOCABULARY - len(listed)):
        listed[f"<unused{number}>"] = normal
    return list(listed), list(listed.values())


def _pieces(words: Iterable[str]) -> Iterator[str]:
    yield "▁"
    for text in words:
        for word in _WORD.findall(text.replace(" ", "▁")):
            for whole in (word, f"▁{word}"):
                yield from (whole[:end] for end in range(1, len(whole) + 1))
