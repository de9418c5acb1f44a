"""A model chooses: asked before the batch is decided, and believed only in the very context that it saw."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import lanes
from engine.activate import activate_profile
from engine.campaigns import list_runs, start_run
from engine.db import Database
from engine.decide import BatchState, Decided, decide_batch
from engine.dispatch import Adapters
from engine.explain.replay import replay
from engine.settings import Settings
from engine.think.ask import UNASKED, Thought, think
from engine.think.contract import Answer, ModelUnavailable, Question, Reply, Request
from engine.think.gateway import Gateway
from engine.worker.deciding import decide
from engine.worker.jobs import Hands
from rules.errors import Conflict
from rules.words import Action, Arbiter, Lane, RunKind
from tests.conftest import Tenant
from tests.engine.world import ALWAYS, World, simple_world

NOW = datetime(2026, 6, 1, 5, 0, tzinfo=UTC)  # noon in Vietnam
MODEL_FIRST = {**ALWAYS, "arbitration": {"order": ["functiongemma", "gemini", "score"], "within_ms": 500}}


@pytest.fixture
async def adapters(settings: Settings) -> AsyncIterator[Adapters]:
    opened = Adapters.of(settings)
    yield opened
    await opened.aclose()


def last(question: Question) -> int:
    """Choose the last call: to do nothing, which the score never does here."""
    return len(question.calls) - 1


def fail(_question: Question) -> int:
    raise ModelUnavailable("The model is not there.", remedy="Start it.")


@dataclass(slots=True)
class Scripted:
    """A model that answers by a function of the question, and remembers what it was asked."""

    choice: Callable[[Question], int] = last
    arbiter: Arbiter = Arbiter.FUNCTIONGEMMA
    model: str = "scripted-1"
    cost: float = 0.0
    delay_s: float = 0.0
    asked: list[Question] = field(default_factory=list)
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def choose(self, question: Question, *, within_s: float) -> Answer:
        del within_s
        self.asked.append(question)
        self.is_asked.set()
        await asyncio.sleep(self.delay_s)
        return Answer(
            place=self.choice(question), model=self.model, prompt_hash=b"p" * 32, latency_ms=10.0, cost=self.cost
        )

    async def call(self, request: Request, *, within_s: float) -> Reply:
        raise NotImplementedError

    async def close(self) -> None:
        return None


def gateway_of(*models: Scripted) -> Gateway:
    return Gateway({model.arbiter: model for model in models})


async def asking(world: World, gateway: Gateway, batch_id: int, clock: Callable[[], datetime] = lambda: NOW) -> Thought:
    return await think(world.db, gateway, tenant_id=world.tenant.tenant_id, batch_id=batch_id, clock=clock)


async def deciding(world: World, batch_id: int, thought: Thought | None, now: datetime = NOW) -> Decided:
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await decide_batch(conn, tenant_id=world.tenant.tenant_id, batch_id=batch_id, now=now, thought=thought)


async def make_distinct(world: World) -> None:
    """Give everybody an interest of their own: no two look the same to a model."""
    await world.rows(
        """
        WITH topics AS (
            INSERT INTO relation_target (tenant_id, kind, key, name)
            SELECT leo_tenant(), 'Topic', ext_id, ext_id FROM cdp_profiles RETURNING target_id, key
        )
        INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id)
        SELECT leo_tenant(), p.profile_id, 'INTERESTED_IN', topics.target_id
        FROM cdp_profiles p JOIN topics ON topics.key = p.ext_id
        """
    )


async def arbitrations(world: World) -> Sequence[Mapping[str, Any]]:
    rows = await world.rows("SELECT arbitration FROM decision ORDER BY decided_at, profile_id")
    return [row["arbitration"] for row in rows]


async def test_a_batch_that_wants_a_model_waits_until_somebody_asked(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await deciding(world, batch_id, None)).state is BatchState.UNTHOUGHT
    assert await world.decisions() == []
    model = Scripted()
    thought = await asking(world, gateway_of(model), batch_id)
    assert (await deciding(world, batch_id, thought)).actions == {"do_nothing": 3}
    assert {one["reason"] for one in await world.decisions()} == {"chosen"}
    assert {one["arbiter"] for one in await world.decisions()} == {"functiongemma"}
    assert all(one["model_hash"] is not None for one in await world.decisions())
    assert {one["detail"]["model"] for one in await arbitrations(world)} == {"scripted-1"}


async def test_a_policy_that_names_only_the_score_asks_nobody(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await deciding(world, batch_id, None)).state is BatchState.DECIDED


async def test_who_looks_the_same_to_a_model_is_asked_about_once(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=20, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    model = Scripted()
    decided = await deciding(world, batch_id, await asking(world, gateway_of(model), batch_id))
    assert (len(model.asked), decided.actions) == (1, {"do_nothing": 20})


async def test_who_has_nothing_to_choose_is_not_asked_about(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=MODEL_FIRST)
    await world.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE profile_id = %(p)s", p=people[0])
    _, (batch_id,) = await world.run(campaign_id, people)
    model = Scripted()
    thought = await asking(world, gateway_of(model), batch_id)
    decided = await deciding(world, batch_id, thought)
    assert decided.reasons == {"unknown_profile": 1, "chosen": 2}


async def test_the_same_context_is_asked_about_once_and_the_decision_says_so(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=4, policy=MODEL_FIRST)
    model = Scripted()
    gateway = gateway_of(model)
    _, (first,) = await world.run(campaign_id, people)
    await deciding(world, first, await asking(world, gateway, first))
    known = len(model.asked)
    _, (second,) = await world.run(campaign_id, people)
    await deciding(world, second, await asking(world, gateway, second), NOW + timedelta(minutes=1))
    assert len(model.asked) == known
    told = await arbitrations(world)
    assert [one.get("remembered", False) for one in told] == [False] * 4 + [True] * 4


async def test_an_answer_survives_the_worker_that_asked(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    await asking(world, gateway_of(Scripted()), batch_id)  # and the worker dies
    model = Scripted(fail)
    decided = await deciding(world, batch_id, await asking(world, gateway_of(model), batch_id))
    assert (decided.actions, model.asked) == ({"do_nothing": 3}, [])


async def test_an_answer_in_another_context_is_not_taken(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    thought = await asking(world, gateway_of(Scripted()), batch_id)
    await world.rows("UPDATE cdp_profiles SET locale = 'en'")
    assert (await deciding(world, batch_id, thought)).actions == {"send": 1}
    (told,) = await arbitrations(world)
    assert told["arbiter"] == "score"
    assert [arbiter for arbiter, _ in told["passed_over"]] == ["functiongemma", "gemini"]


async def test_an_answer_of_another_model_is_not_taken(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    await asking(world, gateway_of(Scripted()), batch_id)
    thought = Thought({Arbiter.FUNCTIONGEMMA: "scripted-2"})
    assert (await deciding(world, batch_id, thought)).actions == {"send": 1}


async def test_the_next_in_order_chooses_where_one_fails_and_both_are_told(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    gateway = gateway_of(Scripted(fail), Scripted(arbiter=Arbiter.GEMINI, model="hosted-1"))
    decided = await deciding(world, batch_id, await asking(world, gateway, batch_id))
    assert decided.actions == {"do_nothing": 2}
    told = await arbitrations(world)
    assert {one["arbiter"] for one in told} == {"gemini"}
    assert {tuple(passed) for one in told for passed in one["passed_over"]} == {
        ("functiongemma", "The model is not there.")
    }


async def test_without_any_model_the_score_chooses_and_says_whom_it_stands_for(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=1, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    assert (await deciding(world, batch_id, UNASKED)).actions == {"send": 1}
    (told,) = await arbitrations(world)
    assert [arbiter for arbiter, _ in told["passed_over"]] == ["functiongemma", "gemini"]


@pytest.mark.parametrize("place", [-1, 2, 99])
async def test_a_hostile_model_cannot_cause_what_a_gate_refused(db: Database, tenant: Tenant, place: int) -> None:
    world = World(db, tenant)
    await world.connect("email")
    await world.connect("telegram", token="1:a")
    templates = [await world.template("email"), await world.template("telegram")]
    campaign_id = await world.campaign(templates=templates, policy=MODEL_FIRST)
    people = await world.people(3, channels=("email",))
    _, (batch_id,) = await world.run(campaign_id, people)
    model = Scripted(lambda _question: place)
    await deciding(world, batch_id, await asking(world, gateway_of(model), batch_id))
    assert {len(asked.calls) for asked in model.asked} == {2}
    assert {one["channel"] for one in await world.deliveries()} == {"email"}
    assert {one["arbiter"] for one in await arbitrations(world)} == {"score"}


async def test_a_forged_answer_cannot_cause_what_a_gate_refused(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=2, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    thought = await asking(world, gateway_of(Scripted()), batch_id)
    await world.rows("UPDATE model_answer SET answer = jsonb_set(answer, '{place}', '7')")
    assert (await deciding(world, batch_id, thought)).actions == {"send": 2}
    assert {one["arbiter"] for one in await arbitrations(world)} == {"score"}


async def test_a_decision_of_a_model_replays_as_it_was(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    await deciding(world, batch_id, await asking(world, gateway_of(Scripted()), batch_id))
    for decision in await world.decisions():
        async with db.transaction(tenant.tenant_id) as conn:
            again = await replay(conn, tenant_id=tenant.tenant_id, decision_id=decision["decision_id"])
        assert again.is_same, again


async def test_a_run_that_is_paused_is_asked_about_no_further(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=30, policy=MODEL_FIRST)
    await make_distinct(world)
    _, (batch_id,) = await world.run(campaign_id, people)
    model = Scripted(delay_s=0.01)
    asked = asyncio.create_task(asking(world, gateway_of(model), batch_id))
    await model.is_asked.wait()
    await world.rows("UPDATE campaign_run SET status = 'paused'")
    thought = await asked
    assert 0 < len(model.asked) < len(people)
    assert (await deciding(world, batch_id, thought)).state is BatchState.HELD


async def test_money_for_models_that_is_used_up_stops_the_asking(db: Database, tenant: Tenant) -> None:
    policy = {**MODEL_FIRST, "arbitration": {**MODEL_FIRST["arbitration"], "budget": {"cost": 10}}}
    world, campaign_id, people = await simple_world(db, tenant, people=30, policy=policy)
    await make_distinct(world)
    _, (batch_id,) = await world.run(campaign_id, people)
    model = Scripted(cost=1.0)
    decided = await deciding(world, batch_id, await asking(world, gateway_of(model), batch_id))
    assert decided.actions == {"do_nothing": 16, "send": 14}
    said = {one["passed_over"][0][1] for one in await arbitrations(world) if one["arbiter"] == "score"}
    assert said == {"The run's money for models is used up."}


async def test_a_run_beyond_its_models_budget_does_not_start_and_says_why(db: Database, tenant: Tenant) -> None:
    policy = {**MODEL_FIRST, "arbitration": {**MODEL_FIRST["arbitration"], "budget": {"hours": 0.001}}}
    world, campaign_id, people = await simple_world(db, tenant, people=10, policy=policy)
    with pytest.raises(Conflict, match=r"functiongemma would take 1 s for each of 10 people: 0.00278 hours"):
        async with db.transaction(tenant.tenant_id) as conn:
            await start_run(
                conn,
                tenant_id=tenant.tenant_id,
                campaign_id=campaign_id,
                kind=RunKind.REQUEST,
                lane=Lane.BULK,
                profile_ids=people,
            )
    assert await world.rows("SELECT FROM campaign_run") == []


async def test_a_run_keeps_its_forecast_and_tells_who_decided(db: Database, tenant: Tenant) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=4, policy=MODEL_FIRST)
    async with db.transaction(tenant.tenant_id) as conn:
        run = await start_run(
            conn,
            tenant_id=tenant.tenant_id,
            campaign_id=campaign_id,
            kind=RunKind.REQUEST,
            lane=Lane.BULK,
            profile_ids=people,
        )
    forecast = await world.one("SELECT forecast FROM campaign_run")
    assert forecast["people"] == 4
    assert [one["arbiter"] for one in forecast["arbiters"]] == ["functiongemma", "gemini"]
    await world.rows("UPDATE cdp_profiles SET status = 'deleted' WHERE profile_id = %(p)s", p=people[0])
    (batch_id,) = run.batch_ids
    await deciding(world, batch_id, await asking(world, gateway_of(Scripted()), batch_id))
    async with db.transaction(tenant.tenant_id) as conn:
        (figures,) = await list_runs(conn, tenant_id=tenant.tenant_id, campaign_id=campaign_id)
    assert figures.arbiters == {"functiongemma": 3, "nobody": 1}


async def test_a_worker_asks_before_it_decides(
    db: Database, tenant: Tenant, redis_url: str, adapters: Adapters
) -> None:
    world, campaign_id, people = await simple_world(db, tenant, people=3, policy=MODEL_FIRST)
    _, (batch_id,) = await world.run(campaign_id, people)
    client = lanes.connect(redis_url, lane=Lane.BULK)
    hands = Hands(db, adapters, client, lane=Lane.BULK, owner="a test")
    hands.gateway = gateway_of(Scripted())
    try:
        await decide({"hands": hands, "job_id": "a test"}, str(tenant.tenant_id), batch_id)
    finally:
        await client.aclose()
    assert {one["arbiter"] for one in await world.decisions()} == {"functiongemma"}


async def test_who_is_decided_for_at_once_is_thought_about_too(
    db: Database, tenant: Tenant, adapters: Adapters
) -> None:
    world, campaign_id, _ = await simple_world(db, tenant, people=1, policy=MODEL_FIRST)
    done = await activate_profile(
        db,
        adapters,
        tenant_id=tenant.tenant_id,
        campaign_id=campaign_id,
        ext_id="kh-1",
        gateway=gateway_of(Scripted()),
    )
    assert (done.action, done.reason) == (Action.DO_NOTHING, "chosen")
    assert {one["arbiter"] for one in await world.decisions()} == {"functiongemma"}
