"""People from a file, in one request."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.schemas.imports import ImportedOut
from api.work import Working, WorkRoute, needs
from engine.imports import Form, import_body
from engine.tenants import Scope
from rules.errors import InvalidInput

FORMS = {
    "text/csv": Form.CSV,
    "application/x-ndjson": Form.JSON_LINES,
    "application/jsonl": Form.JSON_LINES,
}
_CSV = """\
Mã khách hàng,Họ tên,Email,Điện thoại,Thành phố,consent_email,consent_at
kh-42,Mai,mai@khach.example,0912345678,Huế,có,2026-05-01
"""
_JSON_LINES = '{"ext_id": "kh-42", "name": "Mai", "attributes": {"city": "Huế"}}\n'
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": _CSV},
            "application/x-ndjson": {"schema": {"type": "string"}, "example": _JSON_LINES},
        },
    }
}

router = APIRouter(route_class=WorkRoute, tags=["profiles"])


@router.post("/profiles/import", operation_id="importProfiles", openapi_extra={**needs(Scope.WRITE), **_BODY})
async def import_profiles(
    request: Request,
    work: Working,
    *,
    dry_run: Annotated[bool, Query(description="Tell what would happen and write nothing.")] = False,
) -> ImportedOut:
    """Insert or change people from CSV or JSON Lines, at most 5,000 lines; a refused line does not affect the others.

    A line of JSON Lines is what POST /profiles takes. A CSV file names its columns in its first line: ext_id
    (required), name, locale, zone, email, phone, zalo_id, facebook_psid, telegram_id, consent, consent_<channel>,
    consent_at; any other column is an attribute. Missing columns and empty cells leave what is known unchanged.
    """
    given = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if given not in FORMS:
        raise InvalidInput(f"A body of type {given!r} is no file of people.", remedy=f"Send {' or '.join(FORMS)}.")
    body = await request.body()
    done = await import_body(work.conn, body, tenant_id=work.tenant_id, form=FORMS[given], dry_run=dry_run)
    return ImportedOut(
        dry_run=dry_run,
        read=done.read,
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.unchanged,
        repeated=done.repeated,
        refused=done.refused,
        refusals=list(done.refusals),
        invalid_addresses=done.invalid_addresses,
    )
