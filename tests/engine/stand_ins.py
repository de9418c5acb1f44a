"""Channels that stand in for each other, and the fallbacks that follow a failed message."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from channels.contract import Incoming
from channels.telegram import TelegramAdapter
from engine.outcomes import Recorded, record_outcomes
from rules.words import Channel, OutcomeType
from tests.engine.acts import Act
from tests.engine.world import ALWAYS, SQL


class Dropping(TelegramAdapter):
    """A provider that drops a second message with the same event_id."""

    deduplicates: ClassVar[bool] = True


async def two_channels(act: Act, count: int, *, fallback: dict[str, Any] | None) -> None:
    """Queue e-mails of a campaign that may write on Telegram too."""
    await act.connect("telegram", limits={"per_second": None, "recipient_s": None})
    hello = await act.world.template("telegram", key="hello")
    weights = {"channel": {"email": 2.0, "telegram": 1.0}}
    await act.queue(0, policy={**ALWAYS, "weights": weights, "fallback": fallback})
    await act.world.rows(SQL["campaign_template"], campaign_id=act.campaign_id, template_id=hello, position=1)
    act.people = await act.world.people(count, channels=("email", "telegram"))
    _, (batch_id,) = await act.world.run(act.campaign_id, act.people)
    await act.world.decide(batch_id)


async def fallbacks(act: Act) -> list[int]:
    rows = await act.world.rows(
        """
        SELECT b.batch_id FROM run_batch b JOIN campaign_run r USING (tenant_id, run_id)
        WHERE r.kind = 'fallback' AND b.status = 'pending' ORDER BY 1
        """
    )
    return [row["batch_id"] for row in rows]


async def tell(act: Act, kind: str, *, key: str = "1", soft: bool = False) -> Recorded:
    """Tell of the person's message by e-mail what its provider says later."""
    told = await incoming(act, kind, key=key, soft=soft)
    tenant_id, channel_id = act.world.tenant.tenant_id, act.world.channel_ids["email"]
    async with act.world.db.transaction(tenant_id) as conn:
        return await record_outcomes(
            conn, tenant_id=tenant_id, channel_id=channel_id, incoming=[told], channel=Channel.EMAIL
        )


async def incoming(act: Act, kind: str, *, key: str = "1", soft: bool = False) -> Incoming:
    (row,) = await act.world.rows("SELECT event_id FROM delivery_log WHERE channel = 'email'")
    return Incoming(
        provider_id=key,
        type=OutcomeType(kind),
        at=datetime.now(UTC),
        delivery_ref=bytes(row["event_id"]).hex(),
        address=None,
        raw={},
        soft=soft,
    )
