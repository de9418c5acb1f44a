"""Profiles and events."""

from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import AwareDatetime, Discriminator, Field, Tag

from api.schemas.base import MOST_ITEMS, Document, ExtId, Input, Key, Name, Output, example
from rules.words import Channel

Value = Annotated[str, Len(1, 2048)]


class AddressIn(Input):
    channel: Channel
    value: Value
    valid: bool | None = None
    reason: Name | None = None


class ConsentIn(Input):
    """What a person agreed to or withdrew; `channel` null means every channel."""

    channel: Channel | None
    purpose: Key = "marketing"
    granted: bool
    at: AwareDatetime


class RelationIn(Input):
    """A relation to a topic, touchpoint or product by its key, or to another profile by its ext_id (KNOWS)."""

    kind: Literal["INTERESTED_IN", "ENGAGED", "BOUGHT", "KNOWS"]
    key: ExtId
    name: Name | None = None
    weight: float = Field(default=1.0, allow_inf_nan=False)
    occurred_at: AwareDatetime | None = None


class ProfileIn(Input):
    """A person. Fields that are left out stay as they are; `attributes` and `addresses` are replaced as a whole."""

    model_config = example(
        {
            "ext_id": "kh-000042",
            "name": "Trần Thị Mai",
            "locale": "vi",
            "zone": "Asia/Ho_Chi_Minh",
            "attributes": {"city": "Huế", "tier": "vàng", "orders": 7},
            "addresses": [
                {"channel": "email", "value": "mai.tran@khach.example"},
                {"channel": "telegram", "value": "700000042"},
            ],
            "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": "2026-05-01T09:00:00+07:00"}],
            "relations": [{"kind": "INTERESTED_IN", "key": "ca-phe", "name": "Cà phê"}],
        }
    )
    ext_id: ExtId
    name: Name | None = None
    locale: Annotated[str, Len(1, 35)] | None = None
    zone: Key | None = None
    attributes: Document = Field(default_factory=dict)
    addresses: Annotated[list[AddressIn], Len(0, 50)] = Field(default_factory=list)
    consents: Annotated[list[ConsentIn], Len(0, 100)] = Field(default_factory=list)
    relations: Annotated[list[RelationIn], Len(0, 200)] = Field(default_factory=list)


class ProfileKey(Output):
    ext_id: str
    profile_id: int


class Upserted(Output):
    model_config = example(
        {"inserted": 1, "updated": 0, "unchanged": 0, "profiles": [{"ext_id": "kh-000042", "profile_id": 1042}]}
    )
    inserted: int
    updated: int
    unchanged: int
    profiles: list[ProfileKey]


class AddressOut(Output):
    channel: Channel
    value: str
    valid: bool
    reason: str | None


class ConsentOut(Output):
    channel: Channel | None
    purpose: str
    granted: bool
    at: AwareDatetime


_PROFILE = {
    "profile_id": 1042,
    "ext_id": "kh-000042",
    "status": "active",
    "merged_into": None,
    "name": "Trần Thị Mai",
    "locale": "vi",
    "zone": "Asia/Ho_Chi_Minh",
    "attributes": {"city": "Huế", "tier": "vàng", "orders": 7},
    "created_at": "2026-05-01T02:00:00Z",
    "updated_at": "2026-05-01T02:00:00Z",
}


class ProfileOut(Output):
    model_config = example(_PROFILE)
    profile_id: int
    ext_id: str
    status: str
    merged_into: int | None
    name: str | None
    locale: str | None
    zone: str | None
    attributes: Document
    created_at: AwareDatetime
    updated_at: AwareDatetime


class WholeProfile(ProfileOut):
    """A person with addresses and the consents in force."""

    model_config = example(
        {
            **_PROFILE,
            "addresses": [{"channel": "email", "value": "mai.tran@khach.example", "valid": True, "reason": None}],
            "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": "2026-05-01T02:00:00Z"}],
        }
    )
    addresses: list[AddressOut]
    consents: list[ConsentOut]


class ProfilePage(Output):
    model_config = example({"items": [_PROFILE], "next": 1042})
    items: list[ProfileOut]
    next: int | None


class EventIn(Input):
    """Something that happened; with an `ext_id` it is stored once, however often it is sent."""

    model_config = example(
        {
            "ext_id": "cart-90017",
            "type": "cart_abandoned",
            "profile": "kh-000042",
            "occurred_at": "2026-05-02T20:15:00+07:00",
            "attributes": {"items": 2, "value_vnd": 540000},
        }
    )
    type: Key
    ext_id: ExtId | None = None
    profile: ExtId | None = Field(default=None, description="The ext_id of the person it happened to.")
    occurred_at: AwareDatetime | None = Field(default=None, description="Now, where it is left out.")
    attributes: Document = Field(default_factory=dict)


class EventOut(Output):
    event_id: int
    ext_id: str | None
    duplicate: bool


class TriggeredRun(Output):
    run_id: int
    campaign_id: int
    event_id: int


class EventsOut(Output):
    model_config = example(
        {
            "events": [{"event_id": 88001, "ext_id": "cart-90017", "duplicate": False}],
            "runs": [{"run_id": 88002, "campaign_id": 301, "event_id": 88001}],
        }
    )
    events: list[EventOut]
    runs: list[TriggeredRun]


def _shape(value: Any) -> str:
    return "many" if isinstance(value, list | tuple) else "one"


Profiles = Annotated[
    Annotated[ProfileIn, Tag("one")] | Annotated[list[ProfileIn], Len(1, MOST_ITEMS), Tag("many")],
    Discriminator(_shape),
]
Events = Annotated[
    Annotated[EventIn, Tag("one")] | Annotated[list[EventIn], Len(1, MOST_ITEMS), Tag("many")], Discriminator(_shape)
]
