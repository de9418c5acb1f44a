"""Every spelling of an address is one address; what cannot be written to keeps its text and says why."""

import itertools
import string
import unicodedata

import phonenumbers
import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from engine import addresses
from engine.addresses import RENUMBERED, Cleaned, clean
from rules.words import Channel

_ATOMS = st.text("abzAZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=66)
_LOCALS = st.one_of(
    st.lists(_ATOMS, min_size=1, max_size=3).map(".".join),
    st.sampled_from(CASE_INSENSITIVE_MAILBOX_NAMES).flatmap(
        lambda name: st.sampled_from([name, name.upper(), name.title(), f"{name}.a"])
    ),
    st.text('ab."@ <>\\ạ\u0301', max_size=6),
)
_LABELS = st.text("aZ0-", min_size=1, max_size=5) | st.sampled_from(
    ["a" * 62, "a" * 63, "a" * 64, "xn--bcher-kva", "a--b", "ab--c", "-a", "a-", "bücher", "khach", ""]
)
_ENDS = st.sampled_from(["vn", "com", "EXAMPLE", "c0m", "co1", "a-b", "1", "v", "vn.", *SPECIAL_USE_DOMAIN_NAMES])
_DOMAINS = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(_LABELS, max_size=5), _ENDS)
_MAILS = st.builds(lambda local, domain: f"{local}@{domain}", _LOCALS, _DOMAINS)

# The ways in which people write one Vietnamese number, around its nine digits.
_SIX_SPELLINGS = (
    "0912345678", "+84912345678", "84 912 345 678", "(+84) 912-345-678", "0084.912.345.678", "+84 0912345678",
)  # fmt: skip


def _by_library(text: str) -> str | None:
    try:
        found = validate_email(
            text, check_deliverability=False, test_environment=True, strict=True, allow_smtputf8=False
        )
    except EmailNotValidError:
        return None
    return found.ascii_email


@given(_MAILS)
@example("a" * 64 + "@khach.example")
@example("a" * 65 + "@khach.example")
@example("a@" + ".".join(["a" * 60] * 4) + ".vn")
@example("a@" + ".".join(["a" * 62] * 4) + ".vn")
@example("POSTMASTER@Khach.EXAMPLE")
@example("mai@shop.LOCAL")
@example("mai@local.shop")
@example("mai@khach..example")
@example(".mai@khach.example")
@example("mai.@khach.example")
def test_a_mail_address_is_what_the_library_makes_of_it_in_lower_case(text: str) -> None:
    trimmed = clean(Channel.EMAIL, text)
    expected = _by_library(text.strip())
    if expected is None:
        assert trimmed.reason
        assert trimmed.value == unicodedata.normalize("NFC", text).strip()
    else:
        assert trimmed == Cleaned(expected.lower())


@given(_MAILS)
def test_the_pattern_for_plain_mail_takes_nothing_that_the_library_refuses(text: str) -> None:
    plain = addresses._PLAIN_MAIL.fullmatch(text)
    if plain is not None and not f".{text.lower().partition('@')[2]}".endswith(addresses._RESERVED):
        assert clean(Channel.EMAIL, text) == Cleaned((_by_library(text) or "refused").lower())


@pytest.mark.parametrize("text", ["mai.tran@khach.example", "A.b+c_d-e@a-b.co.vn", "0@1.vn", "x@xy.test"])
def test_a_plain_mail_address_takes_the_quick_way(text: str) -> None:
    assert addresses._PLAIN_MAIL.fullmatch(text)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("  Foo.Bar@EXAMPLE.com ", "foo.bar@example.com"),
        ("mai@bücher.example", "mai@xn--bcher-kva.example"),
        ("mai@XN--BCHER-KVA.example", "mai@xn--bcher-kva.example"),
        ("\ufeffmai@khach.example\u200b", "mai@khach.example"),
    ],
)
def test_a_mail_address_has_one_spelling(given_: str, kept: str) -> None:
    assert clean(Channel.EMAIL, given_) == Cleaned(kept)


def test_letters_that_no_relay_takes_are_told_before_a_message_fails() -> None:
    cleaned = clean(Channel.EMAIL, "mãi@khach.example")
    assert cleaned.value == "mãi@khach.example"
    assert "before the @-sign" in (cleaned.reason or "")


def test_six_spellings_of_one_number_are_one_number() -> None:
    assert {clean(Channel.ZALO_TEMPLATE, text) for text in _SIX_SPELLINGS} == {Cleaned("+84912345678")}


@pytest.mark.parametrize(
    "text",
    [
        "".join(chr(0xFF10 + int(one)) for one in "0912345678"),
        "".join(chr(0x0660 + int(one)) for one in "0912345678"),
        "\u200e0912\u00a0345\u00a0678",
        "912345678.0",
        "'0912345678",
        "tel:0912345678",
    ],
)
def test_what_other_programs_make_of_a_number_is_still_that_number(text: str) -> None:
    assert clean(Channel.ZALO_TEMPLATE, text) == Cleaned("+84912345678")


@pytest.mark.parametrize(("old", "new"), sorted(RENUMBERED.items()))
@pytest.mark.parametrize("written", ["0{}", "84{}", "+84{}", "0084{}", "{}", "+84 0{}"])
def test_the_prefixes_of_before_2018_become_those_of_today(old: str, new: str, written: str) -> None:
    cleaned = clean(Channel.ZALO_TEMPLATE, written.format(f"{old} 996 6268"))
    assert cleaned == Cleaned(f"+84{new}9966268")
    assert phonenumbers.number_type(phonenumbers.parse(cleaned.value)) == PhoneNumberType.MOBILE


@pytest.mark.parametrize("text", ["0121012345", "0140012345"])
def test_a_ten_digit_number_that_begins_like_an_old_one_is_left_alone(text: str) -> None:
    assert clean(Channel.ZALO_TEMPLATE, text) == Cleaned(f"+84{text[1:]}")


def _mobile_by_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "VN")
    except phonenumbers.NumberParseException:
        return None
    is_mobile = phonenumbers.number_type(number) in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if is_mobile else None


@pytest.mark.parametrize("written", ["{}", "0{}", "84{}", "840{}", "+84{}", "+840{}", "0084{}", "00840{}"])
def test_the_pattern_for_plain_mobiles_gives_what_the_library_gives_for_every_prefix(written: str) -> None:
    """Neither looks further than the fourth digit: see the library's own patterns for Vietnam."""
    quick = 0
    for prefix in itertools.product(string.digits, repeat=4):
        text = written.format("".join(prefix) + "34567")
        if (plain := addresses._PLAIN_MOBILE.fullmatch(text)) is not None:
            quick += 1
            assert _mobile_by_library(text) == f"+84{plain[1]}", text
    assert quick > 3_000


@given(st.text("0123456789+ ", min_size=1, max_size=16))
def test_any_digits_are_what_the_library_makes_of_them_and_of_the_new_prefix(text: str) -> None:
    cleaned = clean(Channel.ZALO_TEMPLATE, text)
    number = text.replace(" ", "")
    if addresses._OLD_MOBILE.fullmatch(number) or "+" in number[1:] or addresses._ZALO_USER.fullmatch(text):
        return
    expected = _mobile_by_library(number)
    assert (cleaned.reason is None) == (expected is not None)
    assert cleaned.value == (expected or text.strip())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("02838222222", "landline"),
        ("1900 123 456", "premium-rate"),
        ("1800 123 456", "toll-free"),
        ("0551234567", "No such number"),
        ("09123", "too few"),
        ("091234567890123", "too many"),
        ("0912345678/0987654321", "no phone number"),
        ("0912ABC678", "no phone number"),
        ("0912345678 ext 3", "no phone number"),
        ("8.4912E+10", "no phone number"),
        ("không có", "no phone number"),
        ("+999123456789", "no country"),
    ],
)
def test_a_number_that_gets_no_messages_keeps_its_text_and_says_why(text: str, reason: str) -> None:
    cleaned = clean(Channel.ZALO_TEMPLATE, f" {text} ")
    assert cleaned.value == text
    assert reason in (cleaned.reason or "")


@pytest.mark.parametrize("text", ["+65 9123 4567", "+1 415-555-2671", "+44 7400 123456"])
def test_a_mobile_number_of_another_country_is_good(text: str) -> None:
    assert clean(Channel.ZALO_TEMPLATE, text) == Cleaned("+" + "".join(filter(str.isdigit, text)))


@pytest.mark.parametrize(
    ("channel", "good", "bad"),
    [
        (Channel.ZALO_OA, ["7123456789012345678", "1" * 16], ["zalo-7", "1" * 15, "1" * 20, "٢" * 16]),
        (Channel.TELEGRAM, ["700000001", "-1001234567890", "@leo_shop"], ["leo_shop", "--1", "@ab", "7 0"]),
        (Channel.FACEBOOK, ["1234567890", "PSID-000042"], ["psid:1", "x" * 65, "mai tran"]),
        (Channel.APP_PUSH, ["fcm:APA91b-x_y"], ["a\tb", "a\u2028b"]),
        (Channel.WEB_PUSH, ['{"endpoint":"https://push.example/x"}'], ["\x07"]),
        (Channel.CHAT, ["khách-42"], ["a\nb"]),
    ],
)
def test_what_providers_call_their_users_has_their_form(channel: Channel, good: list[str], bad: list[str]) -> None:
    assert [clean(channel, text) for text in good] == [Cleaned(text) for text in good]
    for text in bad:
        cleaned = clean(channel, text)
        assert cleaned.value == text
        assert (cleaned.reason or "").endswith(".")


@given(
    st.sampled_from(Channel), st.text(st.characters(), max_size=40) | _MAILS | st.text("0123456789+-() .", max_size=20)
)
@example(Channel.EMAIL, "\ud800@khach.example")
@example(Channel.EMAIL, "mai@\ud800.example")
@example(Channel.ZALO_TEMPLATE, "1" * 3000)
@example(Channel.EMAIL, "")
def test_cleaning_never_fails_and_cleaning_again_changes_nothing(channel: Channel, text: str) -> None:
    cleaned = clean(channel, text)
    assert cleaned.reason is None or cleaned.reason.endswith((".", ")", "'"))
    if cleaned.reason is None:
        assert cleaned.value
        assert clean(channel, cleaned.value) == cleaned


@given(st.sampled_from(Channel), st.text(max_size=20))
def test_a_composed_and_a_decomposed_spelling_are_one(channel: Channel, text: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    assert clean(channel, composed) == clean(channel, decomposed)


def test_a_template_message_goes_to_a_phone_number_or_to_a_zalo_users_id() -> None:
    for user_id in ("1" * 16, "7123456789012345678"):
        assert clean(Channel.ZALO_TEMPLATE, user_id) == Cleaned(user_id)
    for neither in ("1" * 15, "1" * 20):
        assert clean(Channel.ZALO_TEMPLATE, neither).reason
