"""`leo identity`: what an operator types from finding to un-merging."""

import asyncio

import pytest

from engine.cli import run
from engine.db import Database
from engine.settings import Settings
from tests.conftest import Tenant
from tests.engine.identities import People


@pytest.fixture
async def people(
    db: Database, tenant: Tenant, settings: Settings, monkeypatch: pytest.MonkeyPatch, other_tenant: Tenant
) -> People:
    del other_tenant  # a second tenant, so that one has to be named
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    made = People(db, tenant)
    await made.have(
        a=["zalo_oa:7000000000000000"],
        b=["zalo_oa:7000000000000000"],
        c=["email:c@khach.example"],
        d=["email:c@khach.example"],
    )
    return made


async def _leo(people: People, *words: str) -> int:
    """In a thread, because the command runs a loop of its own."""
    return await asyncio.to_thread(run, (*words, "--tenant", people.tenant.slug))


async def test_duplicates_are_found_listed_merged_and_un_merged(
    people: People, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await _leo(people, "identity", "find") == 0
    assert "2 new pairs" in capsys.readouterr().out
    assert await _leo(people, "identity", "list") == 0
    assert "2 profiles share" in " ".join(capsys.readouterr().out.split())
    assert await _leo(people, "identity", "merge", "a", "b", "--reason", "the same") == 0
    assert (await people.points_at())["b"] == "a"
    assert await _leo(people, "trace", "b") == 0
    assert "b, merged into a" in " ".join(capsys.readouterr().out.split())
    assert await _leo(people, "trace", "a") == 0
    assert "a, with b" in " ".join(capsys.readouterr().out.split())
    assert await _leo(people, "identity", "unmerge", "b") == 0
    assert (await people.points_at())["b"] is None


async def test_a_refused_pair_is_no_longer_listed(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    await people.find()
    (first, _) = await people.proposals()
    assert await _leo(people, "identity", "refuse", str(first.pairs[0].duplicate_id)) == 0
    assert [one.winner for one in await people.proposals()] == ["c"]
    assert await _leo(people, "identity", "refuse", "1") != 0
    assert "no proposed pair" in capsys.readouterr().err
