"""One sentence in each language."""

from typing import NamedTuple


class Said(NamedTuple):
    """A sentence in each language; the names in braces stand for the place and the values of a fault."""

    en: str
    vi: str


UNSTORED = Said(
    "has a letter that cannot be stored (U+0000 or half of a surrogate pair)",
    "có ký tự không lưu được (U+0000 hoặc nửa cặp surrogate)",
)
