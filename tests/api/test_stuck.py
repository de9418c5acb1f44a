"""Stuck work taken up again over HTTP: once, from where it stands, by an operator, with a reason that is kept."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.services import Services
from engine.decide import decide_batch, put_off
from engine.tenants import Scope, create_api_key
from rules.errors import Conflict
from tests.api.story import campaign, connect_mail, ok
from tests.conftest import Tenant

REASON = "The policy was mended."


@pytest.fixture
async def run_id(caller: httpx.AsyncClient, services: Services, tenant: Tenant) -> int:
    """A run whose one batch could not be decided and was put off."""
    await connect_mail(services, tenant)
    made = await campaign(caller)
    await ok(await caller.post(f"/campaigns/{made['campaign_id']}/activate"))
    async with services.db.transaction(tenant.tenant_id) as conn:
        (row,) = await (await conn.execute("SELECT batch_id, run_id FROM run_batch")).fetchall()
        await put_off(conn, batch_id=row["batch_id"], until=datetime(2099, 1, 1, tzinfo=UTC))
    return int(row["run_id"])


async def _rows(services: Services, tenant: Tenant, statement: Any) -> list[dict[str, Any]]:
    async with services.db.transaction(tenant.tenant_id) as conn:
        found = await conn.execute(statement)
        return [dict(row) for row in await found.fetchall()] if found.description else []


async def _decide(services: Services, tenant: Tenant) -> int:
    decided = 0
    for row in await _rows(services, tenant, "SELECT batch_id FROM run_batch WHERE status = 'pending'"):
        async with services.db.transaction(tenant.tenant_id) as conn:
            found = await decide_batch(
                conn, tenant_id=tenant.tenant_id, batch_id=row["batch_id"], now=datetime.now(UTC)
            )
            decided += len(found.made)
    return decided


async def _take_up(caller: httpx.AsyncClient, what: str, record_id: int) -> dict[str, Any]:
    body = {"what": what, "record_id": record_id, "reason": REASON}
    taken: dict[str, Any] = await ok(await caller.post("/operations/take-up", json=body))
    return taken


@pytest.mark.parametrize("what", ["run", "batch"])
async def test_what_was_put_off_is_shown_and_goes_on_once(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int, what: str
) -> None:
    (shown,) = (await ok(await caller.get("/operations")))["put_off"]
    assert (shown["run_id"], shown["setbacks"], shown["kind"]) == (run_id, 1, "snapshot")
    record_id = run_id if what == "run" else shown["batch_id"]
    first = await _take_up(caller, what, record_id)
    assert (first["moved"], first["refused"]) == (1, None)
    assert (first["stood"]["batches_done"], first["stood"]["batches_left"], first["stood"]["decided"]) == (0, 1, 0)
    (batch,) = await _rows(services, tenant, "SELECT due_at <= now() AS is_due FROM run_batch")
    assert batch["is_due"]
    assert (await ok(await caller.get("/operations")))["put_off"] == []
    again = await _take_up(caller, what, record_id)
    assert (again["moved"], again["refused"]) == (0, None)
    kept = (await ok(await caller.get("/operations/take-ups")))["items"]
    assert [(one["take_up_id"], one["moved"], one["reason"]) for one in kept] == [
        (again["take_up_id"], 0, REASON),
        (first["take_up_id"], 1, REASON),
    ]
    assert kept[0]["asked_by"].startswith("API key ")


async def test_nothing_that_was_decided_or_sent_is_done_again(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int
) -> None:
    await _decide(services, tenant)
    await _rows(services, tenant, "UPDATE delivery_log SET due_at = now() + interval '1 hour', setbacks = 1")
    taken = await _take_up(caller, "run", run_id)
    assert (taken["moved"], taken["stood"]["decided"], taken["stood"]["batches_left"]) == (1, 1, 0)
    assert await _decide(services, tenant) == 0
    (count,) = await _rows(
        services, tenant, "SELECT count(*) AS n, bool_and(due_at <= now()) AS is_due FROM delivery_log"
    )
    assert (count["n"], count["is_due"]) == (1, True)


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("UPDATE delivery_log SET status = 'sending', lease_owner = 'w', lease_until = now()", "in_hand"),
        ("UPDATE delivery_log SET status = 'uncertain'", "dead_letter"),
        ("UPDATE delivery_log SET status = 'sent', sent_at = now()", "done"),
    ],
)
async def test_a_message_that_does_not_wait_is_left_and_the_attempt_recorded(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int, statement: str, refused: str
) -> None:
    del run_id
    await _decide(services, tenant)
    (message,) = await _rows(services, tenant, "SELECT delivery_id FROM delivery_log")
    await _rows(services, tenant, statement)
    taken = await _take_up(caller, "message", message["delivery_id"])
    assert (taken["refused"], taken["moved"]) == (refused, 0)
    assert (await ok(await caller.get("/operations/take-ups")))["items"][0]["refused"] == refused


async def test_a_run_of_a_paused_campaign_is_not_taken_up_behind_its_back(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int
) -> None:
    (run,) = await _rows(services, tenant, "SELECT campaign_id FROM campaign_run")
    await ok(await caller.post(f"/campaigns/{run['campaign_id']}/pause"))
    assert (await _take_up(caller, "run", run_id))["refused"] == "campaign_paused"
    (batch,) = await _rows(services, tenant, "SELECT due_at > now() AS is_later FROM run_batch")
    assert batch["is_later"]


async def test_what_the_cdp_was_not_told_is_tried_again(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant
) -> None:
    await _rows(
        services,
        tenant,
        "INSERT INTO outbox (tenant_id, topic, payload, attempts, due_at, error, may_have_left) "
        "SELECT leo_tenant(), 'outcome', '{}', n, due, 'HTTP 503', true "
        "FROM (VALUES (12, 'infinity'::timestamptz), (1, now() + interval '30 seconds')) AS one (n, due)",
    )
    given_up, in_hand = (await ok(await caller.get("/operations")))["untold"]
    assert (given_up["is_given_up"], in_hand["is_given_up"]) == (True, False)
    assert (await _take_up(caller, "outbox", given_up["outbox_id"]))["moved"] == 1
    assert (await _take_up(caller, "outbox", in_hand["outbox_id"]))["refused"] == "in_hand"
    rows = await _rows(services, tenant, "SELECT attempts, due_at <= now() AS is_due FROM outbox ORDER BY outbox_id")
    assert [(row["attempts"], row["is_due"]) for row in rows] == [(0, True), (1, False)]


async def test_only_an_operator_takes_up_and_only_for_a_reason_within_the_tenant(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int
) -> None:
    body = {"what": "run", "record_id": run_id, "reason": REASON}
    assert (await stranger.post("/operations/take-up", json=body)).status_code == 404
    assert (await caller.post("/operations/take-up", json={**body, "reason": "  "})).status_code == 422
    async with services.db.transaction(tenant.tenant_id) as conn:
        key = await create_api_key(
            conn, tenant_id=tenant.tenant_id, name="m", scopes=(Scope.READ, Scope.WRITE, Scope.ACTIVATE, Scope.APPROVE)
        )
    headers = {"Authorization": f"Bearer {key.secret}"}
    assert (await caller.post("/operations/take-up", json=body, headers=headers)).status_code == 403
    assert (await ok(await caller.get("/operations/take-ups")))["items"] == []


async def test_the_record_of_a_take_up_cannot_be_changed(
    caller: httpx.AsyncClient, services: Services, tenant: Tenant, run_id: int
) -> None:
    await _take_up(caller, "run", run_id)
    with pytest.raises(Conflict, match="is a record: UPDATE is refused"):
        await _rows(services, tenant, "UPDATE take_up SET reason = 'another'")
