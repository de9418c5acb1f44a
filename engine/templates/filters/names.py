"""Names and phone numbers as people say them: a Vietnamese name ends with what the person is called."""

import re
import unicodedata
from typing import Any

from engine.templates.filters.reader import Reader

# Family names of nine in ten people in Vietnam: a name that starts with one is written family name first.
FAMILY_NAMES = frozenset(
    {
        *(
            "nguyễn",
            "trần",
            "lê",
            "phạm",
            "hoàng",
            "huỳnh",
            "phan",
            "vũ",
            "võ",
            "đặng",
            "bùi",
            "đỗ",
            "hồ",
            "ngô",
            "dương",
        ),
        *(
            "lý",
            "đào",
            "đinh",
            "trịnh",
            "mai",
            "lưu",
            "lương",
            "tô",
            "trương",
            "đoàn",
            "hà",
            "cao",
            "châu",
            "chu",
            "tạ",
        ),
        *("thái", "tăng", "quách", "lâm", "kiều", "phùng", "vương", "thạch", "triệu", "từ", "nghiêm"),
    }
)
TITLES = {
    True: {"male": "anh", "female": "chị", "": "anh/chị"},
    False: {"male": "Mr", "female": "Ms", "": ""},
}
GENDERS = {
    **dict.fromkeys(("male", "m", "nam", "anh", "1"), "male"),
    **dict.fromkeys(("female", "f", "nữ", "nu", "chị", "chi", "0"), "female"),
}
VIETNAM = re.compile(r"(?:\+?84|0)(\d{9})")
SHOWN_START, SHOWN_END = 4, 3


def full_name(value: Any, _reader: Reader) -> str:
    """`NGUYỄN  văn an` as Nguyễn Văn An: one space between words, each with a capital."""
    return " ".join(word[:1].upper() + word[1:].lower() for word in _words(value))


def given_name(value: Any, reader: Reader) -> str:
    """`Nguyễn Thị Minh Anh` as Anh, and `John Smith` as John."""
    words = full_name(value, reader).split()
    if not words:
        return ""
    return words[-1] if _is_family_first(words, reader) else words[0]


def family_name(value: Any, reader: Reader) -> str:
    """`Nguyễn Thị Minh Anh` as Nguyễn, and `John Smith` as Smith; empty for a single word."""
    words = full_name(value, reader).split()
    if len(words) < 2:  # noqa: PLR2004 - a name of one word is a given name
        return ""
    return words[0] if _is_family_first(words, reader) else words[-1]


def salutation(value: Any, reader: Reader, gender: Any = None) -> str:
    """`Nguyễn Minh Anh` with a gender as chị Anh (vi) or Ms Anh (en); anh/chị Anh if the gender is not known."""
    known = GENDERS.get(str(gender).strip().lower(), "") if isinstance(gender, str | int) else ""
    title = TITLES[reader.is_vietnamese][known]
    return " ".join(part for part in (title, given_name(value, reader)) if part)


def unaccented(value: Any, _reader: Reader) -> str:
    """`Nguyễn Đức` as Nguyen Duc, for media without diacritics."""
    apart = unicodedata.normalize("NFD", _text(value).replace("đ", "d").replace("Đ", "D"))
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def phone(value: Any, _reader: Reader) -> str:
    """`+84912345678` as 0912 345 678; a number of another country stays as it is."""
    text = re.sub(r"[\s.()-]", "", _text(value))
    found = VIETNAM.fullmatch(text)
    return f"0{found[1][:3]} {found[1][3:6]} {found[1][6:]}" if found else _text(value)


def masked(value: Any, _reader: Reader) -> str:
    """`0912345678` as 0912***678: enough to recognise it, too little to use it."""
    text = _text(value)
    if len(text) <= SHOWN_START + SHOWN_END:
        return "*" * len(text)
    return f"{text[:SHOWN_START]}***{text[-SHOWN_END:]}"


def _is_family_first(words: list[str], reader: Reader) -> bool:
    return words[0].lower() in FAMILY_NAMES or reader.is_vietnamese


def _words(value: Any) -> list[str]:
    return unicodedata.normalize("NFC", _text(value)).split()


def _text(value: Any) -> str:
    return "" if value is None else str(value)
