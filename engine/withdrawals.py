"""Withdrawing consent by the link in a message."""

from datetime import datetime

from channels.contract import Incoming
from engine.db import Transaction
from engine.outcomes import record_outcomes
from engine.queries import queries
from engine.unsubscribe import Request
from rules.errors import NotFound
from rules.words import OutcomeType

# Pressed once or ten times, the message has one outcome.
_DEDUP_KEY = "link"
_SQL = queries("withdrawals")


async def withdraw(conn: Transaction, request: Request, *, at: datetime) -> None:
    """Withdraw a person's consent to the purpose of the message, on its channel, at the instant `at`.

    The transaction must be inside the request's tenant. Raises NotFound if the person no longer exists.
    """
    values = {
        "tenant_id": request.tenant_id,
        "profile_id": request.profile_id,
        "delivery_id": request.delivery_id,
        "channel": request.channel,
        "at": at,
    }
    row = await (await conn.execute(_SQL["withdraw"], values)).fetchone()
    if row is None:
        raise NotFound("The person this link was for is not known any more.", remedy="Nothing is sent to them.")
    if row["event_hex"] is None:
        return
    told = Incoming(
        provider_id=_DEDUP_KEY,
        type=OutcomeType.UNSUBSCRIBED,
        at=at,
        delivery_ref=row["event_hex"],
        address=None,
        raw={"source": "link"},
    )
    await record_outcomes(conn, tenant_id=request.tenant_id, channel_id=None, incoming=[told])
