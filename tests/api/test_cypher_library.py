"""Each audit query of the library, on a story with one of everything it asks for."""

from dataclasses import dataclass
from typing import Any

import pytest

from engine import explorer
from engine.credentials import Vault
from engine.db import Database
from engine.embedded import Servers
from engine.explorer import Asker
from graph.library import audits
from tests.conftest import Tenant
from tests.engine import journeys


@dataclass(frozen=True, slots=True)
class Story:
    """Lan bought after an abandoned cart, Mai got a message and did not open it, Hoa was held back by quiet hours."""

    lan: journeys.Made
    mai: journeys.Made
    hoa: journeys.Made


@pytest.fixture
async def story(db: Database, tenant: Tenant) -> Story:
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await journeys.base(connection)
        lan, mai, hoa = [await journeys.person(connection, name) for name in ("lan", "mai", "hoa")]
        made = Story(
            await journeys.journey(
                connection, ground, lan, kind="event", event="cart-1", outcomes=("delivered", "read", "bought")
            ),
            await journeys.journey(connection, ground, mai, outcomes=("delivered",)),
            await journeys.journey(connection, ground, hoa, action="wait", reason="quiet_hours", status=None),
        )
        # A message that nothing is known of, a decision without a message, a friend, a twin, a segment, a purchase.
        await journeys.journey(connection, ground, mai, kind="request", day=1)
        await journeys.journey(connection, ground, hoa, kind="request", status=None, day=1)
        people = {"lan": lan, "mai": mai, "hoa": hoa}
        for statement in MORE:
            await connection.execute(statement, people)
    return made


MORE = (
    (
        "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_profile_id, weight)"
        " VALUES (leo_tenant(), %(hoa)s, 'KNOWS', %(lan)s, 1)"
    ),
    (
        "INSERT INTO duplicate (tenant_id, profile_id, other_id, channel)"
        " VALUES (leo_tenant(), least(%(lan)s, %(mai)s), greatest(%(lan)s, %(mai)s), 'email')"
    ),
    (
        "INSERT INTO duplicate (tenant_id, profile_id, other_id, channel, status, decided_at, decided_by)"
        " VALUES (leo_tenant(), least(%(hoa)s, %(mai)s), greatest(%(hoa)s, %(mai)s), 'email', 'merged', now(), 'me')"
    ),
    (
        "INSERT INTO segment_member (tenant_id, segment_id, profile_id)"
        " SELECT leo_tenant(), segment_id, %(lan)s FROM segment"
    ),
    (
        "WITH x AS (INSERT INTO relation_target (tenant_id, kind, key, name)"
        " VALUES (leo_tenant(), 'Product', 'tea', 'Trà') RETURNING target_id), t AS ("
        "INSERT INTO relation_target (tenant_id, kind, key, name)"
        " VALUES (leo_tenant(), 'Touchpoint', 'store', 'Cửa hàng') RETURNING target_id)"
        "INSERT INTO profile_relation (tenant_id, profile_id, kind, target_id, weight)"
        " SELECT leo_tenant(), %(lan)s, 'BOUGHT', target_id, 1 FROM x"
        " UNION ALL SELECT leo_tenant(), %(lan)s, 'ENGAGED', target_id, 1 FROM t"
    ),
)


def expected(story: Story) -> dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]]:
    """Give for each query what it is asked with, and the columns that stand before the paths."""
    lan, mai, hoa = story.lan, story.mai, story.hoa
    welcome = {"campaign": "welcome"}
    outcomes = ("delivered", "read", "bought")
    return {
        "journey_of_person": (
            {"ext_id": "lan"},
            [(AT, "welcome", "send", "chosen", "email", outcome) for outcome in outcomes],
        ),
        "journey_of_event": (
            {"event_id": lan.event_id},
            [(AT, "send", "chosen", "email", outcome) for outcome in outcomes],
        ),
        "journey_of_delivery": (
            {"delivery_id": lan.delivery_id},
            [(AT, "welcome", "lan", "chosen", outcome) for outcome in outcomes],
        ),
        "why_this_decision": ({"decision_id": hoa.decision_id}, [(AT, "wait", "quiet_hours", None, "score")]),
        "decided_alike": (
            {"decision_id": mai.decision_id},
            [("lan", lan.decision_id, AT), ("mai", ANY, AT), ("hoa", ANY, AT)],
        ),
        "held_back": ({"ext_id": "hoa"}, [(AT, "welcome", "wait", "quiet_hours")]),
        "path_to_purchase": (welcome, [("lan", "cart_abandoned", AT, AT)]),
        "fatigue": ({"since": "2026-01-01", "more_than": 1}, [("mai", 2)]),
        "messages_without_outcome": (welcome, [("mai", ANY, "email", AT)]),
        "decisions_without_message": (welcome, [("hoa", ANY, AT)]),
        "got_but_did_not_open": (welcome, [("mai", 1)]),
        "reasons_of_campaign": (
            welcome,
            [("send", "chosen", "email", "score", 4), ("wait", "quiet_hours", None, "score", 1)],
        ),
        "channels_around": ({"ext_id": "hoa"}, [("email", outcome, 1) for outcome in outcomes]),
        "possible_duplicates": ({}, [("lan", "mai", "email")]),
        "reach_of_segment": ({"segment": "all"}, [("email", 1, 1)]),
        "touchpoints_of_buyers": ({"product": "tea"}, [("Cửa hàng", 1)]),
        "around_person": ({"ext_id": "lan"}, [(), (), (), ()]),
    }


class _Any:
    """Equal to everything of its kind: a number that the story does not name, or an instant."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self._kind)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"any {self._kind.__name__}"


ANY, AT = _Any(int), _Any(str)


async def test_each_query_answers_what_it_says(db: Database, servers: Servers, tenant: Tenant, story: Story) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(tenant.tenant_id, "key:1")
    wanted = expected(story)
    assert wanted.keys() == audits().keys()
    for name, (parameters, rows) in wanted.items():
        answer = await explorer.ask(db, vault, asker, audits()[name].text, parameters)
        width = len(rows[0])
        found = [row[:width] for row in answer.rows]
        assert len(found) == len(rows), f"{name}: {found}"
        assert all(any(row == one for one in found) for row in rows), f"{name}: {found}"
        if answer.columns[-1] in {"way", "became", "sent", "decided", "alike", "pair"}:
            assert answer.graph.edges, name


async def test_what_is_asked_of_a_campaign_is_of_that_one(
    db: Database, servers: Servers, tenant: Tenant, story: Story
) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(tenant.tenant_id, "key:1")
    asked = [name for name, (parameters, _) in expected(story).items() if "campaign" in parameters]
    assert len(asked) > 3
    for name in asked:
        answer = await explorer.ask(db, vault, asker, audits()[name].text, {"campaign": "another"})
        assert answer.rows == (), name


@pytest.mark.usefixtures("story")
async def test_a_persons_journey_begins_with_the_newest(db: Database, servers: Servers, tenant: Tenant) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(tenant.tenant_id, "key:1")
    answer = await explorer.ask(db, vault, asker, audits()["journey_of_person"].text, {"ext_id": "mai"})
    # Of the newer message nothing is known.
    assert [row[5] for row in answer.rows] == [None, "delivered"]


@pytest.mark.usefixtures("story")
async def test_nobody_is_tired_of_messages_before_an_instant(db: Database, servers: Servers, tenant: Tenant) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(tenant.tenant_id, "key:1")
    asked = {"since": "2026-03-02", "more_than": 0}
    answer = await explorer.ask(db, vault, asker, audits()["fatigue"].text, asked)
    assert answer.rows == (("mai", 1),)


async def test_whom_nothing_was_delivered_to_did_not_leave_it_unopened(
    db: Database, servers: Servers, tenant: Tenant
) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(tenant.tenant_id, "key:1")
    async with db.transaction(tenant.tenant_id) as connection:
        ground = await journeys.base(connection)
        await journeys.journey(connection, ground, await journeys.person(connection, "lan"), outcomes=("bounced",))
    answer = await explorer.ask(db, vault, asker, audits()["got_but_did_not_open"].text, {"campaign": "welcome"})
    assert answer.rows == ()


async def test_the_library_finds_nothing_of_another_tenant(
    db: Database, servers: Servers, other_tenant: Tenant, story: Story
) -> None:
    vault, asker = Vault(servers.secrets.credential_key), Asker(other_tenant.tenant_id, "key:1")
    for name, (parameters, _) in expected(story).items():
        answer = await explorer.ask(db, vault, asker, audits()[name].text, parameters)
        assert answer.rows == (), name
