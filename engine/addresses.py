"""Clean addresses: the one spelling of each, or why nobody can write to it.

Only the form is checked, no server is asked.

The most common spellings are recognised by a pattern; everything else goes to email-validator and phonenumbers. The
patterns are narrower than the libraries and give the same results (tests/engine/test_addresses.py compares them).
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import phonenumbers
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from channels import facts
from rules.words import Channel

REGION = "VN"
LONGEST = 2048


@dataclass(frozen=True, slots=True)
class Cleaned:
    """An address as it is stored; `reason` says in a sentence why nobody can write to it, None if one can."""

    value: str
    reason: str | None = None


def clean(channel: Channel, value: str) -> Cleaned:
    """Give the one spelling of an address; what is not an address only gets composed (NFC) and trimmed. Never raises.

    A mail address becomes lower case, with its domain in ASCII form (IDNA); a phone number becomes E.164 with its plus,
    and is Vietnamese if it names no country. Why the part before the @ becomes lower case too:
    docs/decisions/0009-lower-case-addresses.md.
    """
    text = value.strip() if value.isascii() else unicodedata.normalize("NFC", value).strip(_EDGES)
    if not text:
        return Cleaned(text, "It is empty.")
    if len(text) > LONGEST:
        return Cleaned(text, f"It is longer than {LONGEST} characters.")
    return _WAYS[channel](text)


# --- mail ---

# A domain no longer than one label may be has no label that is too long. Two hyphens in a row may be Punycode.
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
_PLAIN_MAIL = re.compile(rf"(?=.{{1,64}}@.{{4,63}}\Z){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+[A-Za-z]{{2,}}")
_RESERVED = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)


def _mail(text: str) -> Cleaned:
    plain = _PLAIN_MAIL.fullmatch(text)
    if plain is None:
        return _mail_by_library(text)
    mail = text.lower()
    if f".{mail.partition('@')[2]}".endswith(_RESERVED):
        return _mail_by_library(text)
    return Cleaned(mail)


def _mail_by_library(text: str) -> Cleaned:
    try:
        # A relay that speaks plain SMTP takes only ASCII before the @, and our mail channel speaks nothing else.
        found = validate_email(
            text, check_deliverability=False, test_environment=True, strict=True, allow_smtputf8=False
        )
    except ValueError as error:  # EmailNotValidError, and the UnicodeError of a domain that IDNA cannot encode
        return Cleaned(text, str(error) or "It is no e-mail address.")
    return Cleaned((found.ascii_email or found.normalized).lower())


# --- phone numbers ---

# Vietnam's mobile prefixes in libphonenumber 9.0; those of machines (0121, 0140, 0160) are left to the library.
_WRITTEN = r"(?:(?:\+|00)?840?|0)?"
_PLAIN_MOBILE = re.compile(
    rf"{_WRITTEN}((?:3\d\d|5[1689]\d|52[238]|559|7[06-9]\d|8[1-8]\d|89[6-9]|9[0-8]\d|99[013-9])\d{{6}})", re.ASCII
)
# The eleven-digit mobile numbers of Vietnam became ten-digit ones between 15 September and 14 November 2018: the prefix
# changed, the last seven digits stayed. Source: https://fptcorp.com.vn/danh-sach-dau-so-di-dong-10-so-tai-viet-nam-moi-nhat
RENUMBERED: Mapping[str, str] = {
    "162": "32", "163": "33", "164": "34", "165": "35", "166": "36", "167": "37", "168": "38", "169": "39",
    "120": "70", "121": "79", "122": "77", "126": "76", "128": "78",
    "123": "83", "124": "84", "125": "85", "127": "81", "129": "82",
    "186": "56", "188": "58", "199": "59",
}  # fmt: skip
_OLD_MOBILE = re.compile(rf"{_WRITTEN}(1\d\d)(\d{{7}})", re.ASCII)
_DIGITS = re.compile(r"\+?[0-9]+")
# What a spreadsheet turns a number into.
_AS_FRACTION = re.compile(r"([0-9]{9,12})\.0")
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"
_EDGES = "".join(one for one in map(chr, range(0x3001)) if one.isspace()) + _INVISIBLE
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_BETWEEN_DIGITS = {ord(one): None for one in f".()'{_DASHES}{_EDGES}"}
_CAN_GET_MESSAGES = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
_KINDS: Mapping[int, str] = {
    PhoneNumberType.FIXED_LINE: "It is a landline number.",
    PhoneNumberType.TOLL_FREE: "It is a toll-free number.",
    PhoneNumberType.PREMIUM_RATE: "It is a premium-rate number.",
    PhoneNumberType.VOIP: "It is a number of Internet telephony.",
    PhoneNumberType.PAGER: "It is a pager's number.",
}
_LENGTHS: Mapping[int, str] = {
    ValidationResult.TOO_SHORT: "It has too few digits for a phone number.",
    ValidationResult.TOO_LONG: "It has too many digits for a phone number.",
    ValidationResult.INVALID_COUNTRY_CODE: "It begins with the code of no country.",
}
_UNREADABLE: Mapping[int, str] = {
    NumberParseException.INVALID_COUNTRY_CODE: "It begins with the code of no country.",
    NumberParseException.TOO_SHORT_AFTER_IDD: "It has too few digits for a phone number.",
    NumberParseException.TOO_SHORT_NSN: "It has too few digits for a phone number.",
    NumberParseException.TOO_LONG: "It has too many digits for a phone number.",
}
_NO_PHONE = "It is no phone number."


def _phone(text: str) -> Cleaned:
    plain = _PLAIN_MOBILE.fullmatch(text)
    if plain is not None:
        return Cleaned(f"+84{plain[1]}")
    number = _number(text)
    if (plain := _PLAIN_MOBILE.fullmatch(number)) is not None:
        return Cleaned(f"+84{plain[1]}")
    if _DIGITS.fullmatch(number) is None:
        return Cleaned(text, _NO_PHONE)
    return _phone_by_library(text, _renumbered(number))


def _number(text: str) -> str:
    """Give the digits, with the plus before them; any other character that is not a separator stays."""
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(one, one)) for one in unicodedata.normalize("NFKC", text))
    text = text.lower().removeprefix("tel:")
    fraction = _AS_FRACTION.fullmatch(text)
    return (text if fraction is None else fraction[1]).translate(_BETWEEN_DIGITS)


def _renumbered(number: str) -> str:
    old = _OLD_MOBILE.fullmatch(number)
    new = None if old is None else RENUMBERED.get(old[1])
    return number if old is None or new is None else f"+84{new}{old[2]}"


def _phone_by_library(text: str, number: str) -> Cleaned:
    try:
        parsed = phonenumbers.parse(number, REGION)
    except NumberParseException as error:
        return Cleaned(text, _UNREADABLE.get(error.error_type, _NO_PHONE))
    kind = phonenumbers.number_type(parsed)
    if kind in _CAN_GET_MESSAGES:
        return Cleaned(phonenumbers.format_number(parsed, PhoneNumberFormat.E164))
    if kind != PhoneNumberType.UNKNOWN:
        return Cleaned(text, _KINDS.get(kind, "It is no mobile number."))
    length = phonenumbers.is_possible_number_with_reason(parsed)
    return Cleaned(text, _LENGTHS.get(length, "No such number is in use in its country."))


# --- what providers call their users ---

_TELEGRAM = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")
# Never mistaken for a phone number, which has at most 15 digits (E.164).
_ZALO_LEAST, _ZALO_MOST = (facts.load("zalo_oa").limit(f"user_id_{end}_digits") for end in ("least", "most"))
_ZALO_USER = re.compile(rf"[0-9]{{{_ZALO_LEAST},{_ZALO_MOST}}}")
_PAGE_SCOPED = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _as(pattern: re.Pattern[str], reason: str) -> Callable[[str], Cleaned]:
    return lambda text: Cleaned(text, None if pattern.fullmatch(text) else reason)


def _token(text: str) -> Cleaned:
    return Cleaned(text, None if text.isprintable() else "It holds characters that cannot be printed.")


_WAYS: Mapping[Channel, Callable[[str], Cleaned]] = {
    Channel.EMAIL: _mail,
    Channel.ZALO_TEMPLATE: lambda text: Cleaned(text) if _ZALO_USER.fullmatch(text) else _phone(text),
    Channel.ZALO_OA: _as(_ZALO_USER, f"A Zalo user's id has {_ZALO_LEAST} to {_ZALO_MOST} digits and nothing else."),
    Channel.TELEGRAM: _as(_TELEGRAM, "A Telegram chat is a number, or the @name of a channel."),
    Channel.FACEBOOK: _as(_PAGE_SCOPED, "A page-scoped id has 1 to 64 letters, digits, hyphens and underscores."),
    Channel.APP_PUSH: _token,
    Channel.WEB_PUSH: _token,
    Channel.CHAT: _token,
}
