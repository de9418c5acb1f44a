"""The people of a generated CDP: whole `cdp_profile` documents, as LEO CDP stores them."""

import random
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from channels.sandbox.arango.catalogue import JOURNEY, SEGMENTS, TOUCHPOINTS, segment_ref, touchpoint_key
from channels.sandbox.arango.generated import Document

COLLECTION = "cdp_profile"

_FAMILY = (
    *("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ"),
    *("Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"),
)
_MIDDLE = ("", "Thị", "Văn", "Minh", "Ngọc", "Thanh", "Đức", "Hữu", "Gia", "Bảo")
_GIVEN = (
    *("An", "Ánh", "Bình", "Châu", "Chi", "Dũng", "Duyên", "Giang", "Hà", "Hải", "Hạnh", "Hiếu"),
    *("Hoa", "Hùng", "Khánh", "Lan", "Linh", "Long", "Mai", "My", "Nam", "Nga", "Phúc"),
)
_CITIES = (
    ("Ho Chi Minh City", "Quận 1", "VN-SG"),
    ("Hà Nội", "Cầu Giấy", "VN-HN"),
    ("Đà Nẵng", "Hải Châu", "VN-DN"),
    ("Cần Thơ", "Ninh Kiều", "VN-CT"),
    ("Huế", "Phú Xuân", "VN-26"),
)
_STAGES = (
    *("new-visitor", "returning-visitor", "lead", "prospect", "new-customer", "engaged-customer"),
    *("happy-customer", "customer-advocate", "unhappy-customer", "terminated-customer"),
)
_LABELS = ("VIP", "sinh viên", "khách sỉ", "B2B", "mới", "sắp rời")
_KEYWORDS = ("hoa hồng", "cà phê", "du lịch", "thời trang", "điện thoại", "sách", "mỹ phẩm", "gia dụng")
_JOBS = ("Kế toán", "Giáo viên", "Lập trình viên", "Nhân viên văn phòng", "Chủ cửa hàng")
# One number in the ways people write it: LEO CDP stores what was typed.
_PHONES = ("090%(n)s", "+8490%(n)s", "090 %(n)s", "(+84) 90-%(n)s", "8490%(n)s", "090.%(n)s")
_SCORES = (
    *("totalCreditScore", "totalLoyaltyScore", "totalCAC", "totalCFS", "totalCES", "totalCSAT", "totalNPS"),
    *("rfmScore", "rfeScore", "dataQualityScore", "journeyScore"),
)
_EMPTY_TEXTS = (
    *("livingLocation", "livingWard", "livingProvince", "livingState", "currentZipCode", "permanentLocation"),
    *("fingerprintId", "lastSeenIp"),
)
_EMPTY_LISTS = (
    *("secondaryEmails", "secondaryPhones", "applicationIDs", "loyaltyIDs", "inCampaigns", "inAccounts"),
    *("productKeywords", "businessIndustries", "shoppingItems", "shoppingItemIds", "authorizedViewers"),
)
_EMPTY_MAPS = ("personalContacts", "subscribedChannels", "extMetrics", "funnelStageTimeline", "businessData")


def own(number: int) -> dict[str, Any]:
    """Give what differs within a cohort, apart from key, revision and time: see `generated`."""
    return {"n": f"{number:07}", "visits": number % 239, "score": number % 97}


def person(seed: int, cohort: int) -> Document:
    """Give the document of a cohort, with slots for what is individual."""
    chance = random.Random(f"people:{seed}:{cohort}")  # noqa: S311 - sample data, and the same each time
    city, district, code = chance.choice(_CITIES)
    stage = chance.randrange(len(_STAGES))
    segments = [segment_ref(key, name, chance.randrange(10)) for key, name, _, share in SEGMENTS if _is(chance, share)]
    bought = stage > 3  # noqa: PLR2004 - "prospect" is the last stage before a purchase
    metrics = ["page-view", "item-view", *(["purchase"] if bought else [])]
    return {
        "_key": "%(key)s", "_id": "cdp_profile/%(key)s", "_rev": "%(rev)s",
        "rootProfileId": "", "crmRefId": "CRM-%(n)s", "type": chance.choice((1, 2, 4, 7)), "status": 1,
        "dataContext": 1, "schemaType": "general", "mergeCode": 0, "partitionId": 0,
        **_names(chance),
        **_addresses(chance),
        "primaryLanguage": chance.choice(("vi", "vi", "vi", "en")), "genderProbability": 90,
        "age": 18 + cohort % 60, "ageGroup": 1 + cohort % 60 // 12, "maritalStatus": cohort % 3,
        "dateOfBirth": f"{1960 + cohort % 48}-{1 + cohort % 12:02}-{1 + cohort % 28:02}T00:00:00.000Z",
        "livingCity": city, "livingDistrict": district, "livingCountry": "Vietnam", "locationCode": code,
        **_consents(chance),
        "inSegments": segments, "inJourneyMaps": [_journey(stage)], "funnelStage": _STAGES[stage],
        "dataLabels": _some(chance, _LABELS), "contentKeywords": _some(chance, _KEYWORDS),
        "personalInterests": _some(chance, _KEYWORDS), "jobTitles": _some(chance, _JOBS),
        "mediaChannels": _some(chance, ("email", "zalo", "facebook", "web")), "behavioralEvents": metrics,
        "eventStatistics": {f"{JOURNEY}-page-view": "%(visits)d", f"{JOURNEY}-purchase": 2 if bought else 0},
        "topEngagedTouchpointIds": [touchpoint_key(one) for one in chance.sample(range(TOUCHPOINTS), 3)],
        "lastTouchpointId": touchpoint_key(cohort % TOUCHPOINTS), "lastObserverId": "leo_data_observer",
        **_purchases(cohort, bought=bought),
        "totalLeadScore": "%(score)d", "totalProspectScore": cohort % 61, "totalEngagementScore": "%(visits)d",
        "churnScore": round(cohort % 100 / 100, 2), **dict.fromkeys(_SCORES, 0),
        "visitorId": "3jK%(key)s", "lastUsedDeviceId": "", "usedDeviceIds": [], "lastPurchaseEvent": None,
        **dict.fromkeys(_EMPTY_TEXTS, ""),
        **{name: [] for name in _EMPTY_LISTS},
        **{name: {} for name in _EMPTY_MAPS},
        "extAttributes": {"tier": chance.choice(("bạc", "vàng", "kim cương"))},
        "createdAt": f"2024-{1 + cohort % 12:02}-{1 + cohort % 28:02}T03:10:11.000Z",
        "updatedAt": "%(at)s", "updatedByCrmAt": None,
    }  # fmt: skip


def marks(document: Mapping[str, Any]) -> frozenset[str]:
    """Give the segments that a person is a member of; none if the person is not active."""
    status, segments = document.get("status"), document.get("inSegments")
    if not isinstance(status, int) or status <= 0 or not isinstance(segments, list):
        return frozenset()
    return frozenset(str(one.get("id")) for one in segments if isinstance(one, Mapping))


def _names(chance: random.Random) -> dict[str, Any]:
    return {
        "firstName": chance.choice(_GIVEN),
        "middleName": chance.choice(_MIDDLE),
        "lastName": chance.choice(_FAMILY),
        "gender": chance.choice((0, 1, 7)),
    }  # fmt: skip


def _addresses(chance: random.Random) -> dict[str, Any]:
    """Most people can be reached in several ways, and everybody at least by mail."""
    mail = f"{_latin(chance.choice(_GIVEN))}.%(n)s@khach.example"
    has = {name: _is(chance, share) for name, share in (("phone", 0.85), ("zalo", 0.5), ("facebook", 0.3))}
    is_on_telegram, has_app, has_web = _is(chance, 0.1), _is(chance, 0.45), _is(chance, 0.2)
    social = {
        **({"zalo": "712345678%(n)s"} if has["zalo"] else {}),
        **({"facebook": "PSID-%(n)s"} if has["facebook"] else {}),
        **({"telegram": "55%(n)s"} if is_on_telegram else {}),
    }
    push = {**({"fcm": ["fcm-tok-%(n)s"]} if has_app else {}), **({"pushalert": ["sub-%(n)s"]} if has_web else {})}
    return {
        "identities": [
            *(f"email:{mail}", "visitor:3jK%(key)s", "crm:CRM-%(n)s"),
            *(["phone:+8490%(n)s"] if has["phone"] else []),
            *(["zalo:712345678%(n)s"] if has["zalo"] else []),
        ],
        "primaryEmail": mail,
        "primaryPhone": chance.choice(_PHONES) if has["phone"] else "",
        "socialMediaProfiles": social,
        "notificationUserIds": push,
    }  # fmt: skip


def _latin(name: str) -> str:
    letters = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(one for one in letters if not unicodedata.combining(one))


def _consents(chance: random.Random) -> dict[str, int]:
    names = ("receiveEmail", "receiveSMS", "receiveWebPush", "receiveAppPush")
    asked = {name: chance.choices((1, 0, -1), (6, 3, 1))[0] for name in names}
    return {**asked, "receiveAds": chance.choices((1, -1), (9, 1))[0]}


def _journey(stage: int) -> dict[str, Any]:
    kind = "CONTACT" if stage > 1 else "VISITOR"
    place = {"id": JOURNEY, "name": "DEFAULT JOURNEY MAP", "type": kind, "indexScore": 1 + stage // 2}
    return {**place, "funnelIndex": 1 + stage, "scoreCX": {}, "leadScore": 0}


def _purchases(cohort: int, *, bought: bool) -> dict[str, Any]:
    lists = ("purchasedItems", "purchasedItemIds", "purchasedBrands")
    if not bought:
        return {**{name: [] for name in lists}, "totalCLV": 0.0, "totalTransactionValue": 0.0}
    key, price = f"item-{cohort % 40:03}", 90_000.0 + 10_000 * (cohort % 40)
    item = {"itemId": key, "idType": "item_ID", "productCode": key, "name": f"Hoa hồng {cohort % 40}", "quantity": 1}
    item |= {"originalPrice": price, "salePrice": price, "currency": "VND", "createdAt": "2025-11-02T03:10:11.000Z"}
    values = dict(zip(lists, ([item], [key], ["Vườn Mai"]), strict=True))
    return {**values, "totalCLV": price, "totalTransactionValue": price}


def _is(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _some(chance: random.Random, of: Sequence[str]) -> list[str]:
    return chance.sample(of, chance.randrange(3))
