"""What a template may read, made from a row with the columns of a person, a campaign and the triggering event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.templates.filters import Reader


def context_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give `profile`, and `campaign` and `event` if there are any."""
    attributes: Mapping[str, Any] = row["attributes"]
    profile = {name: row[name] for name in ("ext_id", "locale", "zone", "attributes")}
    if row["name"] is not None:
        profile["name"] = row["name"]
    # An attribute may be written profile.city as well as profile.attributes.city; our own fields take precedence.
    context: dict[str, Any] = {"profile": {**attributes, **profile}}
    if row["campaign_key"] is not None:
        context["campaign"] = {"key": row["campaign_key"], "name": row["campaign_name"], "purpose": row["purpose"]}
    if row["event"] is not None:
        context["event"] = row["event"]
    return context


def reader_from(row: Mapping[str, Any], *, now: datetime) -> Reader:
    """Give the person as a reader of the message."""
    return Reader(locale=row["locale"], zone=row["zone"], now=now)
