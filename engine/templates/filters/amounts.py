"""Amounts as the reader writes them: 1.234,5 in Vietnamese, 1,234.5 in English."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from engine.templates.filters.reader import Reader
from engine.templates.filters.unfit import Unfit

MOST = Decimal(10) ** 15
PLACES = 2
NEXT = 1_000
# What people say instead of zeros, the largest first.
WORDS = {
    True: ((10**9, " tỷ"), (10**6, " triệu"), (10**3, " nghìn")),
    False: ((10**9, "B"), (10**6, "M"), (10**3, "K")),
}


def number(value: Any, reader: Reader) -> str:
    """`1234567.5` as 1.234.567,5 (vi) or 1,234,567.5 (en), with at most two decimals."""
    return _grouped(_amount(value), reader, places=PLACES)


def dong(value: Any, reader: Reader) -> str:
    """`199000` as 199.000 ₫ (vi) or ₫199,000 (en); rounded, because there is no smaller coin."""
    amount = _grouped(_amount(value), reader, places=0)
    return f"{amount}\N{NO-BREAK SPACE}₫" if reader.is_vietnamese else _with_sign(amount)


def dong_short(value: Any, reader: Reader) -> str:
    """`1500000` as 1,5 triệu đồng (vi) or ₫1.5M (en); below a thousand it is written in full."""
    amount = _amount(value)
    words = WORDS[reader.is_vietnamese]
    place = next((place for place, (unit, _) in enumerate(words) if abs(amount) >= unit), None)
    if place is None:
        return dong(value, reader)
    if place and abs(_rounded(amount / words[place][0], PLACES)) >= NEXT:
        place -= 1  # 999.999.999 is 1 tỷ, not 1.000 triệu
    unit, word = words[place]
    short = _grouped(amount / unit, reader, places=PLACES)
    return f"{short}{word} đồng" if reader.is_vietnamese else _with_sign(f"{short}{word}")


def percent(value: Any, reader: Reader) -> str:
    """`0.125` as 12,5% (vi) or 12.5% (en): the value is a share, not a percentage."""
    return f"{_grouped(_amount(value) * 100, reader, places=PLACES)}%"


def _amount(value: Any) -> Decimal:
    """Read a number; raises Unfit if it is not one, is not finite or exceeds a thousand million millions."""
    if isinstance(value, bool) or value is None:
        raise Unfit("no_amount")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise Unfit("not_an_amount") from None
    if not amount.is_finite() or abs(amount) > MOST:
        raise Unfit("amount_too_large")
    return amount


def _grouped(amount: Decimal, reader: Reader, *, places: int) -> str:
    text = f"{_rounded(amount, places):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    return text.translate(str.maketrans(",.", ".,")) if reader.is_vietnamese else text


def _rounded(amount: Decimal, places: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _with_sign(amount: str) -> str:
    return f"-₫{amount[1:]}" if amount.startswith("-") else f"₫{amount}"
