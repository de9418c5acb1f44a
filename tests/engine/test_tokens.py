"""Tokens are renewed once whoever races for them; ended ones pause their channel with a reason until mended."""

import asyncio
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from channels.egress import ANYWHERE
from engine import campaigns, credentials, tokens
from engine.cli import run
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.dispatch.gates import pause_channel
from engine.settings import Settings
from engine.tokens import Renewal
from rules.errors import Unavailable
from tests.channels.sandbox_process import ROOT, SandboxProcess
from tests.conftest import Tenant
from tests.engine.acts import Act
from tests.engine.worker_process import WorkerProcess, until

ZALO = {"app_id": "1234567890", "app_secret": "zalo-secret-of-the-app", "kind": "zalo"}
META = {"app_id": "9876543210", "app_secret": "meta-secret-of-the-app", "kind": "facebook", "page_id": "1045"}
WORKERS = 8


class Forgetful(Database):
    """A database that loses the commit of its second transaction, the one in which the provider was asked."""

    count = 0

    @asynccontextmanager
    async def transaction(
        self, tenant_id: UUID, *, read_only: bool = False, is_repeatable: bool = False
    ) -> AsyncIterator[Transaction]:
        self.count += 1
        is_lost = self.count == 2
        async with super().transaction(tenant_id, read_only=read_only, is_repeatable=is_repeatable) as conn:
            yield conn
            if is_lost:
                raise Unavailable("The database went away.", remedy="Wait.")


class Hand:
    """One tenant's channels that lead to the sandbox, and their tokens."""

    def __init__(self, act: Act, vault: Vault) -> None:
        self.act = act
        self.vault = vault
        self.db: Database = act.world.db
        self.tenant: Tenant = act.world.tenant
        self.sandbox: SandboxProcess = act.sandbox

    async def shown(self, channel_id: int) -> campaigns.Channel:
        """The channel as it is shown to people."""
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            found = await campaigns.list_channels(conn, tenant_id=self.tenant.tenant_id)
        return next(one for one in found if one.channel_id == channel_id)

    async def connect(self, kind: str, *, name: str | None = None, **settings: Any) -> int:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            channel = await campaigns.connect_channel(
                conn, self.vault, tenant_id=self.tenant.tenant_id, kind=kind, name=name or kind, settings=settings
            )
        self.act.world.channel_ids[kind] = channel.channel_id
        return channel.channel_id

    async def zalo(self, *, name: str | None = None, kind: str = "zalo_oa", **pair: Any) -> int:
        urls = {"base_url": self.sandbox.base_url, "oauth_url": self.sandbox.base_url}
        app = {"app_id": ZALO["app_id"], "app_secret": ZALO["app_secret"]}
        return await self.connect(kind, name=name, **app, **urls, **pair)

    async def page(self, **tokens_: Any) -> int:
        app = {name: META[name] for name in ("app_id", "app_secret", "page_id")}
        return await self.connect("facebook", base_url=self.sandbox.base_url, **app, **tokens_)

    async def secrets(self, channel_id: int) -> dict[str, str]:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return await credentials.load(conn, self.vault, tenant_id=self.tenant.tenant_id, channel_id=channel_id)

    async def renew(self, channel_id: int, *, is_due: bool = True) -> Renewal:
        if is_due:
            async with self.db.transaction(self.tenant.tenant_id) as conn:
                assert await tokens.ask(conn, channel_id=channel_id, now=datetime.now(UTC) - timedelta(seconds=1))
        return await tokens.renew(
            self.db, self.vault, tenant_id=self.tenant.tenant_id, channel_id=channel_id, egress=ANYWHERE
        )

    async def renew_due(self) -> dict[int, Renewal]:
        tenant_id = self.tenant.tenant_id
        return await tokens.renew_due(self.db, self.vault, tenant_id=tenant_id, now=datetime.now(UTC), egress=ANYWHERE)

    async def listed(self, channel_id: int) -> tokens.Listed:
        async with self.db.transaction(self.tenant.tenant_id) as conn:
            return next(one for one in await tokens.list_tokens(conn) if one.channel_id == channel_id)

    async def issued(self) -> list[dict[str, Any]]:
        return list((await self.sandbox.ask("social/tokens"))["tokens"])

    async def queue(self, channel: str, count: int = 1) -> None:
        """Decide one message to so many people; the channel is connected already."""
        world = self.act.world
        anybody_anytime: dict[str, Any] = {"quiet_hours": None, "caps": [], "windows": [], "sending_hours": []}
        campaign_id = await world.campaign(templates=[await world.template(channel)], policy=anybody_anytime)
        people = await world.people(count, channels=(channel,))
        _, (batch_id,) = await world.run(campaign_id, people)
        await world.decide(batch_id)


@pytest.fixture
def hand(act: Act, vault: Vault) -> Hand:
    return Hand(act, vault)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.INFO)
    yield caplog
    for secret in (ZALO["app_secret"], META["app_secret"], "zalo-access-", "zalo-refresh-", "facebook-access-"):
        assert secret not in caplog.text
        assert not [record for record in caplog.records if secret in repr(record.__dict__)]


async def test_eight_workers_race_and_the_refresh_token_is_used_once(hand: Hand, settings: Settings) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    environment |= {"TENANT": str(hand.tenant.tenant_id), "CHANNEL": str(channel_id)}
    command = [sys.executable, "-m", "tests.engine.token_process", str(WORKERS)]
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        input="go\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert Counter(done.stdout.split("\n")[:-1]) == {Renewal.RENEWED: 1, Renewal.NOT_DUE: WORKERS - 1}
    issued = await hand.issued()
    assert [(one["state"], one["uses"], one["refusals"]) for one in issued if one["kind"] == "refresh"] == [
        ("used", 1, 0),
        ("live", 0, 0),
    ]
    stored = await hand.secrets(channel_id)
    assert {stored["access_token"], stored["refresh_token"]} == {
        one["value"] for one in issued if one["state"] == "live"
    }


async def test_a_renewal_that_is_cancelled_ends_first_and_its_pair_is_stored(hand: Hand) -> None:
    """As where a worker stops: the provider gives the pair once."""
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    async with hand.db.transaction(hand.tenant.tenant_id) as conn:
        assert await tokens.ask(conn, channel_id=channel_id, now=datetime.now(UTC) - timedelta(seconds=1))
    async with hand.db.transaction(hand.tenant.tenant_id) as conn:
        await conn.execute("SELECT FROM channel_token FOR UPDATE")
        renewing = asyncio.create_task(hand.renew(channel_id, is_due=False))
        await asyncio.sleep(0.1)
        renewing.cancel()
        await asyncio.sleep(0.1)
        assert not renewing.done()
    with pytest.raises(asyncio.CancelledError):
        await renewing
    stored = await hand.secrets(channel_id)
    assert stored["refresh_token"] in {one["value"] for one in await hand.issued() if one["state"] == "live"}
    assert stored["refresh_token"] != pair["refresh_token"]


async def test_who_stops_begins_no_renewal(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    due: dict[str, Any] = {"tenant_id": hand.tenant.tenant_id, "now": tomorrow, "egress": ANYWHERE}
    assert await tokens.renew_due(hand.db, hand.vault, **due, is_stopping=lambda: True) == {}
    assert (await hand.listed(channel_id)).renewed_at is None


async def test_a_refused_token_is_renewed_and_the_message_goes_out(hand: Hand, lines: pytest.LogCaptureFixture) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(**{name: pair[name] for name in ("access_token", "refresh_token")})
    await hand.queue("zalo_oa")
    await hand.sandbox.ask("social/revoke", {"token": pair["access_token"]})
    assert (await hand.act.send()).retried == 1
    assert (await hand.listed(channel_id)).status == "paused"
    assert await hand.renew_due() == {channel_id: Renewal.RENEWED}
    assert (await hand.listed(channel_id)).status == "connected"
    await hand.act.due_again()
    assert (await hand.act.send()).sent == 1
    assert "token renewed" in lines.text


async def test_a_channel_without_the_application_has_no_token_to_keep(hand: Hand) -> None:
    given = await hand.sandbox.ask("social/apps", META)
    page = {"page_id": META["page_id"], "base_url": hand.sandbox.base_url, "access_token": given["access_token"]}
    channel_id = await hand.connect("facebook", **page)
    assert await hand.renew(channel_id, is_due=False) is Renewal.NOT_DUE
    async with hand.db.transaction(hand.tenant.tenant_id) as conn:
        assert not await tokens.ask(conn, channel_id=channel_id, now=datetime.now(UTC))


@pytest.fixture
async def worker(settings: Settings, tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    environment = settings.model_copy(update={"admin_database_url": None}).environment()
    started = WorkerProcess("realtime", environment, tmp_path / "worker.log")
    await started.ready()
    yield started
    assert await started.stop() == 0, started.log_file.read_text(encoding="utf-8")


async def test_a_worker_renews_what_is_due_and_tells_no_secret(hand: Hand, worker: WorkerProcess) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])

    async def renewed() -> bool:
        return (await hand.listed(channel_id)).renewed_at is not None

    await until(renewed)
    (told,) = worker.said("token renewed")
    assert told["channel"] == channel_id
    log = worker.log_file.read_text(encoding="utf-8")
    assert not [one for one in [ZALO["app_secret"], *(await hand.secrets(channel_id)).values()] if one in log]


@pytest.fixture
async def leo(
    hand: Hand, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Awaitable[str]]:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    async def leo(*words: str) -> str:
        assert await asyncio.to_thread(run, ("channels", *words, "--tenant", hand.tenant.slug)) == 0
        return " ".join(capsys.readouterr().out.split())

    return leo


async def test_an_operator_sees_pauses_and_renews(hand: Hand, leo: Callable[..., Awaitable[str]]) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    await hand.zalo(name="zalo", refresh_token=pair["refresh_token"])
    assert "is paused" in await leo("pause", "zalo", "--reason", "fair")
    assert "paused: fair" in await leo("list")
    assert "goes on" in await leo("resume", "zalo")
    assert "is renewed" in await leo("renew", "zalo")
    assert "UTC" in await leo("list")
    renewed = next(one for one in reversed(await hand.issued()) if one["kind"] == "refresh")
    await hand.sandbox.ask("social/revoke", {"token": renewed["value"]})
    assert "has ended" in await leo("renew", "zalo")


async def test_a_channel_without_an_access_token_gets_its_first(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    assert await hand.renew_due() == {channel_id: Renewal.RENEWED}
    known = await hand.listed(channel_id)
    assert known.ends_at is not None
    assert known.due_at is not None
    assert known.ends_at - known.due_at == timedelta(hours=1)
    assert await hand.renew_due() == {}


async def test_two_channels_of_one_account_are_renewed_together(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    both = {name: pair[name] for name in ("access_token", "refresh_token")}
    first = await hand.zalo(**both)
    second = await hand.zalo(kind="zalo_template", business_url=hand.sandbox.base_url, **both)
    assert await hand.renew(first) is Renewal.RENEWED
    assert await hand.secrets(first) == await hand.secrets(second)
    assert await hand.renew(second) is Renewal.RENEWED
    assert await hand.secrets(first) == await hand.secrets(second)


async def test_a_used_refresh_token_pauses_the_channel_with_what_to_do(
    hand: Hand, lines: pytest.LogCaptureFixture
) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    await hand.sandbox.ask("social/revoke", {"token": pair["refresh_token"]})
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    assert await hand.renew_due() == {channel_id: Renewal.ENDED}
    known = await hand.listed(channel_id)
    assert (known.status, known.due_at) == ("paused", None)
    assert known.reason is not None
    assert "-14014 Invalid refresh token" in known.reason
    assert "Authorise the Official Account again" in known.reason
    assert "channel waits for a new token" in lines.text
    assert await hand.renew_due() == {}  # nothing but a person mends it, so nobody asks again and again


async def test_a_provider_that_is_away_is_asked_again(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    await hand.sandbox.ask("faults", {"channel": "zalo_oauth", "status": 503, "text": "<h1>away</h1>"})
    assert await hand.renew_due() == {channel_id: Renewal.LATER}
    assert (await hand.listed(channel_id)).status == "connected"
    assert await hand.renew(channel_id) is Renewal.RENEWED


async def test_a_refusal_of_the_old_token_just_after_a_renewal_pauses_nothing(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    assert await hand.renew(channel_id) is Renewal.RENEWED
    async with hand.db.transaction(hand.tenant.tenant_id) as conn:
        await pause_channel(conn, channel_id=channel_id, reason="token_expired: -220 refused")
    assert (await hand.listed(channel_id)).status == "connected"


async def test_a_new_pair_outlives_a_lost_commit(hand: Hand, settings: Settings) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    assert settings.database_url
    async with Forgetful.open(settings.database_url.get_secret_value(), settings) as db:
        done = await tokens.renew(
            db, hand.vault, tenant_id=hand.tenant.tenant_id, channel_id=channel_id, egress=ANYWHERE
        )
    assert done is Renewal.RENEWED
    live = {one["value"] for one in await hand.issued() if one["state"] == "live"}
    stored = await hand.secrets(channel_id)
    assert {stored["access_token"], stored["refresh_token"]} == live


async def test_a_renewal_that_was_cut_off_says_so_when_its_grant_is_lost(hand: Hand) -> None:
    pair = await hand.sandbox.ask("social/apps", ZALO)
    channel_id = await hand.zalo(refresh_token=pair["refresh_token"])
    # A worker was killed after Zalo had answered and before the commit.
    await hand.act.world.rows("UPDATE channel_token SET begun_at = now() - interval '1 minute'")
    await hand.sandbox.ask("social/revoke", {"token": pair["refresh_token"]})
    assert await hand.renew_due() == {channel_id: Renewal.ENDED}
    assert "was cut off, and its answer lost" in str((await hand.listed(channel_id)).reason)
    why = (await hand.shown(channel_id)).why
    assert why is not None
    assert why.kind == "token.cut_off"
    assert "mất câu trả lời. Zalo không nhận mã gia hạn." in why.say().vi


async def test_a_revoked_facebook_token_leaves_a_clear_line_and_a_paused_channel(
    hand: Hand, lines: pytest.LogCaptureFixture
) -> None:
    given = await hand.sandbox.ask("social/apps", META)
    channel_id = await hand.page(access_token=given["access_token"])
    await hand.queue("facebook", 2)
    await hand.sandbox.ask("social/revoke", {"token": given["access_token"]})
    await hand.act.send()
    assert await hand.renew_due() == {channel_id: Renewal.ENDED}
    known = await hand.listed(channel_id)
    assert known.status == "paused"
    assert "190/460 Error validating access token: The session has been invalidated." in str(known.reason)
    assert "Log in to Facebook as an administrator of the Page again" in lines.text
    assert await hand.act.world.statuses() == {"queued": 2}
    assert (await hand.act.send()).claimed == 0

    again = await hand.sandbox.ask("social/apps", META)
    assert await hand.page(access_token=again["access_token"]) == channel_id
    assert (await hand.listed(channel_id)).status == "connected"
    await hand.act.due_again()
    assert (await hand.act.send()).sent == 2


async def test_a_pages_token_is_derived_and_looked_at_every_day(hand: Hand) -> None:
    given = await hand.sandbox.ask("social/apps", {**META, "life_s": 60 * 86_400})
    channel_id = await hand.page(user_token=given["user_token"])
    assert await hand.renew_due() == {channel_id: Renewal.RENEWED}
    stored = await hand.secrets(channel_id)
    assert stored["user_token"] != given["user_token"]
    known = await hand.listed(channel_id)
    assert known.ends_at is None
    assert known.due_at is not None
    assert timedelta(hours=23) < known.due_at - datetime.now(UTC) <= timedelta(days=1)
    assert await hand.renew(channel_id) is Renewal.GOOD


async def test_the_end_of_a_facebook_token_is_warned_of_before_it_comes(
    hand: Hand, lines: pytest.LogCaptureFixture
) -> None:
    given = await hand.sandbox.ask("social/apps", META)
    channel_id = await hand.page(access_token=given["access_token"])
    assert await hand.renew_due() == {channel_id: Renewal.GOOD}
    known = await hand.listed(channel_id)
    assert known.ends_at is not None
    assert known.due_at == known.ends_at
    assert known.warning is not None
    assert "The Page's token ends on" in known.warning
    warning = (await hand.shown(channel_id)).warning
    assert warning is not None
    assert f"hết hạn lúc {known.ends_at:%Y-%m-%d %H:%M} UTC" in warning.say().vi
    assert "token ends soon" in lines.text
