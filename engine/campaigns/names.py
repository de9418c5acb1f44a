"""What templates of a tenant can print: names that always stand there, and what its people and events have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from engine.db import Transaction
from engine.queries import queries

_SQL = queries("campaigns")
# Who came last has what the shop records today; with 20 attributes each, people and events are read in 0.07 s.
MOST_LOOKED_AT = 1_000
MOST_NAMES = 500
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# An attribute is read as profile.city, but for those that have a name of ours there.
OURS = ("ext_id", "locale", "zone")
_TAKEN = frozenset({*OURS, "name", "attributes"})
_ALWAYS = (
    *(("profile", name, f"profile.{name}") for name in OURS),
    *(("campaign", name, f"campaign.{name}") for name in ("name", "key", "purpose")),
    *(("event", name, f"event.{name}") for name in ("type", "occurred_at", "ext_id")),
    ("link", "unsubscribe_url", "unsubscribe_url"),
    ("link", "preferences_url", "preferences_url"),
)


@dataclass(frozen=True, slots=True)
class Name:
    """One value that a template can print.

    `group` is profile, campaign, event or link; `writes` is how Liquid names it. `kind` is that of JSON (string,
    number, boolean, array). `has` of `looked_at` people or events of the type `event` have it; both None where it is
    always there. `is_attribute` tells what a shop records from what LEO knows by itself.
    """

    group: str
    name: str
    writes: str
    kind: str = "string"
    is_attribute: bool = False
    event: str | None = None
    has: int | None = None
    looked_at: int | None = None


async def list_names(conn: Transaction, *, tenant_id: UUID) -> list[Name]:
    """Give what can be printed: LEO's own names first, then what the 1,000 newest people and events have."""
    values = {"tenant_id": tenant_id, "most": MOST_LOOKED_AT, "few": MOST_NAMES}
    people = await (await conn.execute(_SQL["names_of_people"], values)).fetchall()
    events = await (await conn.execute(_SQL["names_of_events"], values)).fetchall()
    named = [_of("profile", row) for row in people if row["path"] is None]
    return [
        *(named or [Name("profile", "name", "profile.name", has=0, looked_at=0)]),
        *(Name(*one) for one in _ALWAYS),
        *(_of("profile", row) for row in people if row["path"] and _is_writable(row["path"])),
        *(_of("event", row) for row in events if _is_writable(row["path"])),
    ]


def _of(group: str, row: dict[str, Any]) -> Name:
    path: list[str] | None = row["path"]
    known = (row["kind"], path is not None, row.get("type"), row["has"], row["looked_at"])
    if path is None:
        return Name(group, "name", "profile.name", *known)
    is_short = group == "profile" and path[0] not in _TAKEN
    return Name(group, ".".join(path), written([group, *([] if is_short else ["attributes"]), *path]), *known)


def written(path: Sequence[str]) -> str:
    """Write a path as Liquid reads it: what is no plain word stands in brackets, in the quotes that it has not."""
    first, *rest = path
    return first + "".join(f".{one}" if _PLAIN.fullmatch(one) else f"[{_quoted(one)}]" for one in rest)


def _is_writable(path: Sequence[str]) -> bool:
    """Whether Liquid has a way to write it: its texts know no escape."""
    return not any({"'", '"'} <= set(one) for one in path)


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"'{text}'"
