"""Buttons as Messenger and Zalo take them: what they refuse, and what a person would see."""

from collections.abc import Mapping
from typing import Any

from channels import facts
from channels.buttons import is_web
from channels.sandbox.social.base import Refused

MESSENGER, ZALO = facts.load("facebook"), facts.load("zalo_oa")
Pressed = tuple[Mapping[str, str], ...]


def of_template(message: Mapping[str, Any]) -> tuple[str, Pressed] | None:
    """Give text and buttons of Messenger's button template; None for any other message. Raises Refused."""
    payload = _part(_part(message, "attachment"), "payload")
    if payload.get("template_type") != "button":
        return None
    text, given = payload.get("text"), payload.get("buttons")
    if not isinstance(text, str) or not text.strip():
        raise _wrong("text] must be non-empty.")
    if len(text) > (most := MESSENGER.limit("button_text_characters")):
        raise _wrong(f"text] must be less than or equal to {most} characters.")
    if not isinstance(given, list) or not 0 < len(given) <= (most := MESSENGER.limit("buttons")):
        raise _wrong(f"buttons] must have between 1 and {most} elements.")
    return text, tuple(_button(one) for one in given)


def of_quick_replies(message: Mapping[str, Any]) -> Pressed:
    """Give the quick replies of a text; raises Refused."""
    given = message.get("quick_replies", [])
    most = MESSENGER.limit("quick_replies")
    if not isinstance(given, list) or len(given) > most:
        raise Refused("100", f"(#100) Param message[quick_replies] has too many elements: at most {most}.")
    return tuple(_answer(one) for one in given)


def of_zalo(message: Mapping[str, Any]) -> Pressed:
    """Give the buttons of a consultation message; raises Refused."""
    given = _part(_part(message, "attachment"), "payload").get("buttons", [])
    if not isinstance(given, list) or len(given) > ZALO.limit("buttons"):
        raise Refused("-201", "buttons is invalid")
    return tuple(_zalo_button(one) for one in given)


def _button(one: Any) -> Mapping[str, str]:
    title = _title(one)
    if one.get("type") == "web_url":
        if not is_web(str(one.get("url", ""))):
            raise _wrong("buttons][url] should represent a valid URL")
        return {"title": title, "url": str(one["url"])}
    if one.get("type") != "postback":
        raise _wrong("buttons][type] is invalid")
    return {"title": title, "reply": _payload(one)}


def _answer(one: Any) -> Mapping[str, str]:
    if not isinstance(one, Mapping) or one.get("content_type") != "text":
        raise Refused("100", "(#100) Param message[quick_replies][content_type] is invalid")
    return {"title": _title(one), "reply": _payload(one)}


def _title(one: Any) -> str:
    title = one.get("title") if isinstance(one, Mapping) else None
    most = MESSENGER.limit("button_title_characters")
    if not isinstance(title, str) or not 0 < len(title) <= most:
        raise _wrong(f"buttons][title] must be between 1 and {most} characters.")
    return title


def _payload(one: Mapping[str, Any]) -> str:
    payload = one.get("payload")
    if not isinstance(payload, str) or not 0 < len(payload) <= MESSENGER.limit("button_reply_octets"):
        raise _wrong("buttons][payload] is invalid")
    return payload


def _zalo_button(one: Any) -> Mapping[str, str]:
    title = one.get("title") if isinstance(one, Mapping) else None
    if not isinstance(title, str) or not 0 < len(title) <= ZALO.limit("button_title_characters"):
        raise Refused("-201", "title of button is invalid")
    url = _part(one, "payload").get("url")
    if one.get("type") != "oa.open.url" or not is_web(str(url or "")):
        raise Refused("-201", "payload of button is invalid")
    return {"title": title, "url": str(url)}


def _part(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    return value if isinstance(value, Mapping) else {}


def _wrong(words: str) -> Refused:
    return Refused("100", f"(#100) Param message[attachment][payload][{words}")
