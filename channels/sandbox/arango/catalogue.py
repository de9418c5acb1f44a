"""What the people of a generated CDP are related to: its segments, metrics and touchpoints."""

from collections.abc import Mapping
from typing import Any

JOURNEY = "id_default_journey"
CREATED = "2024-05-20T02:00:00.000Z"

# LEO CDP's own segments: key, name, status (1 active query, 2 activated by a campaign), share of the people.
SEGMENTS = (
    ("0XctiveVisitorProfile1", "Active Visitor Profile", 1, 0.35),
    ("1CustomerLeadSegment02", "Customer Lead", 1, 0.25),
    ("2CustomerProspectSeg03", "Customer Prospect", 1, 0.2),
    ("497ChuAh3ycYQ92GaH9NEx", "Engaged Customers", 2, 0.15),
    ("4FirstTimeCustomers005", "First-time Customers", 1, 0.1),
    ("5HappyCustomersSegm006", "Happy Customers", 2, 0.1),
    ("6InactiveVisitorProf07", "Inactive Visitor Profiles", 1, 0.2),
    ("7ShoppingCartAbandon08", "Shopping Cart Abandoners", 1, 0.05),
    ("8UnhappyCustomersSeg09", "Unhappy Customers", 1, 0.02),
)

# Metric, score, stage of the journey, share of the events (out of COHORTS).
METRICS = (
    ("page-view", 1, 1, 400),
    ("item-view", 3, 2, 240),
    ("add-to-cart", 8, 3, 90),
    ("submit-contact", 10, 3, 40),
    ("email-click", 16, 2, 60),
    ("sms-click", 16, 2, 20),
    ("notification-click", 15, 2, 30),
    ("short-link-click", 14, 2, 20),
    ("qr-code-scan", 14, 2, 14),
    ("follow", 10, 5, 20),
    ("unfollow", -10, 5, 5),
    ("user-send-text", 5, 3, 25),
    ("purchase", 30, 4, 40),
    ("made-payment", 30, 4, 20),
)

TOUCHPOINTS = 200
_TYPES = ((35, "email"), (36, "sms"), (37, "push"), (38, "ott"), (7, "chatbot"), (2, "web page"))


def segment_ref(key: str, name: str, score: int = 0) -> dict[str, Any]:
    """Give what a person holds of a segment, in the form that LEO CDP appends."""
    return {"id": key, "name": name, "indexScore": score, "lastDataSynch": 0, "queryHashedId": ""}


def segment(key: str, name: str | None, status: int, count: int = 0) -> dict[str, Any]:
    rules = '{"condition":"AND","rules":[{"id":"status","field":"status","operator":"greater","value":0}],"valid":true}'
    flags = ("forDeepAnalytics", "forPredictiveAnalytics", "forPersonalization", "forEmailMarketing", "forReTargeting")
    scores = ("LeadScore", "ProspectScore", "EngagementScore", "TransactionValue", "CreditScore", "CAC", "CLV")
    return {
        **_identity("cdp_segment", key),
        "parentId": "", "name": name, "description": "", "type": 1, "status": status, "realtimeQuery": True,
        "autoUpdateProfiles": True, "jsonQueryRules": rules, "customQueryFilter": "", "queryHashedId": "",
        "selectedFields": [], "totalCount": count, "totalCES": 0, "avgCFS": 0, "avgCSAT": 0, "avgNPS": 0,
        **{f"total{score}": 0 for score in scores},
        **dict.fromkeys(flags, True),
        "keywords": [], "campaignIds": [], "extData": {}, "managedBySystem": True, "ownerUsername": "superadmin",
        "authorizedEditors": [], "authorizedViewers": [], "indexScore": 0,
        "createdAt": CREATED, "updatedAt": CREATED,
    }  # fmt: skip


def metric(name: str, score: int, stage: int) -> dict[str, Any]:
    return {
        **_identity("cdp_eventmetric", name),
        "eventName": name, "eventLabel": name.replace("-", " ").capitalize(), "score": score, "scoreModel": 1,
        "cumulativePoint": score, "journeyStage": stage, "dataType": 1, "showInObserverJS": True,
        "funnelStageId": "new-visitor", "flowName": "General Business Event", "systemMetric": True,
        "journeyMapId": JOURNEY, "status": 1, "createdAt": CREATED, "updatedAt": CREATED,
    }  # fmt: skip


def touchpoint_key(number: int) -> str:
    return f"2hGtouchpoint{number:09}"


def touchpoint(number: int, **fields: Any) -> Mapping[str, Any]:
    kind, word = _TYPES[number % len(_TYPES)]
    host = "shop.khach.example"
    return {
        **_identity("cdp_touchpoint", touchpoint_key(number)),
        "name": f"Trang {number}", "type": kind, "typeAsType": word, "url": f"https://{host}/trang-{number}",
        "hostname": host, "collectionId": "", "parentId": "", "locationCode": "", "address": "", "latitude": 0.0,
        "longitude": 0.0, "radius": 0, "journeyMapId": JOURNEY, "observerId": "leo_data_observer",
        "isRootNode": False, "firstPartyData": True, "assetContentId": "", "assetType": 0, "unitCost": 0.0,
        "eventCounter": {}, "scoreCX": {}, "status": 1, "createdAt": CREATED, "updatedAt": CREATED,
        **fields,
    }  # fmt: skip


def _identity(collection: str, key: str) -> dict[str, str]:
    return {"_key": key, "_id": f"{collection}/{key}", "_rev": "_jA0b1C2---"}
