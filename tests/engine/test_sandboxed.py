"""A channel without credentials goes to the sandbox, nobody gets its messages, and everything that shows it says so."""

import io
import json
from typing import Any

import pytest

from channels import registry
from channels.contract import ReceiptStatus
from channels.egress import OUTSIDE
from channels.sandbox.web_push import keys
from engine import sandboxed
from engine.campaigns import connect_channel, list_channels
from engine.credentials import Vault
from engine.dispatch import Adapters
from engine.settings import Settings
from engine.tokens import list_tokens
from rules.errors import InvalidInput, Unavailable
from rules.words import Channel
from tests.channels import samples
from tests.channels.sandbox_process import SandboxProcess
from tests.engine.acts import Act
from tests.engine.conftest import Types
from tests.engine.world import World

KINDS = sorted({sample.channel for sample in samples.SAMPLES})


def place(sandbox: SandboxProcess) -> sandboxed.Place:
    return sandboxed.Place(sandbox.smtp_port, sandbox.http_port)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_channel_reaches_the_sandbox_and_its_receipt_says_so(
    kind: Channel, sandbox: SandboxProcess
) -> None:
    await sandbox.reset()
    speaker = sandboxed.wrap(
        registry.create(
            kind, sandboxed.settings_of(kind, place(sandbox)), egress=sandboxed.egress(OUTSIDE, place(sandbox))
        )
    )
    receipt = speaker.parse(await speaker.send(speaker.build(samples.message(kind))))
    await speaker.aclose()
    assert receipt.status is ReceiptStatus.ACCEPTED
    assert receipt.code.startswith("sandbox ")
    assert "nobody got it" in receipt.detail
    assert receipt.raw["sandbox"] is True
    (arrived,) = await sandbox.messages()
    assert "Nguyễn Thị Ánh" in arrived["text"]


async def test_a_delivery_through_it_is_marked_in_the_log_and_in_its_attempt(
    act: Act, settings: Settings, vault: Vault
) -> None:
    smtp, http = act.sandbox.smtp_port, act.sandbox.http_port
    act.adapters = Adapters.of(settings.model_copy(update={"sandbox_smtp_port": smtp, "sandbox_http_port": http}))
    world = act.world
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        await connect_channel(conn, vault, tenant_id=world.tenant.tenant_id, kind="email", name="mail", settings={})
    campaign_id = await world.campaign(templates=[await world.template("email")])
    _, (batch_id,) = await world.run(campaign_id, await world.people(1, channels=("email",)))
    await world.decide(batch_id)
    assert (await act.send()).sent == 1
    await act.adapters.aclose()
    delivery = await act.only()
    assert delivery["code"].startswith("sandbox 250")
    (ended,) = await world.rows("SELECT detail FROM delivery_attempt WHERE phase = 'ended'")
    assert ended["detail"].startswith("The sandbox took it, nobody got it")


async def test_a_command_finds_the_sandbox_of_its_home(
    act: Act, vault: Vault, types: Types, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sets its ports: `leo up` keeps them below LEO_HOME."""
    world = act.world
    async with world.db.transaction(world.tenant.tenant_id) as conn:
        await connect_channel(conn, vault, tenant_id=world.tenant.tenant_id, kind="email", name="mail", settings={})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"From: a@b.example\n\nnothing\n")))
    assert "0 new" in await types("callbacks", "mail", "mail")


async def test_lists_of_channels_say_which_are_in_the_sandbox(act: Act, vault: Vault) -> None:
    world: World = act.world
    tenant_id = world.tenant.tenant_id
    await act.connect("telegram")
    async with world.db.transaction(tenant_id) as conn:
        made = await connect_channel(conn, vault, tenant_id=tenant_id, kind="web_push", name="site", settings={})
        assert made.sandbox
        listed = {one.kind: one.sandbox for one in await list_channels(conn, tenant_id=tenant_id)}
        told = {one.kind: one.sandbox for one in await list_tokens(conn)}
    assert listed == told == {Channel.TELEGRAM: False, Channel.WEB_PUSH: True}


async def test_a_channel_leaves_the_sandbox_when_it_gets_credentials(act: Act, vault: Vault) -> None:
    tenant_id = act.world.tenant.tenant_id
    async with act.world.db.transaction(tenant_id) as conn:
        names: dict[str, Any] = {"tenant_id": tenant_id, "kind": "telegram", "name": "bot"}
        await connect_channel(conn, vault, **names, settings={"provider": "sandbox"})
        mended = await connect_channel(conn, vault, **names, settings={"token": "1:abc"})
    assert not mended.sandbox


async def test_the_sandbox_takes_no_other_settings(act: Act, vault: Vault) -> None:
    tenant_id = act.world.tenant.tenant_id
    async with act.world.db.transaction(tenant_id) as conn:
        with pytest.raises(InvalidInput, match="in the sandbox has no setting 'host'"):
            await connect_channel(
                conn,
                vault,
                tenant_id=tenant_id,
                kind="email",
                name="mail",
                settings={"provider": "sandbox", "host": "x"},
            )


async def test_a_channel_that_the_sandbox_does_not_play_is_refused(act: Act, vault: Vault) -> None:
    tenant_id = act.world.tenant.tenant_id
    async with act.world.db.transaction(tenant_id) as conn:
        with pytest.raises(InvalidInput, match="does not play"):
            await connect_channel(conn, vault, tenant_id=tenant_id, kind="pigeon", name="pigeon", settings={})


def test_without_a_sandbox_the_messages_wait_and_say_why() -> None:
    with pytest.raises(Unavailable, match="Nobody told where the sandbox is"):
        sandboxed.settings_of(Channel.EMAIL, None)


def test_the_stand_in_is_the_sandboxs_own_browser() -> None:
    assert json.loads(sandboxed.STAND_IN)["keys"] == keys()
