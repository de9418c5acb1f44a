"""A field map that is ready to be used: which field of a source's documents is what of ours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.ingest.paths import Getter
from rules.words import Channel

# What each kind leads to. KNOWS leads to another profile, which may not be there yet, so no map has it.
TARGETS: Mapping[str, str] = {"ENGAGED": "Touchpoint", "INTERESTED_IN": "Topic", "BOUGHT": "Product"}


@dataclass(frozen=True, slots=True)
class Attributes:
    """Our names: `plain` with the field of the document, `deep` with how to follow a path that is more than a field."""

    plain: tuple[tuple[str, str], ...]
    deep: tuple[tuple[str, Getter], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in (*self.plain, *self.deep))


@dataclass(frozen=True, slots=True)
class AddressField:
    channel: Channel
    get: Getter
    prefix: str


@dataclass(frozen=True, slots=True)
class ConsentField:
    """`channel` None is every channel."""

    channel: str | None
    purpose: str
    get: Getter
    granted: tuple[Any, ...]
    withdrawn: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class RelationField:
    """`key` and `name` lead from an item of the list; without `key` the item is the key."""

    kind: str
    get: Getter
    key: Getter | None
    name: Getter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMap:
    collection: str
    fields: tuple[str, ...]
    type_field: str
    time_field: str
    profile: Getter
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """A map, ready to be used. `fields` are those of a person's document that are fetched; `print` tells maps apart."""

    collection: str
    fields: tuple[str, ...]
    print: str
    names: tuple[Getter, ...]
    locale: Getter | None
    zone: Getter | None
    time_field: str
    status_field: str | None
    is_active: Callable[[Any], bool]
    root: Getter | None
    attributes: Attributes
    addresses: tuple[AddressField, ...]
    consents: tuple[ConsentField, ...]
    relations: tuple[RelationField, ...]
    segments: str | None
    memberships: str
    segments_attribute: str
    touchpoints: str | None
    metrics: str | None
    event: EventMap | None

    @property
    def held(self) -> dict[str, str]:
        """Give which attribute holds which field, an event's as collection__field: what QueryBuilder rules ask for."""
        found = {field: name for name, field in self.attributes.plain}
        if self.event is not None:
            found |= {f"{self.event.collection}__{field}": name for name, field in self.event.attributes.plain}
        return found
