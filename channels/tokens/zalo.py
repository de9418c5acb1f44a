"""Zalo's OAuth v4: a refresh token is for one use, and gives a new pair that ends the old access token at once.

Whoever loses the new pair has lost the grant: the caller commits it before anything else.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from channels import facts
from channels.contract import MayHaveLeft, NeverLeft, Secret
from channels.documents import document, text_of, whole_number
from channels.egress import Egress
from channels.http import HttpClient
from channels.tokens import GrantEnded, Keeper, Kept, TryAgain

FACTS = facts.load("zalo_oa")
OAUTH_URL = "https://oauth.zaloapp.com"
# Both below what a worker waits for when it stops: a renewal is never given up half-way.
CONNECT_S, TOTAL_S = 2.0, 6.0
HTTP_ERROR = 500
BUSY = -32
MARGIN = timedelta(hours=1)
"""Renewed so long before the end, or at half of its life where that is shorter."""
SETTLING = timedelta(hours=1)
"""A pair that was just given stays for so long, so that a second channel can be connected with the same."""
REMEDY = (
    "Authorise the Official Account again on Zalo's page for developers, and connect the channel with the new pair."
)


async def keep(settings: Mapping[str, Any], now: datetime, egress: Egress) -> Kept:
    """Use the refresh token up and give the new pair."""
    form = {
        "refresh_token": settings["refresh_token"],
        "app_id": settings["app_id"],
        "grant_type": "refresh_token",
    }
    url = f"{settings.get('oauth_url') or OAUTH_URL}/v4/oa/access_token"
    headers = {"secret_key": settings["app_secret"], "Content-Type": "application/x-www-form-urlencoded"}
    http = HttpClient(egress=egress, connections=1, connect_timeout_s=CONNECT_S, total_timeout_s=TOTAL_S)
    try:
        answer = await http.post(url, urlencode(form).encode(), headers)
    except (NeverLeft, MayHaveLeft) as error:
        raise TryAgain(
            f"Zalo's token could not be renewed ({error.cause}).", remedy="It is tried again by itself."
        ) from error
    finally:
        await http.aclose()
    told = document(answer)
    body = told if isinstance(told, Mapping) else {}
    access, refresh = text_of(body, "access_token"), text_of(body, "refresh_token")
    if access and refresh:
        return _kept(access, refresh, whole_number(body.get("expires_in")), now)
    code = whole_number(body.get("error"))
    if code == BUSY or (code is None and (answer.status >= HTTP_ERROR or not body)):
        raise TryAgain(
            f"Zalo renews no token now (HTTP {answer.status}, error {code}).", remedy="It is tried again by itself."
        )
    words = text_of(body, "error_description") or text_of(body, "error_name") or text_of(body, "message")
    raise GrantEnded(f"Zalo refuses the refresh token: {code} {words[:200]}".rstrip(), remedy=REMEDY)


def _kept(access: str, refresh: str, life_s: int | None, now: datetime) -> Kept:
    life = timedelta(seconds=life_s if life_s and life_s > 0 else FACTS.limit("access_token_s"))
    return Kept(
        secrets={"access_token": Secret(access), "refresh_token": Secret(refresh)},
        ends_at=now + life,
        look_at=now + life - min(MARGIN, life / 2),
    )


def _first_look(settings: Mapping[str, Any], now: datetime) -> datetime:
    return now + SETTLING if settings.get("access_token") else now


ZALO = Keeper(
    keep=keep,
    needs=("app_id", "app_secret", "refresh_token"),
    shared_by=("app_id", "refresh_token"),
    first_look=_first_look,
)
