"""Text that may leave: without letters that steer a screen or turn the direction of what stands beside them."""

import re

# C0 and C1 controls without tab and line feed, and the bidirectional embeddings, overrides and isolates: a name that
# holds one can hide or reverse the words after it. Arabic and Hebrew need none of them; U+200E and U+200F stay.
STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
LINE_ENDS = re.compile("\r\n?")


def cleaned(text: str) -> str:
    """Give the text without steering letters, lines ended by line feeds, half surrogate pairs replaced."""
    if text.isascii() and text.isprintable():
        return text
    text = STEERING.sub("", LINE_ENDS.sub("\n", text))
    return text.encode("utf-8", "replace").decode("utf-8")
