"""A file of people in one request."""

from typing import Any

import httpx
import pytest

from api.services import Services
from engine.imports import MOST_LINES
from tests.api.conftest import Callers
from tests.api.story import ok
from tests.conftest import Tenant

CSV = {"Content-Type": "text/csv; charset=utf-8"}
JSON_LINES = {"Content-Type": "application/x-ndjson"}
PEOPLE = "ext_id,Họ tên,Email,Điện thoại\nkh-1,Mai,mai@khach.example,0912 345 678\n,Lan,,\nkh-2,Hoa,hoa@,\n"


async def _import(caller: httpx.AsyncClient, content: str, headers: dict[str, str], **params: Any) -> Any:
    return await ok(await caller.post("/profiles/import", content=content.encode(), headers=headers, params=params))


async def _profiles(services: Services, tenant: Tenant) -> list[str]:
    async with services.db.transaction(tenant.tenant_id) as conn:
        rows = await (await conn.execute("SELECT ext_id FROM cdp_profiles ORDER BY ext_id")).fetchall()
    return [row["ext_id"] for row in rows]


async def test_a_csv_file_is_taken_in_and_its_refused_lines_are_told(caller: httpx.AsyncClient) -> None:
    done = await _import(caller, PEOPLE, CSV)
    assert done == {
        "dry_run": False,
        "read": 3,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "repeated": 0,
        "refused": 1,
        "refusals": [{"line": 3, "reason": "It has no ext_id.", "original": ",Lan,,"}],
        "invalid_addresses": {"There must be something after the @-sign.": 1},
    }
    mai = await ok(await caller.get("/profiles/kh-1"))
    assert {one["value"] for one in mai["addresses"]} == {"mai@khach.example", "+84912345678"}
    assert (await _import(caller, PEOPLE, CSV))["unchanged"] == 2


async def test_a_dry_run_writes_nobody_and_tells_the_same(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    foretold = await _import(caller, PEOPLE, CSV, dry_run="true")
    assert await _profiles(services, tenant) == []
    assert await _import(caller, PEOPLE, CSV) == {**foretold, "dry_run": False}
    assert await _profiles(services, tenant) == ["kh-1", "kh-2"]


async def test_the_key_of_a_dry_run_is_no_key_of_the_run(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    once = {**CSV, "Idempotency-Key": "import-1"}
    await _import(caller, PEOPLE, once, dry_run="true")
    refused = await caller.post("/profiles/import", content=PEOPLE.encode(), headers=once)
    assert refused.status_code == 422
    assert await _profiles(services, tenant) == []
    again = await caller.post("/profiles/import?dry_run=true", content=PEOPLE.encode(), headers=once)
    assert again.headers["Idempotency-Replayed"] == "true"


async def test_json_lines_are_taken_in(caller: httpx.AsyncClient) -> None:
    done = await _import(caller, '{"ext_id": "kh-1", "attributes": {"city": "Huế"}}\n{"ext_id"\n', JSON_LINES)
    assert (done["inserted"], done["refused"]) == (1, 1)
    assert (await ok(await caller.get("/profiles/kh-1")))["attributes"] == {"city": "Huế"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ("name\nMai\n", CSV),
        ("", CSV),
        (PEOPLE, {"Content-Type": "application/json"}),
        (PEOPLE, {}),
        ("ext_id\n" + "".join(f"kh-{one}\n" for one in range(MOST_LINES + 1)), CSV),
    ],
)
async def test_a_file_that_cannot_be_taken_leaves_nothing(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, content: str, headers: dict[str, str]
) -> None:
    answer = await caller.post("/profiles/import", content=content.encode(), headers=headers)
    assert answer.status_code == 422
    assert answer.json()["remedy"]
    assert await _profiles(services, tenant) == []


async def test_a_file_over_one_megabyte_is_too_large(caller: httpx.AsyncClient) -> None:
    answer = await caller.post("/profiles/import", content=b"ext_id\n" + b"x" * 1_048_576, headers=CSV)
    assert answer.status_code == 413


async def test_a_key_that_may_only_read_imports_nobody(callers: Callers, tenant: Tenant) -> None:
    reader = await callers.of(tenant, ["read"])
    assert (await reader.post("/profiles/import", content=PEOPLE.encode(), headers=CSV)).status_code == 403
