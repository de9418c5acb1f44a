"""Generated Vietnamese customers: the same seed gives the same people, addresses and habits.

Nobody here exists. Addresses are in `example` domains (RFC 2606), to which no mail server on the Internet delivers.
"""

import random
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

# Shares of the ten most frequent family names, rounded: Lê Trung Hoa, "Họ và tên người Việt Nam", 2005.
FAMILY = {"Nguyễn": 38, "Trần": 12, "Lê": 9, "Phạm": 7, "Hoàng": 5, "Phan": 5, "Vũ": 4, "Đặng": 2, "Bùi": 2, "Đỗ": 1}
MIDDLE = ("Thị", "Văn", "Minh", "Thu", "Quang", "Ngọc", "Đức", "Thanh", "Hữu", "Kim")
GIVEN = (
    "An", "Bình", "Châu", "Dũng", "Giang", "Hà", "Hải", "Hạnh", "Hiếu", "Hoa", "Hùng", "Hương", "Khánh", "Lan", "Linh",
    "Long", "Mai", "Nam", "Nga", "Ngân", "Nhung", "Phong", "Phương", "Quân", "Quỳnh", "Sơn", "Tâm", "Thảo", "Trang",
    "Trung", "Tú", "Tuấn", "Vân", "Việt", "Yến",
)  # fmt: skip
CITIES = {
    "TP. Hồ Chí Minh": 32,
    "Hà Nội": 28,
    "Đà Nẵng": 12,
    "Cần Thơ": 8,
    "Hải Phòng": 8,
    "Huế": 5,
    "Nha Trang": 4,
    "Đà Lạt": 3,
}
TOPICS = {
    "ca-phe": "Cà phê", "my-pham": "Mỹ phẩm", "thoi-trang": "Thời trang", "do-gia-dung": "Đồ gia dụng",
    "sach": "Sách", "du-lich": "Du lịch",
}  # fmt: skip
TIERS = {"đồng": 60, "bạc": 27, "vàng": 10, "kim cương": 3}
ABROAD = "America/Los_Angeles"  # more people of Vietnamese descent than any other zone outside Asia

# How often things happen in the demo, in shares of all people: often enough to be seen.
SHARE_ABROAD = 0.04
SHARE_WITH_TELEGRAM = 0.45
SHARE_WITHOUT_ADDRESS = 0.02
SHARE_BROKEN_EMAIL = 0.03
SHARE_WITHOUT_CONSENT = 0.12
SHARE_WITHDRAWN = 0.04

_CART_SHARE = 0.10


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark)).lower().replace(" ", "")


def _pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), weights=list(weights.values()))[0]


def people(count: int, *, now: datetime, seed: int = 2026) -> Iterator[dict[str, Any]]:
    """Give `count` profiles in the form that `POST /profiles` takes."""
    chance = random.Random(seed)  # noqa: S311 - made-up people, no secret
    for number in range(1, count + 1):
        yield _person(chance, number, now)


def _person(chance: random.Random, number: int, now: datetime) -> dict[str, Any]:
    family, given = _pick(chance, FAMILY), chance.choice(GIVEN)
    name = f"{family} {chance.choice(MIDDLE)} {given}"
    abroad = chance.random() < SHARE_ABROAD
    favourite = chance.choice(list(TOPICS))
    orders = min(40, int(chance.expovariate(0.35)))
    return {
        "ext_id": f"kh-{number:06d}",
        "name": name,
        "locale": "vi",
        "zone": ABROAD if abroad else None,
        "attributes": {
            "city": "San José" if abroad else _pick(chance, CITIES),
            "tier": _pick(chance, TIERS),
            "favourite": favourite,
            "orders": orders,
            "spent_vnd": orders * chance.randrange(90, 900) * 1000,
            "birth_year": chance.randrange(1958, 2009),
        },
        "addresses": list(_addresses(chance, f"{_plain(given)}.{_plain(family)}.{number}", number)),
        "consents": list(_consents(chance, now)),
        "relations": [{"kind": "INTERESTED_IN", "key": favourite, "name": TOPICS[favourite]}],
    }


def _addresses(chance: random.Random, local: str, number: int) -> Iterator[dict[str, Any]]:
    if chance.random() < SHARE_WITHOUT_ADDRESS:
        return
    broken = chance.random() < SHARE_BROKEN_EMAIL
    yield {"channel": "email", "value": f"{local}@" if broken else f"{local}@khach.example"}
    if chance.random() < SHARE_WITH_TELEGRAM:
        yield {"channel": "telegram", "value": str(700_000_000 + number)}


def _consents(chance: random.Random, now: datetime) -> Iterator[dict[str, Any]]:
    given_at = now - timedelta(days=chance.randrange(30, 900))
    drawn = chance.random()
    if drawn < SHARE_WITHOUT_CONSENT:
        return
    yield {"channel": None, "purpose": "marketing", "granted": True, "at": given_at.isoformat()}
    if drawn < SHARE_WITHOUT_CONSENT + SHARE_WITHDRAWN:
        yield {
            "channel": "email",
            "purpose": "marketing",
            "granted": False,
            "at": (given_at + timedelta(days=9)).isoformat(),
        }


def events(count: int, *, now: datetime, seed: int = 2026) -> Iterator[dict[str, Any]]:
    """Give what `count` people did in the last weeks, in the form that `POST /events` takes."""
    chance = random.Random(seed + 1)  # noqa: S311 - made-up events
    for number in range(1, count + 1):
        ext_id = f"kh-{number:06d}"
        for visit in range(chance.randrange(0, 3)):
            yield {
                "ext_id": f"visit-{number}-{visit}",
                "type": "page_view",
                "profile": ext_id,
                "occurred_at": (now - timedelta(minutes=chance.randrange(60, 60 * 24 * 30))).isoformat(),
                "attributes": {"topic": chance.choice(list(TOPICS))},
            }


def carts(count: int, *, now: datetime, limit: int, seed: int = 2026) -> list[dict[str, Any]]:
    """Give the baskets that people abandon while the demo runs; each may trigger a decision at once."""
    chance = random.Random(seed + 2)  # noqa: S311 - made-up events
    owners = chance.sample(range(1, count + 1), k=min(limit, max(1, int(count * _CART_SHARE))))
    return [
        {
            "ext_id": f"cart-{number}",
            "type": "cart_abandoned",
            "profile": f"kh-{number:06d}",
            "occurred_at": now.isoformat(),
            "attributes": {"items": chance.randrange(1, 5), "value_vnd": chance.randrange(80, 2400) * 1000},
        }
        for number in owners
    ]
