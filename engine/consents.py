"""The first consent: what an administrator of an account agreed to becomes a connected channel.

Whoever begins one in a browser is sent to the provider with a signed state and comes back with a code; the PKCE
verifier and the application's secret stay here, sealed. Coming back changes nothing: whoever began the consent finishes
it, once, with the same API key.

Asking for the tokens uses up the code, so everything else is checked before. If the pair of tokens could not be stored
it is lost: the consent has to be given again, which costs a click.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from channels import facts
from channels.egress import Egress
from channels.tokens import GrantEnded, TryAgain
from channels.tokens.zalo import OAUTH_URL, challenge_of, consent_url, exchange
from engine import credentials
from engine.campaigns import Channel, connect_channel
from engine.credentials import Vault
from engine.db import Database, Transaction
from engine.link_tokens import Signer
from engine.queries import queries
from rules import words
from rules.errors import Conflict, InvalidInput, Misconfigured, NotFound, Unauthorized
from rules.faults import Fault

KINDS = (words.Channel.ZALO_OA, words.Channel.ZALO_TEMPLATE)
RETURN_PATH = "/oauth/zalo"
"""Where Zalo sends the administrator back to, below the API's public address."""
LIFE = timedelta(minutes=15)
"""Longer than a code lives (ten minutes), plus time to read a page before."""
MOST_BEGUN = 20
_VERIFIER = facts.load("zalo_oa").limit("code_verifier_characters")
# 32 random bytes give 43 characters, the length of a verifier.
_VERIFIER_BYTES = 32
_PURPOSE = b"leo consent state v1"
_STATE_BYTES = 16 + 8 + 8
_SEALED_AS = "consent"
_SQL = queries("consents")


@dataclass(frozen=True, slots=True)
class State:
    """Whose consent comes back, and until when it may."""

    tenant_id: UUID
    consent_id: int
    expires_at: datetime


class States:
    """Signs and reads states; `secret` is LEO_CREDENTIAL_KEY."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, _PURPOSE)

    def sign(self, state: State) -> str:
        until = int(state.expires_at.timestamp())
        return self._signer.sign(state.tenant_id.bytes + state.consent_id.to_bytes(8) + until.to_bytes(8))

    def read(self, text: str, *, now: datetime) -> State:
        """Give what was signed; raises Unauthorized if it was not signed here, or has expired."""
        body = self._signer.verify(text)
        if body is None or len(body) != _STATE_BYTES:
            raise Unauthorized("This state is none of ours.", remedy="Begin the consent again.")
        until = datetime.fromtimestamp(int.from_bytes(body[24:]), UTC)
        if until <= now:
            raise Unauthorized("This consent took too long.", remedy="Begin the consent again.")
        return State(UUID(bytes=body[:16]), int.from_bytes(body[16:24]), until)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the administrator consents, and what comes back; the provider's page has to know `redirect_uri`."""

    url: str
    state: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime


async def begin(
    conn: Transaction,
    vault: Vault,
    states: States,
    *,
    tenant_id: UUID,
    kind: str,
    name: str,
    settings: Mapping[str, Any],
    redirect_uri: str,
    by: str,
    now: datetime,
) -> Begun:
    """Begin a consent that `by` may finish once within LIFE; `settings` are those of `connect_zalo`.

    Raises InvalidInput if something does not fit, Conflict if the channel with this name is of another kind.
    """
    _check(kind, name, settings)
    row = await (await conn.execute(_SQL["kind_of_name"], {"name": name})).fetchone()
    if row is not None and row["kind"] != kind:
        raise Conflict(
            f"The channel {name!r} is of another kind.",
            remedy="Give the new channel another name.",
            fault=Fault("channel.other_kind", "name", {"name": name}),
        )
    await conn.execute(_SQL["sweep"], {"now": now, "most": MOST_BEGUN - 1})
    consent_id = await _number(conn)
    verifier = token_urlsafe(_VERIFIER_BYTES)
    sealed = json.dumps({"settings": dict(settings), "code_verifier": verifier})
    state = State(tenant_id, consent_id, now + LIFE)
    values = {
        "consent_id": consent_id,
        "kind": kind,
        "name": name,
        "by": by,
        "ciphertext": vault.seal(sealed, tenant_id=tenant_id, channel_id=consent_id, name=_SEALED_AS).decode(),
        "expires_at": state.expires_at,
    }
    await conn.execute(_SQL["begin"], values)
    signed = states.sign(state)
    url = consent_url(
        app_id=settings["app_id"],
        redirect_uri=redirect_uri,
        code_verifier=verifier,
        state=signed,
        oauth_url=settings.get("oauth_url") or OAUTH_URL,
    )
    return Begun(url, signed, redirect_uri, challenge_of(verifier), state.expires_at)


async def finish(
    db: Database,
    vault: Vault,
    states: States,
    *,
    tenant_id: UUID,
    state: str,
    code: str,
    by: str,
    egress: Egress,
    now: datetime,
) -> Channel:
    """Connect the channel of a consent that came back with a code. The consent is used up first, whatever happens then.

    Raises NotFound if `by` began no such consent that is still open, Conflict if Zalo gives no tokens for it.
    """
    asked = _read(states, state, now)
    row = None
    if asked.tenant_id == tenant_id:
        async with db.transaction(tenant_id) as conn:
            values = {"consent_id": asked.consent_id, "by": by, "now": now}
            row = await (await conn.execute(_SQL["take"], values)).fetchone()
    if row is None:
        raise _not_open()
    try:
        sealed = vault.open(bytes(row["ciphertext"]), tenant_id=tenant_id, channel_id=asked.consent_id, name=_SEALED_AS)
    except Misconfigured as error:  # the key was changed in these minutes
        raise _not_open() from error
    kept = json.loads(sealed)
    async with db.transaction(tenant_id) as conn:
        earlier = await _earlier(conn, vault, tenant_id, row["kind"], row["name"])
    try:
        return await connect_zalo(
            db,
            vault,
            tenant_id=tenant_id,
            kind=row["kind"],
            name=row["name"],
            settings={**earlier, **kept["settings"]},
            code=code,
            code_verifier=kept["code_verifier"],
            egress=egress,
        )
    except (GrantEnded, TryAgain) as error:
        raise Conflict(
            error.message,
            remedy="Nothing was connected: begin the consent again.",
            fault=Fault("consent.refused", "", {"said": error.fault or error.message.rstrip(". ")}),
        ) from error


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

    `settings` has app_id and app_secret, and may have other settings of the channel. Raises InvalidInput if something
    does not fit, GrantEnded if Zalo refuses the code, TryAgain if Zalo could not be asked.
    """
    _check(kind, name, settings)
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


async def _earlier(conn: Transaction, vault: Vault, tenant_id: UUID, kind: str, name: str) -> dict[str, Any]:
    """Give what the channel with this name already has, such as its webhook's secret; a new consent keeps it."""
    row = await (await conn.execute(_SQL["earlier"], {"kind": kind, "name": name})).fetchone()
    if row is None:
        return {}
    secrets = await credentials.load(conn, vault, tenant_id=tenant_id, channel_id=row["channel_id"])
    return {**row["settings"], **secrets}


def _check(kind: str, name: str, settings: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"{kind} is no channel of Zalo's.", remedy=f"Use {' or '.join(KINDS)}.")
    if missing := [one for one in ("app_id", "app_secret") if not settings.get(one)]:
        raise InvalidInput(f"The channel {name!r} has no {missing[0]}.", remedy="It is on Zalo's page for developers.")


def _read(states: States, state: str, now: datetime) -> State:
    """Read a state; one that is not ours is reported in the same words as an expired one."""
    try:
        return states.read(state, now=now)
    except Unauthorized as error:
        raise _not_open() from error


def _not_open() -> NotFound:
    return NotFound(
        "This consent is not open: it was finished, took too long, or another key began it.",
        remedy="Begin it again.",
        fault=Fault("consent.not_open"),
    )


async def _number(conn: Transaction) -> int:
    row = await (await conn.execute(_SQL["number"])).fetchone()
    return int((row or {})["consent_id"])
