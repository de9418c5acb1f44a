"""Who fetches a link or a picture of a mail: a person's program, or a machine that scans incoming mail.

What is known is in `facts/machines.toml`; a visit that it does not recognise counts as a person's.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from channels.signature import lowered


@dataclass(frozen=True, slots=True)
class Visit:
    """One fetch; `machine` names the machine that did it, None for a person."""

    user_agent: str
    machine: str | None = None


@dataclass(frozen=True, slots=True)
class _Sign:
    name: str
    header: str
    equals: str | None
    contains: str | None
    pictures_only: bool

    def fits(self, value: str) -> bool:
        if self.equals is not None:
            return value == self.equals
        return self.contains is not None and self.contains in value.casefold()


def visit(method: str, headers: Mapping[str, str], *, is_picture: bool) -> Visit:
    """Say who fetched; the first matching sign counts."""
    given = lowered(headers)
    user_agent = given.get("user-agent", "")
    if method != "GET":
        return Visit(user_agent, "looks without fetching")
    for sign in _signs():
        if (is_picture or not sign.pictures_only) and sign.header in given and sign.fits(given[sign.header]):
            return Visit(user_agent, sign.name)
    return Visit(user_agent, None if user_agent else "names no program")


@cache
def _signs() -> tuple[_Sign, ...]:
    document = tomllib.loads(resources.files("channels.facts").joinpath("machines.toml").read_text(encoding="utf-8"))
    return tuple(
        _Sign(
            name=entry["name"],
            header=entry["header"],
            equals=entry.get("equals"),
            contains=entry.get("contains"),
            pictures_only=entry.get("pictures_only", False),
        )
        for entry in document["signs"]
    )
