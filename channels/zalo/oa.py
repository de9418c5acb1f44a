"""Zalo OA: consultation messages (`cs`) to people who were heard of within seven days."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from channels import buttons, facts
from channels.buttons import Button, Limits
from channels.contract import Message, ReceiptClass, Request, Unsupported
from channels.documents import plain_text
from channels.options import Options
from channels.zalo.account import DELIVERY_HEADER, ZaloAccount
from rules.limits import Pace
from rules.words import Channel

FACTS = facts.load("zalo_oa")
BUTTONS = Limits.of(FACTS)
USER_ID = re.compile(rf"[0-9]{{{FACTS.limit('user_id_least_digits')},{FACTS.limit('user_id_most_digits')}}}")
DATA_KEYS = frozenset({"image_url", "attachment_id", "quote_message_id", "buttons"})
# How buttons are sent. Zalo's own page about consultation messages shows none; its resellers' pages do.
AS_LINES, AS_ATTACHMENT = "lines", "attachment"
HTTPS = "https://"


class ZaloOaAdapter(ZaloAccount):
    """Consultation messages: text, with one picture if `data` names it by `image_url` or `attachment_id`.

    One setting more than ZaloAccount: buttons (lines; attachment sends them as buttons, which Zalo does not document).
    """

    channel: ClassVar[Channel] = Channel.ZALO_OA
    pace: ClassVar[Pace] = Pace.within(FACTS.limit("requests_per_minute") / 60)

    def _read(self, options: Options) -> None:
        self._buttons = options.choice("buttons", AS_LINES, among=(AS_LINES, AS_ATTACHMENT))

    def build(self, message: Message) -> Request:
        """Write the call; a subject becomes the first line.

        Zalo shows no markup, so a message with only HTML is refused.
        """
        user_id = user(message.address)
        if unknown := message.data.keys() - DATA_KEYS:
            raise Unsupported(
                f"A Zalo OA message cannot carry {', '.join(sorted(unknown))}.",
                remedy=f"It knows {', '.join(sorted(DATA_KEYS))}.",
            )
        pressed = buttons.read(message.data, BUTTONS)
        lines = "".join(f"\n{one.title}: {one.url}" for one in pressed) if self._buttons == AS_LINES else ""
        content: dict[str, Any] = {"text": _text(message, lines)}
        picture = _picture(message.data)
        if pressed and not lines:
            content["attachment"] = _attachment(pressed, picture)
        elif picture:
            content["attachment"] = {"type": "template", "payload": {"template_type": "media", "elements": [picture]}}
        if quoted := message.data.get("quote_message_id"):
            content["quote_message_id"] = str(quoted)
        return Request(
            event_id=message.event_id,
            target="/v3.0/oa/message/cs",
            body=json.dumps(
                {"recipient": {"user_id": user_id}, "message": content}, ensure_ascii=False, sort_keys=True
            ).encode("utf-8", "replace"),
            headers={"Content-Type": "application/json", DELIVERY_HEADER: message.event_id},
            ids={"user_id": user_id},
        )


def user(address: str) -> str:
    """Give a Zalo user's id; raises Unsupported."""
    if USER_ID.fullmatch(address.strip()):
        return address.strip()
    raise Unsupported(
        f"{address!r} is no Zalo user's id.",
        remedy=f"It has {FACTS.limit('user_id_least_digits')} to {FACTS.limit('user_id_most_digits')} digits, as "
        "Zalo's events and its list of followers give it.",
        klass=ReceiptClass.INVALID_ADDRESS,
    )


def _attachment(pressed: Sequence[Button], picture: Mapping[str, str] | None) -> dict[str, Any]:
    if picture:
        raise Unsupported(
            "A Zalo OA message has a picture or buttons, not both.",
            remedy=f'Leave one out, or set the channel\'s "buttons" to "{AS_LINES}".',
        )
    written = [{"title": one.title, "type": "oa.open.url", "payload": {"url": one.url}} for one in pressed]
    return {"type": "template", "payload": {"buttons": written}}


def _text(message: Message, lines: str) -> str:
    """Write the text, with its buttons as lines; raises Unsupported."""
    text = plain_text(message.text, channel="Zalo OA")
    if message.subject:
        text = f"{plain_text(message.subject, channel='Zalo OA')}\n\n{text}"
    if lines:
        text = f"{text.rstrip()}\n{lines}"
    text = unicodedata.normalize("NFC", text)
    if len(text) > FACTS.limit("text_characters"):
        raise Unsupported(
            f"The Zalo OA message has {len(text)} characters of {FACTS.limit('text_characters')}.",
            remedy="Shorten the template.",
            klass=ReceiptClass.TOO_LARGE,
        )
    return text


def _picture(data: Mapping[str, Any]) -> dict[str, str] | None:
    url, attachment_id = data.get("image_url"), data.get("attachment_id")
    if url and attachment_id:
        raise Unsupported(
            "A Zalo OA message has one picture: image_url or attachment_id.", remedy="Leave one of them out."
        )
    if attachment_id:
        return {"media_type": "image", "attachment_id": str(attachment_id)}
    if not url:
        return None
    if not isinstance(url, str) or not url.startswith(HTTPS):
        raise Unsupported("The picture of a Zalo OA message has no https address.", remedy="Correct image_url.")
    return {"media_type": "image", "url": url}
