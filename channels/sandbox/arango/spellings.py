"""Addresses as people leave them in a CDP, and what each of them is: its one spelling, or None if it is nobody's."""

import re
from collections.abc import Mapping

# One number in six spellings; and other content of a phone number field.
ONE_PHONE = "+84987654321"
PHONE_SPELLINGS = (
    *("0987654321", "+84987654321", "84 987 654 321", "(+84) 987-654-321", "0084.987.654.321", "+84 0987654321"),
)
# Eleven digits until 2018: the prefix changed, the last seven digits stayed.
OLD_PHONES = {"01689966268": "+84389966268", "0120 123 4567": "+84701234567", "+84 123 7654321": "+84837654321"}
# In this order: a word, a zero, the country's code alone, twenty digits, a landline, a premium number.
NO_PHONES = ("abc", "0", "+84", "84987654321098765432", "02838222222", "1900123456")

UPPER_MAILS = {"LAN.ANH@KHACH.EXAMPLE": "lan.anh@khach.example", "Minh.Duc@Khach.Example": "minh.duc@khach.example"}
SPACED_MAILS = {"  thu.ha@khach.example ": "thu.ha@khach.example", "\tmai@khach.example": "mai@khach.example"}
IDN_MAILS = {"hoa@bücher.example": "hoa@xn--bcher-kva.example", "hoa@việt.example": "hoa@xn--vit-5kz.example"}
NO_MAILS = ("a@b", "khong co", "hai@ba@khach.example", "thu ha@khach.example")

KNOWN_MAILS: Mapping[str, str | None] = {**UPPER_MAILS, **SPACED_MAILS, **IDN_MAILS, **dict.fromkeys(NO_MAILS)}
KNOWN_PHONES: Mapping[str, str | None] = {
    **dict.fromkeys(PHONE_SPELLINGS, ONE_PHONE),
    **OLD_PHONES,
    **dict.fromkeys(NO_PHONES),
}
_NATIONAL = re.compile(r"(?:84|0)")


def mail(text: str) -> str | None:
    """Give the one spelling; what is not listed here counts as an address as it is."""
    return KNOWN_MAILS.get(text, text.strip().lower())


def phone(text: str) -> str | None:
    """Give the number as E.164; what is not listed here counts as a Vietnamese one."""
    if text in KNOWN_PHONES:
        return KNOWN_PHONES[text]
    digits = "".join(one for one in text if one.isdigit())
    return f"+84{_NATIONAL.sub('', digits, count=1)}"
