"""Who reads a message: the language and the zone in which amounts and times are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

KEY = " reader"
"""Its place in a template's context; no variable's name starts with a space."""
HOME = "Asia/Ho_Chi_Minh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`locale` is a BCP 47 tag such as vi or en-GB, `zone` an IANA name, `now` the moment of writing."""

    locale: str = "vi"
    zone: str = HOME
    now: datetime | None = None

    @property
    def is_vietnamese(self) -> bool:
        return self.locale.lower().partition("-")[0].partition("_")[0] == "vi"

    @property
    def tz(self) -> tzinfo:
        """The zone; Vietnam's if the name is unknown."""
        try:
            return ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(HOME)

    def local(self, moment: datetime) -> datetime:
        """Give a moment on the reader's clock; a moment without a zone is already on it."""
        return moment.replace(tzinfo=self.tz) if moment.tzinfo is None else moment.astimezone(self.tz)

    def moment(self) -> datetime:
        return self.local(self.now or datetime.now(UTC))


def reader_of(context: Mapping[str, Any]) -> Reader:
    """Give the reader named in a context, otherwise somebody in Vietnam."""
    found = context.get(KEY)
    return found if isinstance(found, Reader) else Reader()
