"""Where a source's CDP is told what became of messages: its observer's address and token, and the outcomes it wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from psycopg.types.json import Jsonb

from engine.credentials import Vault
from engine.db import Transaction
from engine.queries import queries
from rules.errors import InvalidInput, NotFound
from rules.words import OutcomeType

DEFAULT_OUTCOMES = (OutcomeType.CLICKED, OutcomeType.REPLIED, OutcomeType.UNSUBSCRIBED)
"""Those that say something about the person. A CDP mostly knows before us what was bought or visited."""
TIMEOUT_S = 10.0
_TOKEN = "report_token"  # noqa: S105 - the name it is sealed under
_TOKEN_LIMIT = 1_000
_SQL = queries("outbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`url` is the address of the observer, such as http://observer.example:9080."""

    source_id: int
    url: str
    token_key: str
    token: str = field(repr=False)
    outcomes: Sequence[str]


async def set_report(
    conn: Transaction,
    vault: Vault,
    *,
    tenant_id: UUID,
    source: str,
    url: str | None,
    token_key: str = "",
    token: str = "",
    outcomes: Sequence[OutcomeType] = DEFAULT_OUTCOMES,
) -> None:
    """Report these outcomes to a source's CDP from now on, for people who came from it; nothing if `url` is None.

    Raises NotFound, and InvalidInput if the address or a token cannot be used.
    """
    report = None if url is None else _checked(url, token_key, token, outcomes)
    values = {"source": source, "report": None if report is None else Jsonb(report)}
    row = await (await conn.execute(_SQL["set_report"], values)).fetchone()
    if row is None:
        raise NotFound(f"There is no source {source!r}.", remedy="Run: leo sources list")
    if report is not None:
        source_id = row["source_id"]
        sealed = vault.seal(token, tenant_id=tenant_id, channel_id=source_id, name=_TOKEN)
        credential = {"source_id": source_id, "name": _TOKEN, "ciphertext": sealed, "key_name": vault.key_name}
        await conn.execute(queries("sources")["seal"], {"tenant_id": tenant_id, **credential})


async def get_report(conn: Transaction, vault: Vault, *, tenant_id: UUID, source_id: int) -> Report | None:
    """Give where a source's CDP is told; None if it is told nothing.

    Raises Misconfigured if its token cannot be opened.
    """
    row = await (await conn.execute(_SQL["report"], {"source_id": source_id, "name": _TOKEN})).fetchone()
    if row is None or row["report"] is None or row["ciphertext"] is None:
        return None
    token = vault.open(bytes(row["ciphertext"]), tenant_id=tenant_id, channel_id=source_id, name=_TOKEN)
    told: Mapping[str, Any] = row["report"]
    return Report(
        source_id=source_id, url=told["url"], token_key=told["token_key"], token=token, outcomes=told["outcomes"]
    )


def _checked(url: str, token_key: str, token: str, outcomes: Sequence[OutcomeType]) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput(
            "The address of the CDP's observer is no URL.", remedy="Write it as http://observer.example:9080"
        )
    for name, value in (("token key", token_key), ("token", token)):
        if not value or len(value) > _TOKEN_LIMIT or not value.isascii() or not value.isprintable():
            raise InvalidInput(
                f"The {name} of the CDP's observer cannot be used.", remedy="Copy it as the CDP shows it."
            )
    if not outcomes:
        raise InvalidInput("No outcome is to be told.", remedy=f"Name some of {', '.join(OutcomeType)}, or use --off.")
    return {"url": url.rstrip("/"), "token_key": token_key, "outcomes": sorted(set(outcomes))}
