"""The parameters of a query: plain and small."""

import json
import math
from collections.abc import Mapping
from typing import Any

from engine.explorer.limits import LONGEST_TEXT, MOST_LISTED, MOST_PARAMETER_OCTETS
from rules.errors import InvalidInput
from rules.faults import Fault, Value

Scalar = str | int | float | bool | None


def parameters(given: Mapping[str, Any], *, wanted: frozenset[str]) -> str:
    """Give `$1`: exactly the parameters that the query names, as JSON.

    A parameter is a text, a number, true, false, null, or a list of those. Raises InvalidInput on others, on large
    ones, and on names that differ from the query's.
    """
    if given.keys() != wanted:
        wrong = ", ".join(f"${name[:60]}" for name in sorted(given.keys() ^ wanted)[:5])
        listed = ", ".join(sorted(wanted))
        raise _refused("parameters", f"Give: {listed or 'none'}.", wrong=wrong, wanted=listed or "∅")
    for name, value in given.items():
        _check(name, value)
    written = json.dumps(dict(given), ensure_ascii=False, allow_nan=False)
    if len(written.encode()) > MOST_PARAMETER_OCTETS:
        raise _refused("parameters_too_large", "Send fewer or shorter ones.", most=MOST_PARAMETER_OCTETS)
    return written


def _check(name: str, value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    if len(values) > MOST_LISTED:
        raise _refused(
            "too_many_values", f"Send {MOST_LISTED:,} at most.", name=name, count=len(values), most=MOST_LISTED
        )
    for one in values:
        if not isinstance(one, Scalar):
            raise _refused("no_plain_value", "Send a text, a number, true, false, null or a list.", name=name)
        if isinstance(one, str) and (len(one) > LONGEST_TEXT or "\x00" in one):
            raise _refused("text_too_long", f"Send {LONGEST_TEXT} characters at most.", name=name, most=LONGEST_TEXT)
        if isinstance(one, int) and not -(2**63) <= one < 2**63:
            raise _refused("number_too_large", "Send a number of 64 bits.", name=name)
        if isinstance(one, float) and not math.isfinite(one):
            raise _refused("no_number", "Send a number.", name=name)


def _refused(kind: str, remedy: str, **values: Value) -> InvalidInput:
    fault = Fault(f"query.{kind}", "parameters", values)
    return InvalidInput(fault.say().en, remedy=remedy, fault=fault)
