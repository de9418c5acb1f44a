"""Google's service accounts: a signed assertion is exchanged for a token that is valid for an hour of calls.

Each adapter does one exchange at a time; calls that wait meanwhile get the token that it fetched.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from channels import jwt
from channels.contract import MayHaveLeft, NeverLeft, Secret
from channels.documents import document
from channels.http import HttpClient
from rules.errors import Misconfigured

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# A token is not used in its last minutes, because a call that waits for a connection must not arrive too late.
SPARE_S = 300.0
REMEDY = "Paste the whole JSON key file of a service account of the Firebase project."


@dataclass(frozen=True, slots=True)
class Denied:
    """The token endpoint answered, but not with a token."""

    status: int
    body: Mapping[str, Any] | str


class ServiceAccount:
    """The key of one account and its current token."""

    def __init__(self, document: Mapping[str, Any], *, token_url: str | None, life_s: int) -> None:
        """Raise Misconfigured if the document is not a key file."""
        needed = ("project_id", "client_email", "private_key")
        texts = {name: document.get(name) for name in needed}
        missing = [name for name, value in texts.items() if not isinstance(value, str) or not value]
        if missing:
            raise Misconfigured(f"The service_account lacks its {missing[0]}.", remedy=REMEDY)
        try:
            self._key = jwt.rsa_key(str(texts["private_key"]))
        except ValueError as error:
            raise Misconfigured("The private_key of the service_account is no RSA key.", remedy=REMEDY) from error
        self.project_id = str(texts["project_id"])
        self.private_key = Secret(str(texts["private_key"]))
        self._email = str(texts["client_email"])
        self._key_id = str(document.get("private_key_id") or "")
        self._url = token_url or str(document.get("token_uri") or "https://oauth2.googleapis.com/token")
        if urlsplit(self._url).scheme not in ("https", "http"):
            raise Misconfigured("The token_uri of the service_account is no URL.", remedy=REMEDY)
        self._life_s = life_s
        self._lock = asyncio.Lock()
        self._token: Secret | None = None
        self._usable_until = 0.0

    @property
    def secrets(self) -> list[Secret]:
        return [secret for secret in (self.private_key, self._token) if secret]

    async def token(self, http: HttpClient, *, now: float) -> Secret | Denied:
        """Give a token that is valid for long enough; raises NeverLeft if the endpoint gave no answer.

        Whatever happens to this call, no message has left yet.
        """
        async with self._lock:
            if self._token is not None and now < self._usable_until:
                return self._token
            return await self._fetch(http, now=now)

    def drop(self, token: Secret) -> None:
        """Forget a token that was refused, unless another has already replaced it."""
        if self._token is token:
            self._token = None

    async def _fetch(self, http: HttpClient, *, now: float) -> Secret | Denied:
        form = urlencode({"grant_type": GRANT, "assertion": self._assertion(int(now))}).encode()
        try:
            answer = await http.post(self._url, form, {"Content-Type": "application/x-www-form-urlencoded"})
        except MayHaveLeft as error:
            raise NeverLeft(error.message, remedy=error.remedy, cause=error.cause) from error
        body = document(answer)
        token = body.get("access_token") if isinstance(body, Mapping) else None
        if answer.status != HTTPStatus.OK or not isinstance(body, Mapping) or not isinstance(token, str) or not token:
            return Denied(answer.status, body)
        life = body.get("expires_in")
        life_s = float(life) if isinstance(life, int | float) and not isinstance(life, bool) else self._life_s
        self._token, self._usable_until = Secret(token), now + max(life_s - SPARE_S, life_s / 2)
        return self._token

    def _assertion(self, now: int) -> str:
        claims = {"iss": self._email, "scope": SCOPE, "aud": self._url, "iat": now, "exp": now + self._life_s}
        return jwt.rs256(self._key, claims, key_id=self._key_id)


def read(value: Any) -> Mapping[str, Any]:
    """Read a key file, given as an object or as text; raises Misconfigured."""
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping):
        raise Misconfigured("The service_account is no JSON key file.", remedy=REMEDY)
    return found
