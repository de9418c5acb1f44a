"""Lists come in pages: `limit` records in the order of their ids, those beyond `after`."""

from typing import Annotated

from fastapi import Path, Query

from api.schemas.base import LARGEST_ID

LARGEST_PAGE = 500

After = Annotated[int, Query(ge=0, le=LARGEST_ID, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="At most so many records.")]
PathId = Annotated[int, Path(ge=1, le=LARGEST_ID)]


def following(ids: list[int], limit: int) -> int | None:
    """Give the `after` of the next page: the last id of a full page; None if this page was the last."""
    return ids[-1] if len(ids) == limit else None
