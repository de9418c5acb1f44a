"""The events of a generated CDP: whole `cdp_trackingevent` documents."""

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

from channels.sandbox.arango.catalogue import JOURNEY, METRICS, TOUCHPOINTS, touchpoint_key
from channels.sandbox.arango.generated import Document

COLLECTION = "cdp_trackingevent"
# Prime, so that consecutive people have events far apart.
_STRIDE = 7_919
_EMPTY_TEXTS = (
    *("message", "refVisitorId", "refCampaignId", "refContentId", "refItemId", "refTicketId", "refDataSource"),
    *("refFeedbackEventId", "refTouchpointId", "refTouchpointName", "refTouchpointUrl", "refTouchpointHost"),
    *("fingerprintId", "deviceId", "sourceIP", "locationCode", "locationName", "locationAddress", "srcEventKey"),
    *("transactionId", "transactionStatus", "transactionCode", "transactionPayment", "rawJsonData"),
)
_EMPTY_LISTS = ("serviceItems", "tradingItems", "imageUrls", "videoUrls", "computableFields")
_UP_TO = list(accumulate(share for *_, share in METRICS))


def person_of(number: int, people: int) -> int:
    """Give the number of the person whose event this is."""
    return number * _STRIDE % people


def own(people: int, key: Callable[[int], str]) -> Callable[[int], Mapping[str, Any]]:
    """Give what differs within a cohort of events, for this many people with these keys."""
    return lambda number: {"person": key(person_of(number, people)), "spent": number % 113}


def event(cohort: int) -> Document:
    """Give the document of a cohort, with slots for what is individual."""
    # In steps of a prime, so that a metric's events are spread over each 1,024.
    place = cohort * 389 % _UP_TO[-1]
    name, score, stage, _ = METRICS[next(at for at, up_to in enumerate(_UP_TO) if place < up_to)]
    is_purchase = name == "purchase"
    touched = cohort % TOUCHPOINTS
    item = {"itemId": f"item-{cohort % 40:03}", "idType": "item_ID", "quantity": 1, "salePrice": 290_000.0}
    return {
        "_key": "%(key)s", "_id": "cdp_trackingevent/%(key)s", "_rev": "%(rev)s", "sessionKey": "%(key)s",
        "createdAt": "%(at)s", "updatedAt": "%(at)s", "isActiveTracked": True, "isConversion": is_purchase,
        "isExperience": False, "observerId": "leo_data_observer", "metricName": name, "metricValue": score,
        "refProfileId": "%(person)s", "refJourneyId": JOURNEY, "journeyStage": stage,
        "srcTouchpointId": touchpoint_key(touched), "srcTouchpointName": f"Trang {touched}",

            "srcTouchpointUrl": f"https://shop.khach.example/trang-{touched}",
            "srcTouchpointHost": "shop.khach.example"
        ,
        "srcTouchpointHubId": "", "browserName": "Chrome Mobile", "deviceOS": "Android", "deviceType": "phone",
        "deviceName": "", "timeSpent": "%(spent)d", "transactionValue": 290_000.0 if is_purchase else 0.0,

            "transactionCurrency": "VND",
            "transactionDiscount": 0.0,
            "transactionTax": 0.0,
            "transactionShippingInfo": {}
        ,
        "orderedItems": [item] if is_purchase else [], "fraudScore": 0, "environment": "pro", "partitionId": 0,
        "eventData": {"nguồn": "bản tin"} if name == "email-click" else {}, "state": 2,
        **dict.fromkeys(_EMPTY_TEXTS, ""),
        **{name: [] for name in _EMPTY_LISTS},
    }  # fmt: skip


def marks(document: Mapping[str, Any]) -> frozenset[str]:
    """Give the metric by which an event is selected."""
    return frozenset({str(document.get("metricName"))})
