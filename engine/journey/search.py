"""Finding a person by what one has at hand: a key, an id, an address, part of a name."""

from dataclasses import dataclass

from engine.addresses import clean
from engine.db import Transaction
from engine.queries import queries
from rules.words import Channel

LARGEST_ID = 2**48 - 1
_SQL = queries("journey")


@dataclass(frozen=True, slots=True)
class Found:
    """`matched` says what matched: key, id, address or name."""

    profile_id: int
    ext_id: str
    name: str | None
    status: str
    merged_into: str | None
    matched: str


async def search(conn: Transaction, text: str, *, limit: int = 20) -> tuple[list[Found], bool]:
    """Give the people whom `text` may mean, the best matches first, and whether there are more."""
    wanted = " ".join(text.split())
    if not wanted:
        return [], False
    values = {
        "text": wanted,
        "id": int(wanted) if _is_id(wanted) else None,
        "channels": [channel.value for channel in Channel],
        "addresses": _spellings(wanted),
        "limit": limit,
    }
    rows = await (await conn.execute(_SQL["search"], values)).fetchall()
    return [Found(**row) for row in rows[:limit]], len(rows) > limit


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_ID)) and int(text) <= LARGEST_ID


def _spellings(text: str) -> list[str]:
    """Give the ways in which an address may be stored: as it was typed, and as each channel spells it."""
    cleaned = (clean(channel, text) for channel in Channel)
    return sorted({text, *(address.value for address in cleaned if address.value)})
