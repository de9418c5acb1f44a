"""Conditional requests (RFC 9110, 13.1): the revision that a caller believes a record has, as an ETag."""

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from engine.revisions import Expected
from rules.errors import InvalidInput

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
_MOST = 1_000
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=_MOST,
        description="Change it only where it still is what you saw: its `revision` in quotes; `*`: any. Else 412.",
        examples=['"9b0b2f4e4b7f0d0a"'],
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=_MOST,
        description="`*`: make it only where there is none with this key. Else 412.",
        examples=["*"],
    ),
]


async def _expected(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Expected:
    if if_none_match is not None and if_none_match.strip() != "*":
        raise InvalidInput("If-None-Match names a revision.", remedy="Send If-None-Match: *, or If-Match.")
    return Expected(is_new=if_none_match is not None, revisions=None if if_match is None else _read(if_match))


Expecting = Annotated[Expected, Depends(_expected)]


def tag(response: Response, revision: str) -> None:
    """Give the record's revision as the answer's ETag."""
    response.headers["ETag"] = f'"{revision}"'


def _read(sent: str) -> frozenset[str]:
    """Read the revisions of If-Match; a weak ETag matches nothing, as the standard says."""
    if sent.strip() == "*":
        return frozenset("*")
    parts = [part.strip() for part in sent.split(",")]
    found = [_TAG.fullmatch(part) for part in parts]
    if not all(found):
        raise InvalidInput(
            "If-Match names no revision.",
            remedy='Send it in quotation marks, as ETag has it: If-Match: "9b0b2f4e4b7f0d0a".',
        )
    return frozenset(one[1] for one in found if one is not None and not one[0].startswith("W/"))
