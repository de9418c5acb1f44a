"""Policies: what is saved, and each version in plain words."""

from typing import Self

from pydantic import AwareDatetime, Field

from api.schemas.base import Document, Input, Key, Note, Output, example
from engine.policies import Key as KeptKey
from engine.policies import Version
from rules.conditions import Language
from rules.policy import Policy
from rules.policy.say import say

LARGEST_VERSION = 2**31 - 1
_DOCUMENT = {
    "eligibility": [{"name": "Adults", "when": {"attribute": "age", "at_least": 18}}],
    "caps": [{"limit": 2, "days": 7}],
    "arbitration": {"order": ["functiongemma", "score"], "within_ms": 2000},
}
_SAID = {"layer": "eligibility", "en": '"Adults": age is at least 18.', "vi": '"Adults": age ít nhất là 18.'}
_VERSION = {
    "policy_id": 301,
    "key": "default",
    "version": 4,
    "draft": True,
    "from_version": None,
    "note": "Fewer messages before Tết",
    "document": _DOCUMENT,
    "text": [_SAID],
    "created_at": "2026-05-01T02:00:00Z",
}


class PolicyIn(Input):
    """A policy's next version."""

    model_config = example(
        {"key": "default", "draft": True, "note": "Fewer messages before Tết", "document": _DOCUMENT}
    )
    key: Key = "default"
    document: Document = Field(description="The rules: GET /policies/schema. What is left out is the default policy's.")
    draft: bool = Field(default=False, description="A draft is tried out and compared; it holds for nobody.")
    note: Note | None = Field(default=None, description="Why, for who reads the versions later.")


class PolicyCheckIn(Input):
    """A policy to check; nothing is saved."""

    model_config = example({"document": _DOCUMENT})
    document: Document


class SwitchOnIn(Input):
    """Which version is to be in force from now on."""

    model_config = example({"version": 4})
    version: int = Field(ge=1, le=LARGEST_VERSION, description="A draft, or an older version to go back to.")
    note: Note | None = Field(default=None, description="Why, for who reads the versions later.")


class SaidOut(Output):
    """One sentence; `layer` is the gate it belongs to, or zone or arbitration."""

    model_config = example(_SAID)
    layer: str
    en: str
    vi: str


class PolicySaidOut(Output):
    """What a policy demands, in the order in which it is asked."""

    model_config = example({"text": [_SAID]})
    text: list[SaidOut]

    @classmethod
    def of(cls, policy: Policy) -> Self:
        return cls(text=said(policy))


class PolicyOut(Output):
    """A version of a policy; `text` says all of it, including the fields that the document leaves out."""

    model_config = example(_VERSION)
    policy_id: int
    key: str
    version: int
    draft: bool
    from_version: int | None = Field(description="The version that was switched on as this one.")
    note: str | None
    document: Document
    text: list[SaidOut]
    created_at: AwareDatetime

    @classmethod
    def of(cls, version: Version) -> Self:
        return cls(
            policy_id=version.policy_id,
            key=version.key,
            version=version.version,
            draft=version.draft,
            from_version=version.from_version,
            note=version.note,
            document=dict(version.document),
            text=said(version.policy()),
            created_at=version.created_at,
        )


class PolicyVersionPage(Output):
    model_config = example({"items": [_VERSION], "next": None})
    items: list[PolicyOut]
    next: int | None = Field(description="Send it as `before` for older ones; null: there are none.")


class PolicyKeyOut(Output):
    model_config = example({"key": "default", "version": 3, "newest": 4})
    key: str
    version: int | None = Field(description="The one that holds; null while there are drafts alone.")
    newest: int

    @classmethod
    def of(cls, kept: KeptKey) -> Self:
        return cls(key=kept.key, version=kept.version, newest=kept.newest)


class PolicyKeyPage(Output):
    model_config = example({"items": [{"key": "default", "version": 3, "newest": 4}], "next": None})
    items: list[PolicyKeyOut]
    next: str | None = Field(description="Send it as `after` for what follows; null: there is no more.")


def said(policy: Policy) -> list[SaidOut]:
    """Give a policy's sentences in both languages side by side."""
    pairs = zip(say(policy, Language.EN), say(policy, Language.VI), strict=True)
    return [SaidOut(layer=en.layer, en=en.text, vi=vi.text) for en, vi in pairs]
