"""Opens and clicks: links and buttons that lead through us, and a mail's picture, signed so that none can be forged.

A token is tenant (16 bytes), the delivery's event id (32), the address a click goes to in UTF-8 (empty for an open),
then 16 bytes of HMAC-SHA256, in URL-safe base64. It does not expire, because the link in an old mail has to work.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape, unescape
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from channels import buttons
from channels.contract import Incoming, Message
from channels.machines import Visit, visit
from channels.markup import as_text
from engine.db import Transaction
from engine.link_tokens import Signer
from engine.outcomes import Recorded, record_outcomes
from rules.errors import Unauthorized
from rules.words import Channel, OutcomeType

PUSHED = frozenset({Channel.APP_PUSH, Channel.WEB_PUSH})
CLICK_PATH, OPEN_PATH = "/clicks/", "/opens/"
TARGET_LIMIT = 1_500
"""Bytes of an address that is led through us; longer ones stay, because relays and programs cut long URLs."""
_LINK_DATA = "link"
_HTTPS = "https://"
_PURPOSE = b"leo tracking link v1"
_FIXED_BYTES = 48
# Stops at the next tag, even if a template forgot to close one.
_LINK = re.compile(r"""(<a\s[^<>]*?\bhref\s*=\s*)(?:"([^"<>]*)"|'([^'<>]*)')""", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)
_USER_AGENT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """The content of a token: which message, and where a click goes; `target` is None for an open."""

    tenant_id: UUID
    event_id: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is tracked in a channel's messages; opens only exist for mail."""

    clicks: bool = True
    opens: bool = True


class Marks:
    """Makes and reads the tokens of one installation; `secret` is LEO_CREDENTIAL_KEY."""

    def __init__(self, secret: str, base_url: str) -> None:
        self._signer = Signer(secret, _PURPOSE)
        self._base_url = base_url.rstrip("/")

    def url(self, mark: Mark) -> str:
        path = OPEN_PATH if mark.target is None else CLICK_PATH
        return f"{self._base_url}{path}{self.sign(mark)}"

    def sign(self, mark: Mark) -> str:
        body = mark.tenant_id.bytes + bytes.fromhex(mark.event_id) + (mark.target or "").encode()
        return self._signer.sign(body)

    def verify(self, token: str) -> Mark:
        """Give the content of a token; raises Unauthorized if this installation did not make it."""
        body = self._signer.verify(token)
        if body is None or len(body) < _FIXED_BYTES:
            raise Unauthorized("This link is not valid.", remedy="Open the link from the message itself.")
        target = body[_FIXED_BYTES:].decode()
        return Mark(UUID(bytes=body[:16]), body[16:_FIXED_BYTES].hex(), target or None)

    def on(self, message: Message, *, tenant_id: UUID, tracked: Tracked) -> Message:
        """Lead the links of a mail's HTML through us and add the picture; on other channels, the link and the buttons.

        Links that lead to us already (to unsubscribe) and anything that is not a web address stay. The text next to the
        HTML is written before, with the addresses that people know.
        """
        # A push may only lead to https, which we may not have in a trial installation.
        must_be_https = message.channel in PUSHED and not self._base_url.startswith(_HTTPS)

        def led(target: str) -> str | None:
            is_left = target.startswith(self._base_url + "/") or must_be_https or not leads_through(target)
            return None if is_left else self.url(Mark(tenant_id, message.event_id, target))

        if message.channel is not Channel.EMAIL:
            is_led = tracked.clicks and message.data
            return replace(message, data=_led_data(message.data, led)) if is_led else message
        if message.html is None:
            return message
        html = _rewritten(message.html, led) if tracked.clicks else message.html
        if tracked.opens:
            html = _with_picture(html, self.url(Mark(tenant_id, message.event_id)))
        return replace(message, html=html, text=as_text(message.html) if message.text is None else message.text)


def leads_through(target: str) -> bool:
    """Whether an address may be led through us: a whole web address that is not too long."""
    if len(target.encode("utf-8", "replace")) > TARGET_LIMIT or not target.isprintable() or " " in target:
        return False
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def visit_of(mark: Mark, method: str, headers: Mapping[str, str]) -> Visit:
    """Say who fetched: a person, or a machine that scans every mail."""
    return visit(method, headers, is_picture=mark.target is None)


async def record(conn: Transaction, mark: Mark, visit: Visit, *, at: datetime) -> Recorded:
    """Record an open or a click as an outcome, each once per message and link.

    The transaction must be inside the mark's tenant. A machine's visit is not an outcome, because nobody read anything.
    """
    if visit.machine is not None:
        return Recorded()
    is_click = mark.target is not None
    place = hashlib.sha256((mark.target or "").encode()).hexdigest()[:16]
    told = Incoming(
        provider_id=f"link:{place}" if is_click else "picture",
        type=OutcomeType.CLICKED if is_click else OutcomeType.READ,
        at=at,
        delivery_ref=mark.event_id,
        address=None,
        raw={
            "source": "link" if is_click else "picture",
            "user_agent": visit.user_agent[:_USER_AGENT_LIMIT],
            **({"target": mark.target} if is_click else {}),
        },
    )
    return await record_outcomes(conn, tenant_id=mark.tenant_id, channel_id=None, incoming=[told])


def _led_data(data: Mapping[str, Any], led: Callable[[str], str | None]) -> dict[str, Any]:
    """Lead `link` and the url of each of `buttons` through us; a template's mistakes are for the adapter to refuse."""

    def through(given: Any) -> Any:
        return (led(given) or given) if isinstance(given, str) else given

    def button(given: Any) -> Any:
        return {**given, "url": through(given["url"])} if isinstance(given, Mapping) and "url" in given else given

    known = dict(data)
    if _LINK_DATA in known:
        known[_LINK_DATA] = through(known[_LINK_DATA])
    if isinstance(known.get(buttons.NAME), list):
        known[buttons.NAME] = [button(one) for one in known[buttons.NAME]]
    return known


def _rewritten(html: str, led: Callable[[str], str | None]) -> str:
    def replaced(found: re.Match[str]) -> str:
        given = found[2] if found[2] is not None else found[3]
        url = led(unescape(given).strip())
        return found[0] if url is None else f'{found[1]}"{escape(url)}"'

    return _LINK.sub(replaced, html)


def _with_picture(html: str, url: str) -> str:
    picture = f'<img src="{escape(url)}" width="1" height="1" alt="" style="border:0">'
    ends = list(_END.finditer(html))
    place = ends[-1].start() if ends else len(html)
    return html[:place] + picture + html[place:]
