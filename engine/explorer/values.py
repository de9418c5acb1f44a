"""The parameters of a query: plain and small."""

import json
from collections.abc import Mapping
from typing import Any

from engine.explorer.limits import LONGEST_TEXT, MOST_LISTED, MOST_PARAMETER_OCTETS
from rules.errors import InvalidInput

Scalar = str | int | float | bool | None


def parameters(given: Mapping[str, Any], *, wanted: frozenset[str]) -> str:
    """Give `$1`: exactly the parameters that the query names, as JSON.

    A parameter is a text, a number, true, false, null, or a list of those. Raises InvalidInput on others, on large
    ones, and on names that differ from the query's.
    """
    if given.keys() != wanted:
        wrong = ", ".join(f"${name[:60]}" for name in sorted(given.keys() ^ wanted)[:5])
        raise InvalidInput(
            f"The parameters are not those of the query: {wrong}.",
            remedy=f"Give: {', '.join(sorted(wanted)) or 'none'}.",
        )
    for name, value in given.items():
        _check(name, value)
    written = json.dumps(dict(given), ensure_ascii=False, allow_nan=False)
    if len(written.encode()) > MOST_PARAMETER_OCTETS:
        raise InvalidInput(
            f"The parameters have more than {MOST_PARAMETER_OCTETS:,} octets.", remedy="Send fewer or shorter ones."
        )
    return written


def _check(name: str, value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_LISTED:
        raise InvalidInput(
            f"The parameter ${name} has {len(values):,} values.", remedy=f"Send {MOST_LISTED:,} at most."
        )
    for one in values:
        if not isinstance(one, Scalar):
            raise InvalidInput(
                f"The parameter ${name} is no plain value.",
                remedy="Send a text, a number, true, false, null or a list.",
            )
        if isinstance(one, str) and (len(one) > LONGEST_TEXT or "\x00" in one):
            raise InvalidInput(
                f"The parameter ${name} is too long or holds NUL.", remedy=f"Send {LONGEST_TEXT} characters at most."
            )
        if isinstance(one, int) and not -(2**63) <= one < 2**63:
            raise InvalidInput(f"The parameter ${name} is too large.", remedy="Send a number of 64 bits.")
        if isinstance(one, float) and (one != one or one in (float("inf"), float("-inf"))):  # noqa: PLR0124
            raise InvalidInput(f"The parameter ${name} is no number.", remedy="Send a number.")
