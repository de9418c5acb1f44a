"""A GGUF of FunctionGemma's true shape with random weights: the real loader and the real speed, and no sense at all."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.think.functiongemma.render import Mark

# https://ollama.com/sam860/gemma3:270m and llama.cpp's src/models/gemma3.cpp
LAYERS, WIDTH, HEADS, HEAD, INNER, VOCABULARY = 18, 640, 4, 256, 2_048, 262_144
_BLOCK, _BLOCK_BYTES = 32, 34
_WORD = re.compile(r"[^\W_]+|[\W_]")


def write(path: Path, *, words: Iterable[str]) -> Path:
    """Write the model in Q8_0, 290 MB; each of the texts' words is one token, as most are to the real one."""
    import numpy as np  # noqa: PLC0415 - comes with the extra
    from gguf import GGMLQuantizationType, GGUFWriter  # noqa: PLC0415

    chance = np.random.default_rng(7)
    tokens, types = vocabulary(words)
    writer = GGUFWriter(path, "gemma3")
    writer.add_context_length(32_768)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(1)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_sliding_window(512)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(place) for place in range(VOCABULARY)])
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)

    def random(name: str, rows: int, columns: int) -> None:
        blocks = chance.integers(0, 256, (rows, columns // _BLOCK, _BLOCK_BYTES), dtype=np.uint8)
        # A block is a scale in two bytes and 32 whole numbers of one.
        blocks[:, :, :2] = np.frombuffer(np.float16(0.0005).tobytes(), np.uint8)
        given = blocks.reshape(rows, -1)
        writer.add_tensor(f"{name}.weight", given, raw_dtype=GGMLQuantizationType.Q8_0)

    def ones(name: str, columns: int) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(columns, np.float32))

    random("token_embd", VOCABULARY, WIDTH)
    ones("output_norm", WIDTH)
    for layer in range(LAYERS):
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            ones(f"blk.{layer}.{norm}", WIDTH)
        ones(f"blk.{layer}.attn_q_norm", HEAD)
        ones(f"blk.{layer}.attn_k_norm", HEAD)
        random(f"blk.{layer}.attn_q", HEADS * HEAD, WIDTH)
        random(f"blk.{layer}.attn_k", HEAD, WIDTH)
        random(f"blk.{layer}.attn_v", HEAD, WIDTH)
        random(f"blk.{layer}.attn_output", WIDTH, HEADS * HEAD)
        random(f"blk.{layer}.ffn_gate", INNER, WIDTH)
        random(f"blk.{layer}.ffn_up", INNER, WIDTH)
        random(f"blk.{layer}.ffn_down", WIDTH, INNER)
    _finish(writer)
    return path


def vocabulary(words: Iterable[str]) -> tuple[list[str], list[int]]:
    """Give 262,144 tokens with their types: marks, bytes, the words with all they begin with, and others."""
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


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
