"""The request that LEO CDP sends when a segment has changed."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from api.schemas.base import ExtId, Input, Output, example


class SyncSegmentIn(Input):
    """A segment of the CDP, by the CDP's id."""

    model_config = example({"segment_id": "497ChuAh3ycYQ92GaH9NEx"})
    segment_id: ExtId
    data_sync_api_key: Annotated[SecretStr, Field(max_length=255)] | None = Field(
        default=None, description="The API key, for a caller that can send no header; a header goes before it."
    )


class SyncedOut(Output):
    """How many members the segment has."""

    model_config = example({"status": "ok", "synced": 128})
    status: Literal["ok"] = "ok"
    synced: int
