"""Deciding and acting for one person now."""

from pydantic import AwareDatetime, Field

from api.schemas.base import ExtId, Id, Input, Output, example
from rules.words import Action, Channel, DeliveryStatus


class ActivateIn(Input):
    model_config = example({"campaign_id": 301, "profile": "kh-000042"})
    campaign_id: Id
    profile: ExtId = Field(description="The person's ext_id.")


class ActivateOut(Output):
    """The decision and its result; `status` is the delivery's, null if nothing is sent."""

    model_config = example(
        {
            "decision_id": 601,
            "run_id": 501,
            "profile_id": 1042,
            "action": "send",
            "reason": "chosen",
            "wait_until": None,
            "channel": "email",
            "template": "uu-dai-thang",
            "template_version": 1,
            "delivery_id": 701,
            "status": "sent",
            "attempts": 1,
            "provider_id": "<701@hoasen.example>",
            "code": "250",
            "due_at": None,
            "elapsed_ms": 34.5,
        }
    )
    decision_id: int
    run_id: int
    profile_id: int
    action: Action
    reason: str
    wait_until: AwareDatetime | None
    channel: Channel | None
    template: str | None
    template_version: int | None
    delivery_id: int | None
    status: DeliveryStatus | None
    attempts: int
    provider_id: str | None
    code: str | None
    due_at: AwareDatetime | None = Field(description="When a queued message is tried again.")
    elapsed_ms: float
