"""A gemma3 GGUF of random weights: the real loader and the real arithmetic, and nothing that anybody learned."""

from pathlib import Path
from typing import Any

from engine.think.functiongemma.render import Mark

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
LAYERS, WIDTH, HEADS, HEAD, INNER = 2, 32, 2, 16, 64
_BEFORE = ("<pad>", "<eos>", "<bos>", "<unk>")
# Without some words every letter is a token, and the tools alone fill the context.
_WORDS = """
declaration description parameters properties required items type STRING OBJECT INTEGER ARRAY BOOLEAN enum call
send_message do_nothing channel template campaign segment customer condition attribute message profile decision
activate create schedule explain forecast preview find what which such where with from that this their only the and
khách hàng chiến dịch thông điệp mẫu gửi tên điều kiện phân khúc nhóm người theo của cho được trong không
"""


def vocabulary() -> tuple[list[str], list[int]]:
    """Control tokens, every byte, every printable character, and some words."""
    tokens = [*_BEFORE]
    types = [CONTROL, CONTROL, CONTROL, UNKNOWN]
    for mark in Mark:
        if mark not in _BEFORE:
            tokens.append(mark)
            # As Google's converter leaves them: found in any text, so that taking them out of data is put to the test.
            types.append(CONTROL if mark in {Mark.TURN, Mark.TURN_END} else USER_DEFINED)
    tokens += [f"<0x{number:02X}>" for number in range(256)]
    types += [BYTE] * 256
    letters = ["▁", *map(chr, range(33, 127)), *sorted({letter for letter in _WORDS if ord(letter) > 126})]
    # A word is put together letter by letter, so each of its beginnings is a token too.
    begun = {word[:end] for word in _WORDS.split() for end in range(2, len(word) + 1)}
    words = [*letters, *sorted(begun, key=lambda word: (-len(word), word))]
    tokens += words
    types += [NORMAL] * len(words)
    return tokens, types


def write(path: Path, *, seed: int = 7) -> Path:
    """Write the model, some 200 kB, in milliseconds."""
    import numpy as np  # noqa: PLC0415 - comes with the extra
    from gguf import GGUFWriter  # noqa: PLC0415

    tokens, types = vocabulary()
    chance = np.random.default_rng(seed)

    def some(*shape: int) -> Any:
        return chance.standard_normal(shape).astype(np.float32) * 0.2

    writer = GGUFWriter(path, "gemma3")
    writer.add_context_length(8192)
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
    writer.add_token_scores([-float(place) for place in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
    ones = np.ones
    writer.add_tensor("token_embd.weight", some(len(tokens), WIDTH))
    writer.add_tensor("output_norm.weight", ones(WIDTH, np.float32))
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"):
            writer.add_tensor(f"{name}{norm}.weight", ones(WIDTH, np.float32))
        writer.add_tensor(f"{name}attn_q.weight", some(HEADS * HEAD, WIDTH))
        writer.add_tensor(f"{name}attn_k.weight", some(HEAD, WIDTH))
        writer.add_tensor(f"{name}attn_v.weight", some(HEAD, WIDTH))
        writer.add_tensor(f"{name}attn_output.weight", some(WIDTH, HEADS * HEAD))
        writer.add_tensor(f"{name}attn_q_norm.weight", ones(HEAD, np.float32))
        writer.add_tensor(f"{name}attn_k_norm.weight", ones(HEAD, np.float32))
        writer.add_tensor(f"{name}ffn_gate.weight", some(INNER, WIDTH))
        writer.add_tensor(f"{name}ffn_up.weight", some(INNER, WIDTH))
        writer.add_tensor(f"{name}ffn_down.weight", some(WIDTH, INNER))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
