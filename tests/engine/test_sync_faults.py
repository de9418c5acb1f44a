"""A CDP that fails: each fault is one line in the log, and what no retry can heal is one sentence."""

import logging
from typing import Any

import pytest

from engine.credentials import Vault
from engine.db import Database
from rules.errors import Misconfigured, Unavailable
from tests.conftest import Tenant
from tests.engine.cdp import Cdp, connect, rows, take


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"mode": "reply", "status": 503}, "answered 503"),
        ({"mode": "cut"}, "broke its answer off"),
        ({"mode": "hang", "delay": 2}, "did not answer"),
        ({"mode": "torn"}, "broke its answer off"),
        ({"mode": "slow", "delay": 2}, "did not answer"),
        ({"mode": "expired"}, "had dropped the cursor"),
    ],
)
async def test_a_fault_is_one_line_in_the_log_and_nothing_is_lost_or_doubled(
    db: Database,
    tenant: Tenant,
    vault: Vault,
    cdp: Cdp,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, Any],
    told: str,
) -> None:
    await cdp.make(100)
    source = await connect(db, vault, tenant, cdp, page=40, timeout_s=0.5)
    await cdp.fail(**fault, times=1, query="profiles_changed")
    with caplog.at_level(logging.INFO):
        counts = await take(db, source)
    assert (counts.read, counts.new) == (100, 100)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Asking again" in lines[0]


async def test_a_server_that_stays_down_ends_the_run_and_the_next_goes_on(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp
) -> None:
    await cdp.make(100)
    source = await connect(db, vault, tenant, cdp, page=40)
    await cdp.fail(mode="reply", status=503, times=6, query="profiles_changed")
    with pytest.raises(Unavailable, match="answered 503"):
        await take(db, source)
    last = (await rows(db, tenant, "SELECT status, error FROM sync_run"))[0]
    assert last["status"] == "failed"
    assert "answered 503" in last["error"]
    assert (await take(db, source)).new == 100


async def test_a_wrong_password_is_one_sentence_and_is_not_tried_again(
    db: Database, tenant: Tenant, vault: Vault, cdp: Cdp, caplog: pytest.LogCaptureFixture
) -> None:
    await cdp.make(3)
    source = await connect(db, vault, tenant, cdp, password="guess")
    with pytest.raises(Misconfigured, match="refuses the user 'root'") as refused:
        await take(db, source)
    assert "guess" not in str(refused.value)
    assert not caplog.records


async def test_an_unknown_database_is_one_sentence(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    source = await connect(db, vault, tenant, cdp, database="nowhere")
    with pytest.raises(Misconfigured, match="has no database 'nowhere'"):
        await take(db, source)


async def test_a_server_that_is_not_there_is_one_sentence(db: Database, tenant: Tenant, vault: Vault, cdp: Cdp) -> None:
    source = await connect(db, vault, tenant, cdp, url="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await take(db, source)
