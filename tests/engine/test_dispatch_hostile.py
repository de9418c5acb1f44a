"""Whatever stands in a profile, its message leaves whole or is refused with a reason, and its neighbours leave."""

from collections.abc import AsyncIterator

import pytest
from psycopg.types.json import Jsonb

from engine.db import Database
from engine.dispatch import Adapters
from engine.settings import Settings
from tests.channels.sandbox_process import SandboxProcess, start_sandbox
from tests.conftest import Tenant
from tests.engine.acts import Act
from tests.engine.world import World

NAMES = [
    "x" * 100_000, "\N{PILE OF POO}" * 5_000, "\u202egpj.exe", "مريم", "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>", "{{ profile.name }}{% include 'x' %}", "\r\nBcc: all@shop.example", "",
    "=?utf-8?B?eA==?=", "\x1b[2J\x07", "Ngọc\u0301 Ánh",
]  # fmt: skip
ADDRESSES = [
    "nobody", "@shop.example", "a@shop.example\r\nRCPT TO:<b@shop.example>", "x" * 2_000 + "@shop.example", "a@",
    "\N{PILE OF POO}@shop.example", "a b@shop.example", "<a@shop.example>", "a@shop.example,b@shop.example", "a@..",
]  # fmt: skip


@pytest.fixture
async def act(db: Database, tenant: Tenant, settings: Settings) -> AsyncIterator[Act]:
    sandbox: SandboxProcess = await start_sandbox()
    adapters = Adapters.of(settings)
    yield Act(World(db, tenant), adapters, sandbox)
    await adapters.aclose()
    assert sandbox.close() == 0


async def told(act: Act) -> list[str]:
    rows = await act.world.rows("SELECT detail FROM delivery_attempt WHERE phase = 'ended' AND status <> 'accepted'")
    return [row["detail"] for row in rows]


async def test_hostile_names_are_written_whole_or_refused_with_a_reason(act: Act) -> None:
    await act.queue(len(NAMES), body={"subject": "{{ profile.name }}", "body": "Chào {{ profile.name }}"})
    await act.world.rows(
        """
        UPDATE cdp_profiles p SET name = given.name
        FROM jsonb_array_elements_text(%(names)s) WITH ORDINALITY given (name, n)
        WHERE p.ext_id = 'kh-' || given.n
        """,
        names=Jsonb(NAMES),
    )
    done = await act.send()
    received = await act.sandbox.messages()
    assert done.sent + done.failed == len(NAMES)
    assert len(received) == done.sent
    assert done.failed < len(NAMES) / 2
    assert all(0 < len(detail) <= 500 for detail in await told(act))
    assert all("all@shop.example" not in str(one.get("to", "")) for one in received)
    for one in received:
        assert not set(one["text"]) & set("\x00\x1b\x07\u202e")
        assert len(str(one.get("subject", "")).splitlines()) <= 1


async def test_no_provider_is_called_for_an_address_that_is_none(act: Act) -> None:
    await act.queue(len(ADDRESSES))
    # Somebody has stored them as good ones, or the claim would have let go of them.
    await act.world.rows(
        """
        WITH bad AS (
            SELECT p.profile_id, given.value
            FROM jsonb_array_elements_text(%(values)s) WITH ORDINALITY given (value, n)
            JOIN cdp_profiles p ON p.ext_id = 'kh-' || given.n
        ), stored AS (
            UPDATE profile_address a SET value = bad.value FROM bad
            WHERE a.profile_id = bad.profile_id AND a.channel = 'email'
        )
        UPDATE delivery_log d SET address = bad.value FROM bad WHERE d.profile_id = bad.profile_id
        """,
        values=Jsonb(ADDRESSES),
    )
    done = await act.send()
    assert (done.sent, done.failed) == (0, len(ADDRESSES))
    assert await act.sandbox.messages() == []
    assert len(await told(act)) == len(ADDRESSES)
