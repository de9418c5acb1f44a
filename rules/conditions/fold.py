"""Case folding: the same table here and in SQL's `translate`, whatever the server's locale."""

from string import ascii_lowercase, ascii_uppercase

# Every Vietnamese letter with a diacritic, composed (NFC); the capital and its small letter are at the same index.
_VIETNAMESE = (
    "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ",
    "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ",
)
FROM = ascii_uppercase + _VIETNAMESE[0]
TO = ascii_lowercase + _VIETNAMESE[1]
_TABLE = str.maketrans(FROM, TO)


def fold(text: str) -> str:
    """Make English and Vietnamese letters small; every other character stays as it is."""
    return text.translate(_TABLE)
