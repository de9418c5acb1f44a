"""How often a caller may ask per minute: per key, and per address if no key is needed or a credential was refused.

A key is counted by its hash, before the database is asked whose it is, so that a flood uses no connections.
"""

import hashlib
import ipaddress
import math
from collections.abc import Mapping

from fastapi import Request

from api.services import Services
from engine.throttle import WINDOW_S, Limit, Taken
from engine.visitors import Visitor
from rules.errors import TooMany

_STATE = "leo.rate"
# Whoever has one IPv6 address has the rest of its network too.
_IPV6_NETWORK = 64


async def by_key(request: Request, key: str) -> None:
    """Count a request with an API key; raises TooMany."""
    await _take(request, Limit("key", _services(request).settings.rate_per_key), key)


async def by_address(request: Request) -> None:
    """Count a request that needs no key; raises TooMany."""
    await _take(request, Limit("address", _services(request).settings.rate_per_address), address_of(request))


async def reply(request: Request, visitor: Visitor) -> None:
    """Count a message written by a visitor of a web site; raises TooMany."""
    who = f"{visitor.tenant_id}/{visitor.channel_id}/{visitor.address}"
    await _take(request, Limit("reply", _services(request).settings.rate_replies), who)


async def may_guess(request: Request) -> None:
    """Check whether too many credentials from this address were refused lately; raises TooMany."""
    await _take(request, _refusals(request), address_of(request), weight=0)


async def refused(request: Request) -> None:
    """Count a refused credential; raises TooMany if this address has had too many."""
    await _take(request, _refusals(request), address_of(request))


def headers(scope: Mapping[str, object]) -> dict[str, str]:
    """Give the headers that say what is left of this request's quota (draft-ietf-httpapi-ratelimit-headers)."""
    taken = scope.get(_STATE)
    if not isinstance(taken, Taken):
        return {}
    name = taken.limit.name
    return {
        "RateLimit-Policy": f'"{name}";q={taken.limit.quota};w={WINDOW_S}',
        "RateLimit": f'"{name}";r={taken.left};t={math.ceil(taken.wait_s)}',
    }


def address_of(request: Request) -> str:
    """Give the caller's address, or its network, as the server reports it.

    A proxy in front has to be trusted by the server.
    """
    host = request.client.host if request.client else "unknown"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return hashlib.sha256(host.encode()).hexdigest()
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK), strict=False))
    return str(address)


def _refusals(request: Request) -> Limit:
    return Limit("refused", _services(request).settings.rate_refused)


async def _take(request: Request, limit: Limit, who: str, *, weight: int = 1) -> None:
    taken = await _services(request).throttle.take(limit, who, weight=weight)
    if taken is None:
        return
    request.scope[_STATE] = taken
    if not taken.is_allowed:
        raise TooMany(
            f"That is more than {limit.quota} a minute.",
            remedy="Wait as long as the header Retry-After says, and send fewer at once.",
            wait_s=taken.wait_s,
        )


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services
