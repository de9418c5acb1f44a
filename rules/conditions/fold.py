"""Small and capital letters as one: the same table here and in SQL's `translate`, whatever the server's locale."""

from string import ascii_lowercase, ascii_uppercase

# Every letter of Vietnamese with a mark, composed (NFC), capital and small at the same place.
_VIETNAMESE = (
    "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ",
    "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
)
FROM = ascii_uppercase + _VIETNAMESE[0]
TO = ascii_lowercase + _VIETNAMESE[1]
_TABLE = str.maketrans(FROM, TO)


def fold(text: str) -> str:
    """Write the letters of English and Vietnamese small; every other character stays."""
    return text.translate(_TABLE)
