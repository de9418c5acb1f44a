"""Importing people as the public leo-activation does at 3d1e73c: pages of two by offset, a statement per person.

Re-enacted from what is known about it, with python-arango, pydantic and psycopg as it uses them: two models of each
person, thirteen lists written as JSON, one commit at the end. Its log line for each person is left out, and so is the
query by which it looks up the segment's name with every page.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from time import perf_counter
from typing import Any, cast

from arango.client import ArangoClient
from arango.cursor import Cursor
from arango.database import StandardDatabase
from arango.http import DefaultHTTPClient
from psycopg import Connection
from psycopg.types.json import Json
from pydantic import BaseModel, ConfigDict, Field, field_validator

from engine.bench import cdp
from engine.db import admin
from engine.queries import queries

PAGE = 2
# "Active Visitor Profile", which a third of the generated people are in, more than in any other.
SEGMENT = "0XctiveVisitorProfile1"
_PHONE = re.compile(r"\+?[0-9]{7,15}")
_SQL = queries("bench_sync")


class _Segment(BaseModel):
    id: str
    name: str


class _Journey(BaseModel):
    id: str
    name: str
    funnelIndex: int  # noqa: N815 - as the documents have it


class _Touchpoint(BaseModel):
    id: str
    hostname: str
    name: str
    url: str
    parentId: str  # noqa: N815 - as the documents have it


class _Contact(BaseModel):
    """What both models have; a phone number of another form becomes None, and so does every mail address.

    Its model makes an address by calling pydantic's EmailStr, which takes no argument, and mistakes the error for a bad
    address.
    """

    identities: list[str] = Field(default_factory=list)
    primary_email: str | None = None
    secondary_emails: list[str] = Field(default_factory=list)
    primary_phone: str | None = None
    secondary_phones: list[str] = Field(default_factory=list)
    first_name: str | None = None
    last_name: str | None = None
    living_location: str | None = None
    living_country: str | None = None
    living_city: str | None = None
    job_titles: list[str] = Field(default_factory=list)
    data_labels: list[str] = Field(default_factory=list)
    content_keywords: list[str] = Field(default_factory=list)
    media_channels: list[str] = Field(default_factory=list)
    behavioral_events: list[str] = Field(default_factory=list)
    event_statistics: dict[str, int] = Field(default_factory=dict)

    @field_validator("primary_email", mode="before")
    @classmethod
    def _no_mail(cls, value: Any) -> None:
        del value

    @field_validator("secondary_emails", mode="before")
    @classmethod
    def _no_mails(cls, value: Any) -> list[str]:
        del value
        return []

    @field_validator("primary_phone", mode="before")
    @classmethod
    def _phone(cls, value: Any) -> str | None:
        text = str(value or "").strip()
        return text if _PHONE.fullmatch(text) else None

    @field_validator("secondary_phones", mode="before")
    @classmethod
    def _phones(cls, value: Any) -> list[str]:
        return [text for one in value or () if _PHONE.fullmatch(text := str(one).strip())]


class _Person(_Contact):
    """A document as it was read."""

    model_config = ConfigDict(extra="ignore")

    profile_id: str
    segments: list[_Segment]
    journeys: list[_Journey]
    touchpoints: list[_Touchpoint]


class _Row(_Contact):
    """A row as it is to be written."""

    tenant_id: str
    profile_id: str
    segments: list[dict[str, Any]]
    journey_maps: list[dict[str, Any]]
    top_engaged_touchpoints: list[dict[str, Any]]
    ext_data: dict[str, Any]


_PLAIN = (
    *("tenant_id", "profile_id", "primary_email", "primary_phone", "first_name", "last_name", "living_location"),
    *("living_country", "living_city"),
)
_LISTS = (
    *("identities", "secondary_emails", "secondary_phones", "job_titles", "data_labels", "content_keywords"),
    *("media_channels", "behavioral_events", "segments", "journey_maps", "event_statistics"),
    *("top_engaged_touchpoints", "ext_data"),
)
_FIELDS = {
    "identities": "identities", "primary_email": "primaryEmail", "secondary_emails": "secondaryEmails",
    "primary_phone": "primaryPhone", "secondary_phones": "secondaryPhones", "first_name": "firstName",
    "last_name": "lastName", "living_location": "livingLocation", "living_country": "livingCountry",
    "living_city": "livingCity", "job_titles": "jobTitles", "data_labels": "dataLabels",
    "content_keywords": "contentKeywords", "media_channels": "mediaChannels", "behavioral_events": "behavioralEvents",
    "event_statistics": "eventStatistics", "segments": "inSegments", "journeys": "inJourneyMaps",
    "touchpoints": "topEngagedTouchpoints", "profile_id": "_key",
}  # fmt: skip


class _Http(DefaultHTTPClient):
    """Without looking for proxies in the environment, whose cost depends on the number of variables there."""

    def create_session(self, host: str) -> Any:
        session = super().create_session(host)
        session.trust_env = False
        return session


def prepare(connection: Connection[tuple[Any, ...]]) -> None:
    """Make its table with its indexes, triggers and row security."""
    for name in ("baseline_table", "baseline_indexes"):
        connection.execute(_SQL[name])


def take(url: str, admin_url: str, *, most: int) -> float:
    """Import at most this many people into the table that `prepare` made; gives people a second."""
    taken = 0
    started = perf_counter()
    with admin(admin_url) as connection:
        connection.execute(_SQL["baseline_look"])
        (tenant_id,) = connection.execute(_SQL["baseline_tenant"]).fetchone() or ("",)
        connection.execute(_SQL["baseline_enter"], {"tenant_id": tenant_id})
        for person in _people(url, most):
            with connection.cursor() as cursor:
                cursor.execute(_SQL["baseline_upsert"], _values(_row(tenant_id, person)))
            taken += 1
    return taken / (perf_counter() - started)


def _people(url: str, most: int) -> Iterator[_Person]:
    with _database(url) as db:
        for start in range(0, most, PAGE):
            values: dict[str, Any] = {"segment": SEGMENT, "start": start, "n": PAGE}
            found = list(cast("Cursor", db.aql.execute(_query(), bind_vars=values)))
            if not found:
                return
            yield from [_read(document) for document in found]


@contextmanager
def _database(url: str) -> Iterator[StandardDatabase]:
    client = ArangoClient(hosts=url, http_client=_Http())
    try:
        yield client.db(cdp.DATABASE, username="root", password="")
    finally:
        client.close()


@cache
def _query() -> str:
    return files("engine.bench").joinpath("rowwise.aql").read_text(encoding="utf-8")


def _read(document: Mapping[str, Any]) -> _Person:
    return _Person(**{name: document.get(field) for name, field in _FIELDS.items()})


def _row(tenant_id: str, person: _Person) -> _Row:
    shared = {name: getattr(person, name) for name in _Contact.model_fields}
    return _Row(
        **shared,
        tenant_id=tenant_id,
        profile_id=person.profile_id,
        segments=[{"id": one.id, "name": one.name} for one in person.segments],
        journey_maps=[{"id": one.id, "name": one.name, "funnelIndex": one.funnelIndex} for one in person.journeys],
        top_engaged_touchpoints=[
            {"id": one.id, "hostname": one.hostname, "name": one.name, "url": one.url, "parentId": one.parentId}
            for one in person.touchpoints
        ],
        ext_data={"source": "cdp", "segment": SEGMENT},
    )


def _values(row: _Row) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in _PLAIN}
    return plain | {name: Json(getattr(row, name)) for name in _LISTS}
