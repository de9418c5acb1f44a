"""A gemma3 GGUF of random weights: the real loader and the real arithmetic, and nothing that anybody learned."""

from pathlib import Path
from typing import Any

from engine.bench.weightless import Shape, write_shape
from engine.think.functiongemma.render import Mark

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
TINY = Shape(context=8_192, layers=2, width=32, heads=2, head=16, inner=64)
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

    chance = np.random.default_rng(seed)
    tokens, types = vocabulary()

    def some(rows: int, columns: int) -> tuple[Any, None]:
        return chance.standard_normal((rows, columns)).astype(np.float32) * 0.2, None

    return write_shape(path, TINY, tokens=tokens, types=types, matrix=some)
