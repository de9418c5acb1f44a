"""Who may enter: a password with each request, or a token that was given for a password."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from typing import Any

TOKEN_S = 3600


class Logins:
    """Tokens are signed with a key of this process, so a restart ends them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def token(self, username: str) -> str:
        """Give a JWT (RFC 7519) signed with HS256, with the claims that ArangoDB writes."""
        now = int(time.time())
        claims = {"preferred_username": username, "iss": "arangodb", "iat": now, "exp": now + TOKEN_S}
        signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def may_enter(self, header: str, username: str, password: str) -> bool:
        """Whether the Authorization header is valid for the database of this user."""
        scheme, _, credentials = header.partition(" ")
        if scheme.lower() == "basic":
            return hmac.compare_digest(_decoded(credentials), f"{username}:{password}".encode())
        return scheme.lower() == "bearer" and self._user(credentials) == username

    def _user(self, token: str) -> str | None:
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._signature(signed).encode(), signature.encode()):
            return None
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
        return str(claims["preferred_username"]) if claims["exp"] > time.time() else None

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encoded(value: Any) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
