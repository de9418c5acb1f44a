"""What AGE writes, as plain Python.

AGE writes JSON with a type suffix after whatever is not JSON: `{"id": 1, ...}::vertex`. A query cannot return a plain
map, so anything that has an id and properties is a node or an edge, whichever version of AGE wrote it. Ids become text:
an id in the graph has 64 bits, more than a JavaScript number holds.
"""

import json
import re
from typing import Any

_KIND = re.compile(r'("(?:[^"\\]|\\.)*")|::(?:vertex|edge|path|numeric)\b')
_GRAPH_IDS = ("id", "start_id", "end_id")


def read(text: str | None) -> Any:
    """Give the value that AGE wrote; null and a missing value are None, NaN and infinities are texts."""
    if text is None:
        return None
    return json.loads(_KIND.sub(lambda found: found[1] or "", text), object_hook=_with_text_ids, parse_constant=str)


def _with_text_ids(document: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in document:
        return document
    return {name: str(value) if name in _GRAPH_IDS else value for name, value in document.items()}
