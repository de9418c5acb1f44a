"""Tenants and API keys."""

from typing import Annotated, Self
from uuid import UUID

from annotated_types import Len
from pydantic import AwareDatetime, Field, StringConstraints

from api.schemas.base import Input, Key, Name, Output, example
from engine.tenants import Caller, Role, Scope, Tenant, role_of


class TenantIn(Input):
    model_config = example({"slug": "hoa_sen", "name": "Cửa hàng Hoa Sen", "zone": "Asia/Ho_Chi_Minh", "locale": "vi"})
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{2,40}$")]
    name: Name
    zone: Key = "Asia/Ho_Chi_Minh"
    locale: Annotated[str, Len(1, 35)] = "vi"


class TenantOut(Output):
    model_config = example(
        {
            "tenant_id": "5f3c9f2e-2c1b-4a55-9d0e-8a4d6f1b7c21",
            "slug": "hoa_sen",
            "name": "Cửa hàng Hoa Sen",
            "zone": "Asia/Ho_Chi_Minh",
            "locale": "vi",
            "status": "active",
            "created_at": "2026-05-01T02:00:00Z",
        }
    )
    tenant_id: UUID
    slug: str
    name: str
    zone: str
    locale: str
    status: str
    created_at: AwareDatetime


class KeyIn(Input):
    model_config = example({"name": "web shop", "scopes": ["read", "write"], "expires_at": None})
    name: Name
    scopes: Annotated[list[Scope], Len(1, len(Scope))]
    expires_at: AwareDatetime | None = None


class KeyOut(Output):
    """A new key; `secret` is shown only this once."""

    model_config = example(
        {
            "api_key_id": 17,
            "name": "web shop",
            "prefix": "9f8e7d6c",
            "scopes": ["read", "write"],
            "expires_at": None,
            "secret": "leo_9f8e7d6c_...",
        }
    )
    api_key_id: int
    name: str
    prefix: str
    scopes: list[Scope]
    expires_at: AwareDatetime | None
    secret: str


_KEY = {
    "api_key_id": 17,
    "name": "web shop",
    "prefix": "9f8e7d6c",
    "scopes": ["read", "write"],
    "created_at": "2026-05-01T02:00:00Z",
    "expires_at": None,
    "revoked_at": None,
}


class ApiKeyOut(Output):
    """A key without its secret, which is stored nowhere."""

    model_config = example(_KEY)
    api_key_id: int
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


class ApiKeys(Output):
    model_config = example({"items": [_KEY]})
    items: list[ApiKeyOut]


class RotateIn(Input):
    model_config = example({"overlap_s": 86_400})
    overlap_s: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400
    """How long both keys work; 30 days at most."""


class CallerOut(Output):
    """Who is asking: the key's tenant, what the key may do, and the role that the console derives from it."""

    model_config = example(
        {
            "slug": "hoa_sen",
            "name": "Cửa hàng Hoa Sen",
            "zone": "Asia/Ho_Chi_Minh",
            "locale": "vi",
            "api_key_id": 17,
            "scopes": ["read", "write"],
            "role": "marketer",
        }
    )
    slug: str
    name: str
    zone: str
    locale: str
    api_key_id: int | None = Field(description="null where the platform's key was sent.")
    scopes: list[Scope]
    role: Role

    @classmethod
    def of(cls, caller: Caller | None, tenant: Tenant) -> Self:
        scopes = frozenset[str]() if caller is None else caller.scopes
        return cls(
            slug=tenant.slug,
            name=tenant.name,
            zone=tenant.zone,
            locale=tenant.locale,
            api_key_id=None if caller is None else caller.api_key_id,
            scopes=[scope for scope in Scope if scope in scopes],
            role=role_of(scopes),
        )
