"""Channels: what a tenant's messages are sent through."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from api.schemas.base import Document, ExtId, FaultOut, Input, Key, Name, Note, Output, example
from rules.words import Channel

_CHANNEL = {
    "channel_id": 101,
    "kind": "email",
    "name": "newsletter",
    "status": "connected",
    "failover": 1,
    "reason": None,
    "why": None,
    "held_until": None,
    "sandbox": False,
    "token_ends_at": None,
    "token_warning": None,
    "warning": None,
    "webhook": "/webhooks/1f0c6e8b6e0b4a3f8a7f6f0c2d1e3b4a",
}


class ChannelIn(Input):
    """A channel's settings; passwords and tokens in them are stored encrypted and never shown again."""

    model_config = example(
        {
            "kind": "email",
            "name": "newsletter",
            "settings": {
                "host": "smtp.example",
                "port": 587,
                "username": "hoa-sen",
                "password": "...",
                "sender": "Hoa Sen <tin@hoasen.example>",
                "webhook_secret": "...",
            },
        }
    )
    kind: Channel
    name: Name
    settings: Document = Field(default={}, description="Left out, its messages go to the sandbox and nobody gets them.")
    failover: int | None = Field(default=None, ge=0, le=1000)
    """Its rank among channels of the same kind that stand in for each other: the lowest that works sends."""


class ChannelOut(Output):
    """A channel; `webhook` is the path at which its provider reports what became of messages.

    `reason` says why it is paused or its provider is left alone, `held_until` until when, if it is temporary.
    `sandbox`: it was connected without credentials, so the sandbox takes its messages and nobody receives them.
    """

    model_config = example(_CHANNEL)
    channel_id: int
    kind: Channel
    name: str
    status: str
    failover: int | None
    reason: str | None
    why: FaultOut | None = Field(description="The same as `reason`, by kind and in each language.")
    held_until: datetime | None
    sandbox: bool
    token_ends_at: datetime | None = Field(description="When its OAuth token does; null: none, or nobody says.")
    token_warning: str | None = Field(description="What a person should do before that.")
    warning: FaultOut | None = Field(description="The same as `token_warning`, by kind and in each language.")
    webhook: str


class ConsentIn(Input):
    """A Zalo Official Account to connect; the application's secret is stored encrypted and never shown again."""

    model_config = example({"kind": "zalo_oa", "name": "zalo", "app_id": "4215678901234567890", "app_secret": "..."})
    kind: Literal["zalo_oa", "zalo_template"] = "zalo_oa"
    name: Name
    app_id: Key = Field(description="On Zalo's page for developers.")
    app_secret: SecretStr = Field(min_length=1, max_length=500)
    settings: Document = Field(default={}, description="What else the channel knows.")


class BegunOut(Output):
    """Where to give consent, and what to enter on Zalo's page for developers: `redirect_uri`, `code_challenge`."""

    model_config = example(
        {
            "url": "https://oauth.zaloapp.com/v4/oa/permission?app_id=4215678901234567890&redirect_uri=...&state=...",
            "state": "mHq3...",
            "redirect_uri": "https://leo.example/oauth/zalo",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "expires_at": "2026-05-01T02:15:00Z",
        }
    )
    url: str
    state: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime


class FinishIn(Input):
    """The parameters with which Zalo sent the administrator back."""

    model_config = example({"state": "mHq3...", "code": "abc..."})
    state: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    code: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class PauseIn(Input):
    """Why a channel is paused; it is shown with the channel."""

    model_config = example({"reason": "The contract ends on Friday."})
    reason: Note


class VisitorIn(Input):
    """Who may open the inbox, and for how long."""

    model_config = example({"ext_id": "kh-1", "ttl_s": 3600})
    ext_id: ExtId
    ttl_s: int = Field(default=3_600, ge=60, le=86_400)


class VisitorOut(Output):
    """A token that opens one inbox for one person; `path` is the address of the inbox."""

    model_config = example(
        {
            "token": "mHq3...",
            "path": "/inbox/1f0c6e8b6e0b4a3f8a7f6f0c2d1e3b4a",
            "address": "kh-1",
            "expires_at": "2026-05-01T10:00:00+00:00",
        }
    )
    token: str
    path: str
    address: str
    expires_at: datetime


class Channels(Output):
    model_config = example({"items": [_CHANNEL]})
    items: list[ChannelOut]
