"""The first consent: what an administrator of an account agreed to becomes a connected channel.

The code is used up by asking, so everything else is checked before. A pair that could not be stored is lost: the
consent is given again, which costs a click.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from channels import facts
from channels.egress import Egress
from channels.tokens.zalo import exchange
from engine.campaigns import Channel, connect_channel
from engine.credentials import Vault
from engine.db import Database
from rules import words
from rules.errors import InvalidInput

KINDS = (words.Channel.ZALO_OA, words.Channel.ZALO_TEMPLATE)
_VERIFIER = facts.load("zalo_oa").limit("code_verifier_characters")


async def connect_zalo(
    db: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    code: str,
    code_verifier: str,
    egress: Egress,
) -> Channel:
    """Exchange a consent's code for the first pair of tokens and connect the channel with it.

    `settings` has app_id and app_secret, and may have what else the channel knows. Raises InvalidInput where something
    does not fit, GrantEnded where Zalo refuses the code, TryAgain where it could not be asked.
    """
    if kind not in KINDS:
        raise InvalidInput(f"{kind} is no channel of Zalo's.", remedy=f"Use {' or '.join(KINDS)}.")
    if missing := [one for one in ("app_id", "app_secret") if not settings.get(one)]:
        raise InvalidInput(f"The channel {name!r} has no {missing[0]}.", remedy="It is on Zalo's page for developers.")
    if len(code_verifier) != _VERIFIER:
        raise InvalidInput(
            f"The code verifier has {len(code_verifier)} characters of {_VERIFIER}.",
            remedy="Give the one whose challenge stands on Zalo's page: leo channels zalo-consent makes one.",
        )
    asked = {**settings, "code": code, "code_verifier": code_verifier}
    kept = await exchange(asked, datetime.now(UTC), egress)
    pair = {one: secret.reveal() for one, secret in kept.secrets.items()}
    async with db.transaction(tenant_id) as conn:
        return await connect_channel(
            conn, vault, tenant_id=tenant_id, kind=kind, name=name, settings={**settings, **pair}
        )
