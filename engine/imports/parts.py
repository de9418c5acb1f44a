"""Documents that describe part of a person: what a later line about the person adds, and what is already known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.words import Channel


@dataclass(frozen=True, slots=True)
class Held:
    """What is known about a person; `consents` are those to marketing in force, as (channel, granted, at)."""

    attributes: Mapping[str, Any]
    addresses: Sequence[Mapping[str, Any]]
    consents: Sequence[tuple[Channel | None, bool, datetime]]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Held":
        consents = [
            (None if channel is None else Channel(channel), granted, datetime.fromisoformat(at))
            for channel, granted, at in row["consents"] or ()
        ]
        return cls(row["attributes"], row["addresses"] or (), consents)


NOBODY = Held({}, (), ())
_COLLECTIONS = frozenset({"attributes", "addresses", "consents", "relations"})


def joined(earlier: Mapping[str, Any], later: Mapping[str, Any], *, is_partial: bool) -> dict[str, Any]:
    """Give one document for two lines about a person, as if the later were written after the earlier."""
    told = {name: value for name, value in later.items() if value is not None or name not in _COLLECTIONS}
    both = {**earlier, **told}
    both["relations"] = [*(earlier.get("relations") or ()), *told.get("relations", ())]
    both["consents"] = _consents(earlier.get("consents") or (), told.get("consents", ()))
    if is_partial and "attributes" in both:
        both["attributes"] = {**earlier.get("attributes", {}), **told.get("attributes", {})}
    if is_partial and "addresses" in both:
        both["addresses"] = _addresses(earlier.get("addresses", ()), told.get("addresses", ()))
    return both


def filled(document: Mapping[str, Any], held: Held) -> dict[str, Any]:
    """Complete a partial document: attributes and channels that it does not mention stay as they are."""
    whole = dict(document)
    if "attributes" in whole:
        whole["attributes"] = {**held.attributes, **whole["attributes"]}
    if "addresses" in whole:
        whole["addresses"] = _addresses(held.addresses, whole["addresses"])
    if "consents" in whole:
        whole["consents"] = [one for one in whole["consents"] if one["is_dated"] or _is_news(one, held)]
    return whole


def _addresses(held: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    channels = {one["channel"] for one in told}
    return [*(one for one in held if one["channel"] not in channels), *told]


def _consents(earlier: Sequence[Mapping[str, Any]], later: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Merge consents: of two given at the same instant the later line's counts."""
    by_key = {(one.get("channel"), one.get("purpose"), one["at"]): one for one in (*earlier, *later)}
    return list(by_key.values())


def _is_news(consent: Mapping[str, Any], held: Held) -> bool:
    """Whether a consent without a date counts: a yes only if nothing is known, a no unless it is already recorded.

    A list that was written before somebody withdrew, and is imported afterwards, must not undo the withdrawal.
    """
    channel = consent["channel"]
    if consent["granted"]:
        return not any(channel in {None, one} or one is None for one, _, _ in held.consents)
    covering = [(at, not granted) for one, granted, at in held.consents if one in {None, channel}]
    return not covering or not max(covering)[1]
