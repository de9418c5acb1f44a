"""Zalo's template messages: by phone number on the business host, by user id on the account's."""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from channels import facts
from channels.sandbox.social.base import Arrival, Refused, Town, deliver, fields
from channels.sandbox.social.zalo import ENDED_TOKEN, INVALID_TOKEN

BY_PHONE = facts.load("zalo_template")
TOKEN_REFUSED = Refused("-124", "Access token is invalid")
PHONE = re.compile(r"\+?(84[0-9]{9})")
TEMPLATE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


class TemplateApi:
    """Every template exists and every number has a Zalo account, unless a planned failure says otherwise."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/message/template", self.by_phone),
            web.post("/v3.0/oa/message/template", self.by_user),
            web.get("/message/quota", self.quota),
        ]

    async def by_phone(self, request: web.Request) -> web.StreamResponse:
        """ZNS, since 2026 a part of ZBS."""
        given = await fields(request)
        try:
            self._admit(request, invalid=TOKEN_REFUSED, ended=TOKEN_REFUSED)
            phone = _phone(given)
        except Refused as refused:
            return _refused(refused)
        arrival = Arrival("zalo_template", f"+{phone}", _text(given))
        return await deliver(
            self._town, request, arrival, accepted=lambda: self._sent_by_phone(request, arrival), refused=_refused
        )

    async def by_user(self, request: web.Request) -> web.StreamResponse:
        """The same template to a user's id, without the seven-day window."""
        given = await fields(request)
        try:
            self._admit(request, invalid=INVALID_TOKEN, ended=ENDED_TOKEN)
            user_id = _user_id(given)
        except Refused as refused:
            return _refused(refused)
        arrival = Arrival("zalo_template", user_id, _text(given))
        return await deliver(
            self._town, request, arrival, accepted=lambda: self._sent_by_user(request, arrival), refused=_refused
        )

    async def quota(self, request: web.Request) -> web.Response:
        """The account's messages a day."""
        try:
            self._admit(request, invalid=TOKEN_REFUSED, ended=TOKEN_REFUSED)
        except Refused as refused:
            return _refused(refused)
        data = {"dailyQuota": "500", "remainingQuota": "500"}
        return web.json_response({"error": 0, "message": "Success", "data": data})

    def _admit(self, request: web.Request, *, invalid: Refused, ended: Refused) -> None:
        self._town.check_token("zalo", request.headers.get("access_token", ""), invalid=invalid, ended=ended)

    def _sent_by_phone(self, request: web.Request, arrival: Arrival) -> web.Response:
        message_id = f"{self._town.next_number():024x}"
        self._town.told_later(request, arrival, "zalo", message_id)
        data = {
            "msg_id": message_id,
            "sent_time": str(round(time.time() * 1000)),
            "sending_mode": "1",
            "quota": {"dailyQuota": "500", "remainingQuota": "499"},
        }
        return web.json_response({"error": 0, "message": "Success", "data": data})

    def _sent_by_user(self, request: web.Request, arrival: Arrival) -> web.Response:
        message_id = f"{self._town.next_number():032x}"
        self._town.told_later(request, arrival, "zalo", message_id)
        data = {
            "message_id": message_id,
            "user_id": arrival.address,
            "sent_time": str(round(time.time() * 1000)),
            "quota": {"quota_type": "purchase_quota", "remain": 499},
        }
        return web.json_response({"error": 0, "message": "Success", "data": data})


def _phone(given: Mapping[str, Any]) -> str:
    """Give the number of a complete message; raises Refused with the code of the business host."""
    phone = PHONE.fullmatch(str(given.get("phone", "")))
    if phone is None:
        raise Refused("-108", "Phone number is invalid")
    _check_content(given, invalid="-109")
    tracking_id = str(given.get("tracking_id", ""))
    if not 0 < len(tracking_id) <= BY_PHONE.limit("tracking_id_characters"):
        raise Refused("-122", "Body format is invalid: tracking_id")
    return phone[1]


def _user_id(given: Mapping[str, Any]) -> str:
    user_id = str(given.get("user_id", ""))
    if not user_id.isdigit():
        raise Refused("-201", "user_id is invalid")
    _check_content(given, invalid="-201")
    return user_id


def _check_content(given: Mapping[str, Any], *, invalid: str) -> None:
    if not TEMPLATE_ID.fullmatch(str(given.get("template_id", ""))):
        raise Refused(invalid, "Template ID is invalid")
    if not isinstance(given.get("template_data"), Mapping) or not given["template_data"]:
        raise Refused("-111" if invalid == "-109" else "-201", "Template data is empty")


def _text(given: Mapping[str, Any]) -> str:
    return json.dumps({name: given[name] for name in ("template_id", "template_data")}, ensure_ascii=False)


def _refused(refused: Refused, status: int = 200) -> web.Response:
    return web.json_response({"error": int(refused.code), "message": refused.text}, status=status)
