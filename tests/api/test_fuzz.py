"""The contract, attacked with what a generator makes of it: data that fits and data that does not, over the real wire.

schemathesis reads docs/openapi.json, sends each operation requests that the contract calls right and wrong, and holds
every answer to it: no failure of ours, no status, type or document that is not named there.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as examples
from hypothesis import strategies as st
from psycopg.rows import dict_row
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import contract
from engine.db import Database
from engine.settings import Settings
from engine.tenants import ALL_SCOPES, create_api_key, create_tenant
from tests.conftest import Tenant
from tests.every_table import fill

ROOT = Path(contract.__file__).parent.parent
SCHEMA = schemathesis.openapi.from_path(str(ROOT / contract.FILE))
OPERATIONS = {
    # An operation that cannot be read has no `ok`, and fails here.
    one.ok().definition.raw["operationId"]: one.ok()  # type: ignore[union-attr]
    for one in SCHEMA.get_all_operations()
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Of each kind of data: two thousand requests take two minutes of a busy machine's two cores, so each run tries the same
# few; `make fuzz` tries many, others each time.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
CALL_S = 20.0
# What would be named in a path by a caller who has records; half of the calls name one.
IDS = """
SELECT campaign_id, decision_id, d.template_id, 'theirs-1' AS ext_id, 'theirs' AS key, 1 AS version,
    (SELECT snapshot_id FROM segment_snapshot) AS snapshot_id, (SELECT snapshot_id FROM segment_snapshot) AS other,
    (SELECT delivery_id FROM delivery_log) AS delivery_id, (SELECT saved_id FROM saved_query) AS saved_id,
    (SELECT min(channel_id) FROM channel) AS channel_id, (SELECT min(duplicate_id) FROM duplicate) AS duplicate_id,
    (SELECT callback_id FROM callback) AS callback_id, (SELECT task_id FROM agent_task) AS task_id
FROM decision d
"""
# A stream of a record that is there has no end.
ENDLESS = {"followTask", "watchCampaign", "openInbox"}


@dataclass(frozen=True, slots=True)
class Target:
    """An API process with a tenant that has a row in every table, and a key that may do all."""

    url: str
    headers: Mapping[str, str]
    ids: Mapping[str, Any]
    session: requests.Session


@pytest.fixture(scope="module")
def process(settings: Settings) -> Iterator[str]:
    environment = {**settings.environment(), "LEO_API_PORT": "0", "LEO_LOG_LEVEL": "error"}
    with subprocess.Popen(
        [sys.executable, "-m", "api"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        yield running.stdout.readline().decode().strip()
        running.terminate()
        assert running.wait(20) == 0


@pytest.fixture(scope="module")
async def target(process: str, db: Database, admin_url: str) -> AsyncIterator[Target]:
    tenant = Tenant(uuid4(), f"f{token_hex(6)}")
    async with db.transaction(tenant.tenant_id) as conn:
        await create_tenant(conn, tenant_id=tenant.tenant_id, slug=tenant.slug, name="Attacked")
        key = await create_api_key(conn, tenant_id=tenant.tenant_id, name="fuzz", scopes=ALL_SCOPES)
    fill(admin_url, tenant)
    with psycopg.connect(admin_url, row_factory=dict_row) as connection:
        connection.execute("SELECT '0'::ag_catalog.agtype")
        connection.execute("SELECT set_config('leo.tenant', %s, false)", (str(tenant.tenant_id),))
        connection.execute("SET ROLE leo_app")
        ids = connection.execute(IDS).fetchone()
    assert ids is not None
    # One connection that is kept, not one for each request.
    with requests.Session() as session:
        yield Target(process, {"Authorization": f"Bearer {key.secret}"}, ids, session)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_one_that_the_contract_names(target: Target, name: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[name]

    @seed(SEED)
    @examples(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_there=st.booleans())
    def attack(case: schemathesis.Case[Any], is_there: bool) -> None:  # noqa: FBT001
        if is_there and name not in ENDLESS:
            case.path_parameters.update({key: target.ids[key] for key in case.path_parameters if key in target.ids})
        headers = dict(target.headers)
        case.call_and_validate(
            base_url=target.url, headers=headers, checks=CHECKS, timeout=CALL_S, session=target.session
        )

    attack()
