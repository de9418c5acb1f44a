"""Where we keep a field of the CDP's profile."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules.conditions.querybuilder.given import Unsayable

# Columns of the profile, not attributes.
_COLUMNS: Mapping[str, str] = {"_key": "ext_id", "primaryLanguage": "locale"}
# Fields that the sync renames, because the CDP's name would be mistaken for one of ours.
_NAMES: Mapping[str, str] = {
    "inSegments": "cdp_segments",
    "inJourneyMaps": "cdp_journeys",
    "inCampaigns": "cdp_campaigns",
    "createdAt": "cdp_created_at",
    "status": "cdp_status",
}
# The sync keeps the ids of these, under whatever name the map gives the others.
_IDS = frozenset({"inSegments", "inJourneyMaps", "inCampaigns"})


@dataclass(frozen=True, slots=True)
class Fields:
    """`attributes` maps a field to the attribute that holds it; None: each is its field's name in snake case."""

    attributes: Mapping[str, str] | None

    def subject(self, field: str) -> dict[str, Any]:
        """Give the start of a condition: {"profile": column}, or {"attribute": name or path}."""
        if field in _COLUMNS:
            return {"profile": _COLUMNS[field]}
        top, *inside = re.split(r"__|\.", field)
        name = self.attribute(top)
        return {"attribute": [name, *inside] if inside else name}

    def attribute(self, field: str) -> str:
        """Give the attribute that holds a field of the profile; raises Unsayable."""
        if self.attributes is not None and field not in _IDS:
            return self._mapped(field)
        return _NAMES.get(field) or snake(field)

    def event_attribute(self, collection: str, field: str) -> str:
        """Give the attribute that holds a field of an event; raises Unsayable."""
        return snake(field) if self.attributes is None else self._mapped(f"{collection}__{field}")

    def _mapped(self, field: str) -> str:
        name = (self.attributes or {}).get(field)
        if name is None:
            raise Unsayable("asks for a field that is not taken over from the CDP")
        return name


def snake(field: str) -> str:
    """Write `totalLeadScore` as `total_lead_score`, `totalCLV` as `total_clv` and `loyaltyIDs` as `loyalty_ids`."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", field)
    return re.sub(r"([A-Z]+)([A-Z][a-z]{2})", r"\1_\2", parted).lower()
