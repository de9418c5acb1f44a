"""Pages of a segment's people by offset, as the public leo-activation asks for them, with touchpoints joined in."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from channels.sandbox.arango.collection import Collection
from channels.sandbox.arango.generated import Document, read, written

_FIELDS = (
    *("_key", "identities", "primaryEmail", "secondaryEmails", "primaryPhone", "secondaryPhones", "firstName"),
    *("lastName", "livingLocation", "livingCountry", "livingCity", "jobTitles", "dataLabels", "contentKeywords"),
    *("mediaChannels", "behavioralEvents", "inSegments", "inJourneyMaps", "eventStatistics", "topEngagedTouchpointIds"),
)
_IDS = re.compile(r'"topEngagedTouchpointIds":\[([^\]]*)\]')


class Members:
    """The people of a world's segments.

    The offset of a page costs nothing here, although a real server counts up to it.
    """

    def __init__(self, people: Collection, touchpoint: Callable[[str], str | None]) -> None:
        self._people, self._touchpoint = people, touchpoint
        self._joined: dict[str, str] = {}

    def page(self, segment: str, start: int, n: int) -> Sequence[str]:
        """Give at most n people of a segment who can be reached by mail or phone, from an offset, unordered."""
        found = self._people.numbered(segment, start, n, _FIELDS, is_wanted=partial(_is_reachable_in, segment))
        return [_IDS.sub(self._touchpoints, one) for one in found]

    def _touchpoints(self, ids: re.Match[str]) -> str:
        joined = [self._joined.get(key) or self._join(key) for key in ids[1].split(",")]
        return f'"topEngagedTouchpoints":[{",".join(filter(None, joined))}]'

    def _join(self, quoted: str) -> str:
        found = self._touchpoint(quoted.strip('"'))
        if found is None:
            return ""
        one: Mapping[str, Any] = read(found)
        names = {"id": "_key", "hostname": "hostname", "name": "name", "url": "url", "parentId": "parentId"}
        return self._joined.setdefault(quoted, written({name: one[field] for name, field in names.items()}))


def _is_reachable_in(segment: str, document: Document) -> bool:
    """Whether the person is active is not asked there."""
    listed = document.get("inSegments")
    keys = [one.get("id") for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return segment in keys and bool(document.get("primaryEmail") or document.get("primaryPhone"))
