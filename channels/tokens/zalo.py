"""Zalo's OAuth v4: the first pair of tokens for a consent's code (PKCE), each further pair for a refresh token.

A refresh token can be used once, and gives a new pair that ends the old access token at once. Losing the new pair means
losing the grant, so the caller commits it before anything else.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from channels import facts
from channels.contract import MayHaveLeft, NeverLeft, Secret
from channels.documents import document, text_of, whole_number
from channels.egress import Egress
from channels.http import HttpClient
from channels.tokens import GrantEnded, Keeper, Kept, TryAgain
from rules.faults import Fault, Value

FACTS = facts.load("zalo_oa")
OAUTH_URL = "https://oauth.zaloapp.com"
# Both are shorter than a stopping worker waits, so a renewal is never abandoned half-way.
CONNECT_S, TOTAL_S = 2.0, 6.0
BUSY = -32
MARGIN = timedelta(hours=1)
"""Renew this long before the end, or at half of the token's life if that is shorter."""
SETTLING = timedelta(hours=1)
"""A new pair is left alone for this long, so that a second channel can be connected with it."""
REMEDY = (
    "Authorise the Official Account again on Zalo's page for developers, and connect the channel with the new pair."
)


def challenge_of(code_verifier: str) -> str:
    """Give the challenge (S256) for Zalo's page for developers and for the consent's address."""
    return base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()


def consent_url(
    *, app_id: str, redirect_uri: str, code_verifier: str, state: str = "", oauth_url: str = OAUTH_URL
) -> str:
    """Give the page on which an administrator of the account consents; it redirects to `redirect_uri` with `code`."""
    asked = {"app_id": app_id, "redirect_uri": redirect_uri, "code_challenge": challenge_of(code_verifier)}
    return f"{oauth_url}/v4/oa/permission?{urlencode(asked | ({'state': state} if state else {}))}"


async def exchange(settings: Mapping[str, Any], now: datetime, egress: Egress) -> Kept:
    """Give the first pair for `code` and `code_verifier`; that uses the code up. Raises as `keep` does."""
    form = {
        "code": settings["code"],
        "app_id": settings["app_id"],
        "grant_type": "authorization_code",
        "code_verifier": settings["code_verifier"],
    }
    return await _ask(settings, form, now, egress)


async def keep(settings: Mapping[str, Any], now: datetime, egress: Egress) -> Kept:
    """Use up the refresh token and give the new pair."""
    form = {
        "refresh_token": settings["refresh_token"],
        "app_id": settings["app_id"],
        "grant_type": "refresh_token",
    }
    return await _ask(settings, form, now, egress)


async def _ask(settings: Mapping[str, Any], form: Mapping[str, str], now: datetime, egress: Egress) -> Kept:
    url = f"{settings.get('oauth_url') or OAUTH_URL}/v4/oa/access_token"
    headers = {"secret_key": settings["app_secret"], "Content-Type": "application/x-www-form-urlencoded"}
    http = HttpClient(egress=egress, connections=1, connect_timeout_s=CONNECT_S, total_timeout_s=TOTAL_S)
    try:
        answer = await http.post(url, urlencode(form).encode(), headers)
    except (NeverLeft, MayHaveLeft) as error:
        raise _later("unreachable", said=error.cause) from error
    finally:
        await http.aclose()
    told = document(answer)
    body = told if isinstance(told, Mapping) else {}
    access, refresh = text_of(body, "access_token"), text_of(body, "refresh_token")
    if access and refresh:
        return _kept(access, refresh, whole_number(body.get("expires_in")), now)
    code = whole_number(body.get("error"))
    if code == BUSY or (code is None and (answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or not body)):
        raise _later("silent", status=answer.status, said=str(code))
    words = text_of(body, "error_description") or text_of(body, "error_name") or text_of(body, "message")
    what = Fault("token.refresh") if "refresh_token" in form else Fault("token.code")
    fault = Fault("token.zalo_refuses", "token", {"what": what, "said": f"{code} {words[:200]}".rstrip(". ")})
    raise GrantEnded(fault.say().en, remedy=REMEDY, fault=fault)


def _later(kind: str, **values: Value) -> TryAgain:
    fault = Fault(f"token.zalo_{kind}", "token", values)
    return TryAgain(fault.say().en, remedy="It is tried again by itself.", fault=fault)


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
