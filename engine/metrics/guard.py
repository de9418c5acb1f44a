"""Who may read /metrics: whoever has the token; without a token, callers on this machine that come through no proxy."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

from engine.settings import Settings
from rules.errors import Forbidden, Unauthorized

# Behind a proxy on the same machine, everybody comes from the loopback address.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def admit(settings: Settings, *, client: str | None, headers: Mapping[str, str]) -> None:
    """Let the caller through, or raise Unauthorized or Forbidden; the names of `headers` are in lower case."""
    if settings.metrics_token is not None:
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {settings.metrics_token.get_secret_value()}".encode()):
            raise Unauthorized(
                "The metrics need their token.", remedy="Send Authorization: Bearer with LEO_METRICS_TOKEN."
            )
        return
    if not _is_local(client) or any(name in headers for name in _FORWARDED):
        raise Forbidden(
            "Without a token the metrics are told on this machine alone.",
            remedy="Set LEO_METRICS_TOKEN and have Prometheus send it.",
        )


def _is_local(client: str | None) -> bool:
    try:
        return client is not None and ip_address(client).is_loopback
    except ValueError:
        return False
