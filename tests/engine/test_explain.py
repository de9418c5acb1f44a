"""A decision explained and replayed: the whole funnel, the rule, the proof, and what changed if anything did."""

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from engine import explain
from engine.db import Database
from engine.explain import Explained, Replayed
from engine.explain.replay import DECIDED_OTHERWISE, INPUTS_ALTERED, POLICY_GONE
from rules.conditions import Language
from rules.errors import NotFound
from rules.words import Gate
from tests.conftest import Tenant
from tests.engine.acting import acting
from tests.engine.explaining import NIGHT, QUIET, decided, two_channels
from tests.engine.world import World, simple_world


async def explained(world: World, decision_id: int, language: Language = Language.EN) -> Explained:
    async with world.db.transaction(world.tenant.tenant_id, read_only=True) as conn:
        return await explain.explain_decision(
            conn, tenant_id=world.tenant.tenant_id, decision_id=decision_id, language=language
        )


async def replayed(world: World, decision_id: int) -> Replayed:
    async with world.db.transaction(world.tenant.tenant_id, read_only=True) as conn:
        return await explain.replay(conn, tenant_id=world.tenant.tenant_id, decision_id=decision_id)


def forge(admin_url: str, tenant: Tenant, statement: str, **values: Any) -> None:
    """Change decisions as only an administrator can, who takes the guard off and puts it back."""
    with acting(admin_url, "superuser", tenant.tenant_id) as connection:
        connection.execute("ALTER TABLE decision DISABLE TRIGGER decision_prevent_change")
        connection.execute(statement, values)
        connection.execute("ALTER TABLE decision ENABLE ALWAYS TRIGGER decision_prevent_change")


async def test_every_candidate_is_told_with_the_gate_that_stopped_it(db: Database, tenant: Tenant) -> None:
    world, campaign_id = await two_channels(db, tenant)
    (row,) = await decided(world, campaign_id, await world.people(1))
    found = await explained(world, row["decision_id"])
    mail, telegram, nothing = found.candidates
    assert (mail.is_chosen, mail.dropped_at) == (True, None)
    assert (telegram.is_chosen, telegram.dropped_at) == (False, Gate.UNREACHABLE)
    assert (nothing.is_chosen, nothing.dropped_at, nothing.verdict.eligible) == (False, None, True)
    assert [(one.reason.gate, bool(one.rule)) for one in telegram.against] == [(Gate.UNREACHABLE, True)]
    document = found.to_document()
    assert document["candidates"][1]["reasons"][0]["text"] == "No telegram address is known."
    assert document["candidates"][0]["score_parts"] == {"channel": 1.0}


async def test_a_refusal_stands_with_the_policys_rule_that_it_comes_from(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=QUIET)
    (row,) = await decided(world, campaign_id, people, now=NIGHT)
    (mail, _) = (await explained(world, row["decision_id"])).candidates
    rule = "From 21:00 to 08:00 where the person is nothing goes out; it waits until 08:00."
    assert [one.rule for one in mail.against] == [rule]


async def test_the_funnel_loses_each_candidate_once_and_ends_with_the_eligible(db: Database, tenant: Tenant) -> None:
    world, campaign_id = await two_channels(db, tenant)
    (row,) = await decided(world, campaign_id, await world.people(1))
    found = await explained(world, row["decision_id"])
    assert [stage.gate for stage in found.funnel] == list(Gate)
    assert {stage.gate: stage.stopped for stage in found.funnel if stage.stopped} == {Gate.UNREACHABLE: 1}
    assert (found.funnel[0].entered, found.funnel[-1].left) == (2, 1)


@pytest.mark.parametrize(
    ("language", "words"),
    [(Language.EN, ("gets nothing", "before 2026-06-02 08:00")), (Language.VI, ("chưa nhận gì", "02/06/2026 08:00"))],
)
async def test_the_summary_says_it_in_the_readers_language_and_the_persons_clock(
    db: Database, tenant: Tenant, language: Language, words: tuple[str, str]
) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=QUIET)
    (row,) = await decided(world, campaign_id, people, now=NIGHT)
    found = await explained(world, row["decision_id"], language)
    assert all(word in found.summary for word in ("kh-1", *words))


async def test_every_kind_of_decision_replays_the_same(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=24, policy=QUIET, control_share=0.5)
    people += await world.people(12, prefix="la-", zone="America/Los_Angeles")
    rows = await decided(world, campaign_id, people, now=NIGHT)
    assert {row["action"] for row in rows} == {"send", "wait", "do_nothing"}
    found = [await replayed(world, row["decision_id"]) for row in rows]
    assert [one.differences for one in found if not one.is_same] == []


async def test_replay_takes_the_stored_policy_not_the_one_in_force(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    (row,) = await decided(world, campaign_id, people)
    await world.policy({"caps": [{"limit": 0, "days": 1}]}, key="policy of tet", version=2)
    assert (await replayed(world, row["decision_id"])).is_same


async def test_replay_names_a_policy_that_is_gone(db: Database, tenant: Tenant, admin_url: str) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    (row,) = await decided(world, campaign_id, people)
    forge(admin_url, tenant, "UPDATE decision SET policy_version = 7 WHERE decision_id = %(d)s", d=row["decision_id"])
    found = await replayed(world, row["decision_id"])
    assert (found.is_same, found.changed) == (False, (POLICY_GONE,))


async def test_replay_names_inputs_that_are_not_those_that_were_hashed(
    db: Database, tenant: Tenant, admin_url: str
) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    (row,) = await decided(world, campaign_id, people)
    altered = {**row["inputs"], "facts": {**row["inputs"]["facts"], "attributes": {"city": "Huế"}}}
    forge(
        admin_url,
        tenant,
        "UPDATE decision SET inputs = %(i)s WHERE decision_id = %(d)s",
        i=Jsonb(altered),
        d=row["decision_id"],
    )
    found = await replayed(world, row["decision_id"])
    assert INPUTS_ALTERED in found.changed
    assert not (await explained(world, row["decision_id"])).record.is_proven


async def test_replay_names_each_place_that_comes_out_otherwise(db: Database, tenant: Tenant, admin_url: str) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=QUIET)
    (row,) = await decided(world, campaign_id, people, now=NIGHT)
    candidates = row["candidates"]
    candidates[0]["reasons"][0]["text"] = "It was another sentence then."
    forge(
        admin_url,
        tenant,
        "UPDATE decision SET candidates = %(c)s WHERE decision_id = %(d)s",
        c=Jsonb(candidates),
        d=row["decision_id"],
    )
    found = await replayed(world, row["decision_id"])
    assert found.changed == (DECIDED_OTHERWISE,)
    assert [(one.place, one.stored) for one in found.differences] == [
        ("verdicts[0].reasons[0].text", "It was another sentence then.")
    ]


async def test_another_tenants_decision_is_not_there(db: Database, tenant: Tenant, other_tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1)
    (row,) = await decided(world, campaign_id, people)
    async with db.transaction(other_tenant.tenant_id) as conn:
        with pytest.raises(NotFound):
            await explain.explain_decision(conn, tenant_id=other_tenant.tenant_id, decision_id=row["decision_id"])
