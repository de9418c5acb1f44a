"""Tokens that the emulators issue, and a record of their use: which was used, how often, with what result.

Until an application is registered any token is accepted, so that a demonstration needs no consent; from then on only
issued ones are, and they expire.
"""

import hashlib
import hmac
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.errors import InvalidInput, NotFound

REMEDY = 'Post {"app_id": "...", "app_secret": "...", "kind": "zalo"|"facebook", "page_id"?: "...", "life_s"?: 90000}.'
ACCESS, REFRESH, USER, CODE = "access", "refresh", "user", "code"


@dataclass(slots=True, kw_only=True)
class App:
    """An application of a provider's page for developers."""

    app_id: str
    app_secret: str
    kind: str
    life_s: float
    page_id: str = ""


@dataclass(slots=True, kw_only=True)
class Token:
    """One token; `state` is live, used (a refresh token is for one use), replaced or revoked."""

    value: str
    kind: str
    app: App
    ends_at: float | None
    state: str = "live"
    uses: int = 0
    refusals: int = 0
    issued_at: float = field(default_factory=time.time)
    parent: "Token | None" = None
    """The token it was derived from, and with which it dies when that one is revoked."""
    challenge: str = ""
    """For a code: what the verifier given with it has to hash to."""

    @property
    def is_live(self) -> bool:
        is_orphan = self.parent is not None and self.parent.state == "revoked"
        return self.state == "live" and not is_orphan and (self.ends_at is None or time.time() < self.ends_at)


class Tokens:
    """All applications and tokens of one run; the values are made from a counter, so that a test can read them."""

    def __init__(self) -> None:
        self._apps: dict[str, App] = {}
        self._tokens: dict[str, Token] = {}
        self._numbers = itertools.count(1)

    def register(self, document: Any) -> App:
        """Take an application from a control request; raises InvalidInput."""
        names = ("app_id", "app_secret", "kind")
        if not isinstance(document, Mapping) or not all(isinstance(document.get(name), str) for name in names):
            raise InvalidInput("The application is wrong.", remedy=REMEDY)
        life_s = document.get("life_s", 90_000)
        if isinstance(life_s, bool) or not isinstance(life_s, int | float) or document["kind"] not in APPS:
            raise InvalidInput("The application is wrong.", remedy=REMEDY)
        app = App(
            app_id=document["app_id"],
            app_secret=document["app_secret"],
            kind=document["kind"],
            life_s=float(life_s),
            page_id=str(document.get("page_id", "")),
        )
        self._apps[app.app_id] = app
        return app

    def app(self, app_id: str) -> App | None:
        return self._apps.get(app_id)

    def issue(self, app: App, kind: str, *, life_s: float | None, challenge: str = "") -> Token:
        ends_at = None if life_s is None else time.time() + life_s
        value = f"{app.kind}-{kind}-{next(self._numbers)}"
        token = Token(value=value, kind=kind, app=app, ends_at=ends_at, challenge=challenge)
        self._tokens[token.value] = token
        return token

    def find(self, value: str) -> Token | None:
        return self._tokens.get(value)

    def has_apps(self, kind: str) -> bool:
        return any(app.kind == kind for app in self._apps.values())

    def replace(self, app: App, kind: str) -> None:
        """End the live tokens of a kind: Zalo's old access token ends when a new one is issued."""
        for token in self._tokens.values():
            if token.app is app and token.kind == kind and token.state == "live":
                token.state = "replaced"

    def revoke(self, value: Any) -> None:
        """End a token at once; raises NotFound."""
        token = self._tokens.get(str(value))
        if token is None:
            raise NotFound("There is no such token.", remedy="GET /_sandbox/social/tokens lists them.")
        token.state = "revoked"

    def listed(self) -> list[dict[str, Any]]:
        """Give every token with what became of it, the oldest first."""
        return [
            {
                "value": token.value,
                "kind": token.kind,
                "app_id": token.app.app_id,
                "state": token.state,
                "uses": token.uses,
                "refusals": token.refusals,
                "ends_at": token.ends_at,
            }
            for token in self._tokens.values()
        ]

    def clear(self) -> None:
        self._apps.clear()
        self._tokens.clear()


APPS = ("zalo", "facebook")


def proof(app_secret: str, token: str) -> str:
    """Give the `appsecret_proof` of a token."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
