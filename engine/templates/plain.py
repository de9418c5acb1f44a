"""Text that may be sent: without characters that control a terminal or reverse the text around them."""

import re

# C0 and C1 controls except tab and line feed, and the bidirectional embeddings, overrides and isolates: a name with one
# of those can hide or reverse the words after it. Arabic and Hebrew need none of them; U+200E and U+200F stay.
STEERING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
LINE_ENDS = re.compile("\r\n?")


def cleaned(text: str) -> str:
    """Give the text without such characters, with lines ended by line feeds, and unpaired surrogates replaced."""
    if text.isascii() and text.isprintable():
        return text
    text = STEERING.sub("", LINE_ENDS.sub("\n", text))
    return text.encode("utf-8", "replace").decode("utf-8")
