"""Memory: templates and tasks are found again by what they say, within one model and one tenant."""

import json
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from engine import lanes
from engine.db import Database
from engine.dispatch import Adapters
from engine.memory import (
    Embedder,
    LocalEmbedder,
    Point,
    Vector,
    embed_tasks,
    embed_templates,
    interests_of,
    locate,
    propose_templates,
    recall_tasks,
)
from engine.memory.choice import embedder_of
from engine.memory.gemini import AT_ONCE, GeminiEmbedder
from engine.memory.templates import Proposal, template_text
from engine.settings import Settings
from engine.think.contract import Call, ModelRefused, ModelUnavailable
from engine.worker import upkeep
from engine.worker.jobs import Hands
from rules.errors import Conflict, InvalidInput, Misconfigured, NotFound
from rules.words import Lane
from tests.conftest import Tenant
from tests.engine.gemini_embeddings import SECRET, GeminiStub, gemini_stub
from tests.engine.world import World

LOCAL = LocalEmbedder()


class Watched:
    """The local embedder, which notes what it was given and what the database saw meanwhile."""

    name = "hash-384-v1"

    def __init__(self, db: Database) -> None:
        self.db = db
        self.texts: list[str] = []
        self.open_transactions: list[int] = []

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self.texts += texts
        async with self.db.before_tenant() as conn:
            row = await (
                await conn.execute(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%%'"
                )
            ).fetchone()
        assert row is not None
        self.open_transactions.append(row["n"])
        return await LOCAL.embed(texts)

    async def close(self) -> None:
        """Nothing is open."""


class Choosy(LocalEmbedder):
    """Fails where a text says "broken"."""

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        if any("broken" in text for text in texts):
            raise ModelUnavailable("It is away.", remedy="Wait.")
        return await super().embed(texts)


@pytest.fixture
def world(db: Database, tenant: Tenant) -> World:
    return World(db, tenant)


@pytest.fixture
async def stub() -> AsyncIterator[GeminiStub]:
    async with gemini_stub() as started:
        yield started


@pytest.fixture
async def gemini(stub: GeminiStub) -> AsyncIterator[GeminiEmbedder]:
    embedder = GeminiEmbedder(api_key=SECRET, model="gemini-embedding-001", url=stub.url, within_s=5)
    yield embedder
    await embedder.close()


async def _remember(world: World, embedder: Embedder = LOCAL) -> int:
    return await embed_templates(world.db, embedder, tenant_id=world.tenant.tenant_id)


async def _proposed(world: World, text: str, embedder: Embedder = LOCAL, **more: Any) -> list[Proposal]:
    near = await locate(embedder, text)
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        return await propose_templates(conn, tenant_id=world.tenant.tenant_id, near=near, **more)


async def _templates(world: World) -> None:
    await world.template(key="birthday", subject="Chúc mừng sinh nhật", body="Quà sinh nhật dành cho bạn")
    await world.template(key="cart", subject="Bạn quên giỏ hàng", body="Giỏ hàng của bạn vẫn còn đây")
    await world.template("telegram", key="cart", body="Giỏ hàng đang chờ bạn")
    await world.template(key="draft", status="draft", subject="sinh nhật", body="sinh nhật")


async def _task(world: World, asked: str, *, status: str = "succeeded", calls: Sequence[Call] = ()) -> int:
    made = [{"place": place, "name": one.name, "arguments": one.arguments} for place, one in enumerate(calls)]
    return int(
        await world.one(
            "INSERT INTO agent_task (tenant_id, kind, status, request, summary, result) VALUES "
            "(leo_tenant(), 'text', %(status)s, %(request)s, 'Done.', %(result)s) RETURNING task_id",
            status=status,
            request=Jsonb({"text": asked}),
            result=Jsonb({"calls": made}),
        )
    )


# --- templates ---


async def test_a_template_is_proposed_to_a_text_that_shares_its_words(world: World) -> None:
    await _templates(world)
    assert await _remember(world) == 3
    found = await _proposed(world, "sinh nhat")
    assert [one.key for one in found] == ["birthday", "cart", "cart"]
    assert found[0].distance < 0.8 < found[1].distance


async def test_proposals_may_be_of_one_channel_and_are_as_many_as_asked(world: World) -> None:
    await _templates(world)
    await _remember(world)
    assert [one.channel for one in await _proposed(world, "giỏ hàng", channel="telegram")] == ["telegram"]
    assert len(await _proposed(world, "giỏ hàng", most=2)) == 2


async def test_a_template_is_embedded_again_only_when_what_it_says_changes(world: World) -> None:
    await _templates(world)
    assert [await _remember(world), await _remember(world)] == [3, 0]
    await world.rows("UPDATE message_template SET topics = '{tri ân}' WHERE key = 'birthday'")
    assert [await _remember(world), await _remember(world)] == [1, 0]
    assert (await _proposed(world, "tri ân"))[0].key == "birthday"


async def test_only_the_newest_approved_version_is_proposed(world: World) -> None:
    await world.template(key="tet", subject="Tết cũ", body="Tết cũ")
    await world.rows(
        "INSERT INTO message_template (tenant_id, key, channel, version, status, body_text) "
        "VALUES (leo_tenant(), 'tet', 'email', 2, 'approved', 'Tết'), (leo_tenant(), 'tet', 'email', 3, 'draft', 'x')"
    )
    await _remember(world)
    assert [one.version for one in await _proposed(world, "Tết")] == [2]


async def test_no_transaction_is_open_while_texts_are_embedded(world: World) -> None:
    await _templates(world)
    await _task(world, "chạy tet")
    watched = Watched(world.db)
    await _remember(world, watched)
    await embed_tasks(world.db, watched, tenant_id=world.tenant.tenant_id)
    assert watched.open_transactions == [0, 0]


def test_what_a_template_does_is_not_what_it_says() -> None:
    row = {
        "topics": ["sinh nhật"],
        "subject": "Chào {{ profile.name }}",
        "body_text": None,
        "body_html": "<style>p {color: red}</style><p class='x'>Quà &amp; thơ{% if a %} vui{% endif %}</p>",
    }
    assert template_text(row) == "sinh nhật\nChào Quà & thơ vui"


async def test_a_template_is_proposed_to_what_somebody_likes_and_nothing_personal_is_read(world: World) -> None:
    await _templates(world)
    await _remember(world)
    await world.people(1)
    attributes = Jsonb({"interests": ["giỏ hàng"], "email": "an@people.example", "full_name": "Lan"})
    await world.rows("UPDATE cdp_profiles SET attributes = %(attributes)s", attributes=attributes)
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        text = await interests_of(conn, tenant_id=world.tenant.tenant_id, ext_id="kh-1")
    assert text == "giỏ hàng"
    assert (await _proposed(world, text))[0].key == "cart"


async def test_nobody_and_somebody_of_whom_nothing_is_known_are_told_apart(world: World) -> None:
    await world.people(1)
    await world.rows("UPDATE cdp_profiles SET attributes = '{}'")
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        with pytest.raises(NotFound, match="kh-9"):
            await interests_of(conn, tenant_id=world.tenant.tenant_id, ext_id="kh-9")
        with pytest.raises(Conflict, match="kh-1"):
            await interests_of(conn, tenant_id=world.tenant.tenant_id, ext_id="kh-1")


async def test_a_text_without_a_word_has_no_place() -> None:
    with pytest.raises(InvalidInput):
        await locate(LOCAL, " ?! ")


# --- tasks ---


async def test_a_similar_task_is_recalled_with_the_calls_that_it_made(world: World) -> None:
    call = Call("pause_campaign", {"campaign": "tet"})
    paused = await _task(world, "Tạm dừng chiến dịch tết", calls=[call])
    await _task(world, "Đếm khách ở Huế")
    await _task(world, "Tạm dừng chiến dịch tết ngay", status="failed")
    tenant_id = world.tenant.tenant_id
    assert await embed_tasks(world.db, LOCAL, tenant_id=tenant_id) == 2
    assert await embed_tasks(world.db, LOCAL, tenant_id=tenant_id) == 0
    near = await locate(LOCAL, "dừng chiến dịch tết")
    async with world.db.transaction(tenant_id) as conn:
        found = await recall_tasks(conn, tenant_id=tenant_id, near=near)
    assert [one.task_id for one in found][:1] == [paused]
    assert len(found) == 2
    assert (found[0].calls, found[0].asked) == ((call,), "Tạm dừng chiến dịch tết")


# --- the worker ---


async def test_the_worker_remembers_templates_and_tasks_and_goes_on_where_one_tenant_fails(
    world: World, other_tenant: Tenant, settings: Settings, redis_url: str
) -> None:
    await _templates(world)
    await _task(world, "chạy tet")
    other = World(world.db, other_tenant)
    await other.template(key="broken", body="broken")
    client, adapters = lanes.connect(redis_url, lane=Lane.BULK), Adapters.of(settings)
    hands = Hands(world.db, adapters, client, lane=Lane.BULK, owner="a test")
    hands.embedder = Choosy()
    try:
        await upkeep.embed({"hands": hands})
    finally:
        await adapters.aclose()
        await client.aclose()
    counts = "SELECT (SELECT count(embedding) FROM message_template) + (SELECT count(embedding) FROM agent_task) AS n"
    assert (await world.one(counts), await other.one(counts)) == (4, 0)


# --- borders ---


async def test_another_tenant_is_proposed_nothing_of_ours(world: World, other_tenant: Tenant) -> None:
    await _templates(world)
    await _task(world, "sinh nhật")
    await _remember(world)
    await embed_tasks(world.db, LOCAL, tenant_id=world.tenant.tenant_id)
    other = World(world.db, other_tenant)
    assert await _proposed(other, "sinh nhật") == []
    near = await locate(LOCAL, "sinh nhật")
    async with world.db.transaction(other_tenant.tenant_id) as conn:
        # Also where the wrong tenant is named.
        assert await recall_tasks(conn, tenant_id=world.tenant.tenant_id, near=near) == []


async def test_vectors_of_different_models_are_never_compared(world: World, gemini: GeminiEmbedder) -> None:
    await _templates(world)
    await _remember(world)
    assert await _proposed(world, "sinh nhật", gemini) == []
    assert await _remember(world, gemini) == 3
    assert len(await _proposed(world, "sinh nhật", gemini)) == 3
    assert await _proposed(world, "sinh nhật") == []


# --- Gemini ---


async def test_gemini_gives_a_vector_of_length_1_for_each_text_in_batches(
    gemini: GeminiEmbedder, stub: GeminiStub
) -> None:
    texts = [f"mẫu {number}" for number in range(AT_ONCE + 1)]
    vectors = await gemini.embed(texts)
    assert [len(body["requests"]) for body in stub.asked] == [AT_ONCE, 1]
    assert {len(vector) for vector in vectors} == {384}
    assert all(math.isclose(math.hypot(*vector), 1) for vector in vectors)
    assert stub.asked[1]["requests"][0]["content"]["parts"] == [{"text": texts[-1]}]
    assert set(stub.keys) == {SECRET}


async def test_newer_models_of_gemini_also_give_a_vector_for_each_text(stub: GeminiStub) -> None:
    """The library folds plain texts into one content for them, and one vector would come back."""
    embedder = GeminiEmbedder(api_key=SECRET, model="gemini-embedding-2", url=stub.url)
    try:
        assert len(await embedder.embed(["một", "hai", "ba"])) == 3
    finally:
        await embedder.close()


QUOTA = {
    "error": {
        "code": 429,
        "status": "RESOURCE_EXHAUSTED",
        "message": f"quota of {SECRET}",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "53s"},
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "PerMinute"}]},
        ],
    }
}


async def test_gemini_that_is_asked_too_often_says_when_to_come_again(gemini: GeminiEmbedder, stub: GeminiStub) -> None:
    stub.failure = (429, json.dumps(QUOTA))
    with pytest.raises(ModelUnavailable) as caught:
        await gemini.embed(["a"])
    assert (caught.value.retry_after, caught.value.is_spent) == (53.0, False)
    stub.failure = (429, json.dumps(QUOTA).replace("PerMinute", "EmbedRequestsPerDayPerProject"))
    with pytest.raises(ModelUnavailable) as caught:
        await gemini.embed(["a"])
    assert caught.value.is_spent


@pytest.mark.parametrize(
    ("status", "text", "raised"),
    [
        (500, "<html>oops</html>", ModelUnavailable),
        (200, "no json", ModelUnavailable),
        (200, "{}", ModelRefused),
        (403, json.dumps({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": SECRET}}), ModelRefused),
    ],
)
async def test_what_goes_wrong_at_gemini_is_our_error_without_the_secret(
    gemini: GeminiEmbedder, stub: GeminiStub, status: int, text: str, raised: type[ModelUnavailable]
) -> None:
    stub.failure = (status, text)
    with pytest.raises(ModelUnavailable) as caught:
        await gemini.embed(["a"])
    assert type(caught.value) is raised
    assert SECRET not in str(caught.value)


async def test_gemini_that_does_not_answer_is_not_waited_for(stub: GeminiStub) -> None:
    stub.is_silent = True
    embedder = GeminiEmbedder(api_key=SECRET, model="gemini-embedding-001", url=stub.url, within_s=0.2)
    try:
        with pytest.raises(ModelUnavailable, match="too long"):
            await embedder.embed(["a"])
    finally:
        await embedder.close()


async def test_gemini_that_gives_other_dimensions_is_refused(gemini: GeminiEmbedder, stub: GeminiStub) -> None:
    stub.dimensions = 768
    with pytest.raises(ModelRefused, match="384"):
        await gemini.embed(["a"])


async def test_gemini_that_is_not_there_is_unavailable_and_nothing_is_written(world: World) -> None:
    await _templates(world)
    embedder = GeminiEmbedder(api_key=SECRET, model="gemini-embedding-001", url="http://127.0.0.1:9", within_s=2)
    try:
        with pytest.raises(ModelUnavailable):
            await _remember(world, embedder)
    finally:
        await embedder.close()
    assert await world.one("SELECT count(*) AS n FROM message_template WHERE embedding IS NOT NULL") == 0


# --- the choice ---


def test_texts_stay_here_unless_a_model_is_named(settings: Settings) -> None:
    assert isinstance(embedder_of(settings), LocalEmbedder)


async def test_gemini_is_chosen_by_its_model_and_needs_a_key(settings: Settings) -> None:
    named = settings.model_copy(update={"embedding_model": "gemini-embedding-001", "gemini_api_key": None})
    with pytest.raises(Misconfigured, match="LEO_EMBEDDING_MODEL"):
        embedder_of(named)
    embedder = embedder_of(named.model_copy(update={"gemini_api_key": SecretStr(SECRET)}))
    assert embedder.name == "gemini-embedding-001:384"
    await embedder.close()


def test_a_point_carries_its_model() -> None:
    assert Point("a", "[1]") != Point("b", "[1]")
