"""Amounts, dates and names are written as the reader would write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.templates import FILTERS, Bodies, Reader, render
from engine.templates.filters import KEY
from rules.errors import InvalidInput

NOW = datetime(2026, 5, 1, 20, tzinfo=UTC)
HUE = Reader(now=NOW)
LONDON = Reader(locale="en-GB", zone="Europe/London", now=NOW)


def said(source: str, reader: Reader = HUE, **profile: object) -> str | None:
    return render(Bodies(name="t", text=source), {"profile": profile, KEY: reader}).text


@pytest.mark.parametrize(
    ("source", "vietnamese", "english"),
    [
        ("{{ 199000 | dong }}", "199.000\N{NO-BREAK SPACE}₫", "₫199,000"),
        ("{{ -1500.5 | dong }}", "-1.501\N{NO-BREAK SPACE}₫", "-₫1,501"),
        ("{{ '1250000' | dong_short }}", "1,25 triệu đồng", "₫1.25M"),
        ("{{ 2000000000 | dong_short }}", "2 tỷ đồng", "₫2B"),
        ("{{ 50000 | dong_short }}", "50 nghìn đồng", "₫50K"),
        ("{{ 999999999 | dong_short }}", "1 tỷ đồng", "₫1B"),
        ("{{ 999994 | dong_short }}", "999,99 nghìn đồng", "₫999.99K"),
        ("{{ -999999 | dong_short }}", "-1 triệu đồng", "-₫1M"),
        ("{{ 900 | dong_short }}", "900\N{NO-BREAK SPACE}₫", "₫900"),
        ("{{ 1234567.5 | number }}", "1.234.567,5", "1,234,567.5"),
        ("{{ -0.001 | number }}", "0", "0"),
        ("{{ 0.125 | percent }}", "12,5%", "12.5%"),
        ("{{ '2027-01-31' | date }}", "31/01/2027", "31 Jan 2027"),
        ("{{ '31/01/2027' | date: 'long' }}", "ngày 31 tháng 1 năm 2027", "31 January 2027"),
        ("{{ '2027-01-31' | date: 'weekday' }}", "Chủ Nhật, 31/01/2027", "Sunday, 31 January 2027"),
        ("{{ '2026-05-01T20:30:00Z' | date: 'moment' }}", "03:30 02/05/2026", "1 May 2026, 21:30"),
        ("{{ '2026-05-01T20:30:00Z' | date: '%I:%M %p %a %-d/%-m' }}", "03:30 SA T7 2/5", "09:30 PM Fri 1/5"),
        ("{{ 1777667400 | date: 'time' }}", "03:30", "21:30"),
        ("{{ 'now' | date }}", "02/05/2026", "1 May 2026"),
        ("{{ '2026-05-05' | days_until }}", "3", "4"),
        ("{{ 'NGUYỄN  thị minh anh' | full_name }}", "Nguyễn Thị Minh Anh", "Nguyễn Thị Minh Anh"),
        ("{{ 'Nguyễn Thị Minh Anh' | given_name }}", "Anh", "Anh"),
        ("{{ 'John Smith' | given_name }}", "Smith", "John"),
        ("{{ 'Nguyễn Thị Minh Anh' | family_name }}", "Nguyễn", "Nguyễn"),
        ("{{ 'Anh' | family_name }}", "", ""),
        ("{{ 'Lê Nam' | salutation: 'nam' }}", "anh Nam", "Mr Nam"),
        ("{{ 'Lê Lan' | salutation: 'Female' }}", "chị Lan", "Ms Lan"),
        ("{{ 'Lê Lan' | salutation: profile.gender }}", "anh/chị Lan", "Lan"),
        ("{{ 'Đặng Thị Ngọc Ánh' | unaccented }}", "Dang Thi Ngoc Anh", "Dang Thi Ngoc Anh"),
        ("{{ '+84 912.345.678' | phone }}", "0912 345 678", "0912 345 678"),
        ("{{ '+1 202 555 0100' | phone }}", "+1 202 555 0100", "+1 202 555 0100"),
        ("{{ '0912345678' | masked }}", "0912***678", "0912***678"),
        ("{{ '0912' | masked }}", "****", "****"),
    ],
)
def test_each_filter_writes_as_its_reader_does(source: str, vietnamese: str, english: str) -> None:
    assert said(source) == vietnamese
    assert said(source, LONDON) == english


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 'abc' | dong }}", "an amount is needed"),
        ("{{ 'NaN' | number }}", "too large to be one"),
        ("{{ '1e400' | dong }}", "too large to be one"),
        ("{{ nil | percent }}", "an amount is needed"),
        ("{{ true | dong }}", "an amount is needed"),
        ("{{ 'tomorrow' | date }}", "a date is needed"),
        ("{{ '9999-12-31' | date }}", "a date is needed"),
        ("{{ '2027-01-31' | date: 'shrt' }}", "a date's form is one of short, long"),
        ("{{ '2027-01-31' | date: '%Q' }}", "a date has no part %Q"),
        ("{{ 5 | dong: 1, 2 }}", "too much or too little"),
    ],
)
def test_a_value_that_a_filter_cannot_use_is_refused_with_what_it_needs(source: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        said(source)


@pytest.mark.parametrize("name", [name for name in FILTERS if name != "salutation"])
def test_a_missing_value_is_missing_for_every_filter(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"needs profile\.absent, which is missing"):
        said(f"{{{{ profile.absent | {name} }}}}")


def test_a_zone_that_nobody_knows_is_that_of_vietnam() -> None:
    assert said("{{ '2026-05-01T20:30:00Z' | date: 'time' }}", Reader(zone="Mars/Base")) == "03:30"


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.datetimes(), st.dates(),
    st.lists(st.text(max_size=5), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@given(VALUES, st.sampled_from(sorted(FILTERS)), st.text(max_size=20), st.sampled_from(["vi", "en", "ar", ""]))
def test_any_value_is_written_or_refused(value: object, name: str, argument: str, locale: str) -> None:
    reader = Reader(locale=locale, zone=argument, now=NOW)
    for source in (f"{{{{ profile.x | {name} }}}}", f"{{{{ profile.x | {name}: profile.y }}}}"):
        told: str | None = ""
        try:
            told = said(source, reader, x=value, y=argument)
        except InvalidInput as error:
            told = error.remedy
        assert told is not None
