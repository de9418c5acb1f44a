"""Google's token endpoint of the sandbox, and the service accounts it issues."""

import json
import secrets
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from channels.jwt import from_base64url
from channels.sandbox.failing import fail
from channels.sandbox.faults import Faults, PlannedFault

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
OFFICIAL = "https://oauth2.googleapis.com/token"
SCOPES = frozenset(
    {
        "https://www.googleapis.com/auth/firebase.messaging",
        "https://www.googleapis.com/auth/cloud-platform",
    }
)
PROJECT, EMAIL = "leo-sandbox", "sandbox@leo-sandbox.iam.gserviceaccount.com"
LIFE_S, SKEW_S = 3600, 300
INVALID_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
    "Check your iat and exp values in the JWT claim."
)


class GoogleAccounts:
    """Exchanges assertions for tokens. A key that the sandbox issued is checked; any other is taken at its word."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._tokens: dict[str, float] = {}
        self._key: rsa.RSAPrivateKey | None = None

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/google/token", self.exchange),
            web.get("/_sandbox/google/service-account", self.issue),
        ]

    def is_known(self, token: str) -> bool:
        return self._tokens.get(token, 0.0) > time.time()

    def clear(self) -> None:
        self._tokens.clear()

    async def issue(self, request: web.Request) -> web.Response:
        """`GET /_sandbox/google/service-account`: a key file, as the Firebase console gives it."""
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return web.json_response(
            {
                "type": "service_account",
                "project_id": PROJECT,
                "private_key_id": "sandbox",
                "private_key": pem,
                "client_email": EMAIL,
                "client_id": "1",
                "token_uri": f"http://{request.host}/google/token",
            }
        )

    async def exchange(self, request: web.Request) -> web.StreamResponse:
        """`POST /google/token`: an hour's token for a good assertion."""
        fault = self._faults.take("app_push", address="", stage="token")
        if fault is not None:
            return await fail(request, fault, _planned)
        form = await request.post()
        if form.get("grant_type") != GRANT:
            return _error(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")
        wrong = self._wrong(str(form.get("assertion", "")), own_url=f"http://{request.host}/google/token")
        if wrong is not None:
            return _error(400, *wrong)
        token = f"ya29.{secrets.token_urlsafe(32)}"
        self._tokens[token] = time.time() + LIFE_S
        return web.json_response({"access_token": token, "expires_in": LIFE_S - 1, "token_type": "Bearer"})

    def _wrong(self, assertion: str, *, own_url: str) -> tuple[str, str] | None:
        signed, _, signature = assertion.rpartition(".")
        try:
            header, claims = (json.loads(from_base64url(part)) for part in signed.split("."))
            octets = from_base64url(signature)
        except (ValueError, RecursionError):
            return "invalid_grant", "Bad Request"
        if not isinstance(header, Mapping) or not isinstance(claims, Mapping) or header.get("alg") != "RS256":
            return "invalid_grant", "Invalid JWT Signature."
        if claims.get("aud") not in (own_url, OFFICIAL):
            return "invalid_grant", "Invalid JWT: Failed audience check"
        if not _are_sane(claims.get("iat"), claims.get("exp")):
            return "invalid_grant", INVALID_TIMES
        if not SCOPES & set(str(claims.get("scope", "")).split()):
            return "invalid_scope", f"Invalid OAuth scope or ID token audience provided: {claims.get('scope')}"
        return (
            None if self._is_signed(claims.get("iss"), signed, octets) else ("invalid_grant", "Invalid JWT Signature.")
        )

    def _is_signed(self, issuer: Any, signed: str, signature: bytes) -> bool:
        if issuer != EMAIL:
            return bool(signature)
        if self._key is None:
            return False
        try:
            self._key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


def _are_sane(issued: Any, expires: Any) -> bool:
    if not isinstance(issued, int) or not isinstance(expires, int):
        return False
    return abs(issued - time.time()) <= SKEW_S and 0 < expires - issued <= LIFE_S


def _planned(fault: PlannedFault) -> web.Response:
    word = "invalid_grant" if fault.status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal_failure"
    return _error(fault.status, word, fault.text or "Invalid grant: account not found")


def _error(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
