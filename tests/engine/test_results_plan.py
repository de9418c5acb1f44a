"""What came of a claim is written by the ids of its messages, whatever PostgreSQL thinks it knows of the log."""

import psycopg
from psycopg.types.json import Jsonb

from engine import clock
from engine.queries import queries
from tests.engine.acting import acting
from tests.engine.acts import OWNER, Act

# Of so many rows the planner thinks 200 are one tenant's, and none of those in hand.
SENT = 40_000
COPIES = """
INSERT INTO delivery_log (tenant_id, decision_id, campaign_id, run_id, profile_id, event_id, channel, channel_id,
    template_id, address, lane, status)
SELECT d.tenant_id, d.decision_id, d.campaign_id, d.run_id, d.profile_id, sha256(int8send(n)), d.channel, d.channel_id,
    d.template_id, d.address, d.lane, 'sent'
FROM (SELECT * FROM delivery_log WHERE tenant_id = %(tenant_id)s LIMIT 1) AS d, generate_series(1, %(sent)s) n
"""


async def test_what_came_of_a_claim_is_written_by_ids_while_a_first_campaign_runs(act: Act, admin_url: str) -> None:
    await act.queue(64)
    tenant_id, deliveries = act.world.tenant.tenant_id, await act.world.deliveries()
    with psycopg.connect(admin_url, autocommit=True) as administrator:
        # What is copied has been sent long ago: neither the graph nor the tallies are asked about it here.
        administrator.execute("SET session_replication_role = replica")
        administrator.execute("UPDATE delivery_log SET status = 'sent' WHERE tenant_id = %s", (tenant_id,))
        administrator.execute(COPIES, {"tenant_id": tenant_id, "sent": SENT})
        administrator.execute("ANALYZE delivery_log")
    rows = [
        {
            "delivery_id": one["delivery_id"],
            "number": 1,
            "status": "sent",
            "receipt": "accepted",
            "setback": 0,
            "pinned": False,
        }
        for one in deliveries
    ]
    given = {"rows": Jsonb(rows), "now": clock.now(), "owner": OWNER}
    with acting(admin_url, "leo_app", tenant_id) as connection:
        plan = "\n".join(row[0] for row in connection.execute("EXPLAIN " + queries("dispatch")["results"], given))
    assert "Index Scan using delivery_log_pkey" in plan, plan
    assert "delivery_log_run_idx" not in plan, plan
