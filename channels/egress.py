"""Which hosts a channel may call: any on the Internet, but inside our network only those that the operator named.

A tenant names hosts in the settings of its channels, and people's data names push services. Without this border, either
could make a worker call its neighbours in the network or the cloud's metadata service. A name is resolved here, once,
and the connection goes to exactly the addresses that were checked, so a name that resolves differently the second time
gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from channels.contract import NeverLeft
from rules.errors import InvalidInput, Misconfigured

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name; raises OSError if it has none."""

WEB_PORTS = frozenset({80, 443, 8443})
MAIL_PORTS = frozenset({25, 465, 587, 2525})
INSIDE = "inside"
# Settings that name a file of the machine this runs on.
FILES = frozenset({"ca_file"})
SETTING = "LEO_ALLOWED_HOSTS"
REMEDY = f"Give an address on the Internet, and a usual port. The operator can let a place inside through: {SETTING}."
# Addresses that hold an IPv4 address in their last 32 bits: mapped, compatible, translated (RFC 6052).
_HOLD_IPV4 = tuple(ipaddress.IPv6Network(one) for one in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
# In addition to Python's table: translated locally (RFC 8215), site-local, shared (RFC 6598), for protocols (RFC 6890).
_INSIDE = tuple(ipaddress.ip_network(one) for one in ("64:ff9b:1::/48", "fec0::/10", "100.64.0.0/10", "192.0.0.0/24"))


class Inside(OSError):
    """An address that may not be called; an OSError, so that it passes through the libraries that connect."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that the operator allowed: a host by name, or a network; on any port if `port` is None."""

    host: str | None
    network: Network | None
    port: int | None

    def holds_name(self, host: str, port: int) -> bool:
        return self.host == host and self.port in (None, port)

    def opens(self, port: int) -> bool:
        return self.network is not None and self.port in (None, port)

    def holds(self, address: Address, port: int) -> bool:
        return self.opens(port) and self.network is not None and address in self.network


async def system(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


@dataclass(frozen=True, slots=True)
class Egress:
    """What may be called; `is_open` allows everything, for addresses that only the operator chooses."""

    places: tuple[Place, ...] = ()
    is_open: bool = False
    resolve: Resolve = system

    def beside(self, host: str, *ports: int) -> "Egress":
        """Give an egress that also allows these ports of one host."""
        return replace(self, places=(*self.places, *(_place(_joined(host, port)) for port in ports)))

    def check(self, host: str, port: int, usual: frozenset[int]) -> None:
        """Refuse what can be refused without resolving a name; raises Inside."""
        if self.is_open or self._is_named(host, port):
            return
        address = _address(host)
        if address is not None and not self._may_call(address, port, usual):
            raise Inside
        # Where a name leads is checked when it is called; all that can be checked now is whether its port may be called
        # at all.
        if address is None and (
            _is_local_name(host) or not (port in usual or any(place.opens(port) for place in self.places))
        ):
            raise Inside

    async def addresses(self, host: str, port: int, usual: frozenset[int]) -> list[str]:
        """Give the addresses to connect to, all of them checked; raises Inside, or OSError if there are none."""
        self.check(host, port, usual)
        if _address(host) is not None:
            return [host]
        found = list(await self.resolve(host, port))
        if not (self.is_open or self._is_named(host, port)):
            for one in found:
                address = _address(one)
                # One address inside is enough to refuse, because the library chooses which one it calls.
                if address is None or not self._may_call(address, port, usual):
                    raise Inside
        return found

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Refuse a channel's settings that lead inside as they are written; raises InvalidInput naming the setting.

        A name is checked when it is called, because it may lead elsewhere by then.
        """
        for name, value in settings.items():
            if name in FILES:
                raise InvalidInput(
                    f"The setting {name} names a file of the server.", remedy="The operator connects such a channel."
                )
            if not isinstance(value, str):
                continue
            try:
                if name == "host":
                    self.check(_bare(value), _number(settings.get("port", 587)), MAIL_PORTS)
                elif name.endswith("_url"):
                    self.check(*host_and_port(value), WEB_PORTS)
            except Inside as error:
                raise InvalidInput(
                    f"The setting {name} leads inside the network that this runs in.", remedy=REMEDY
                ) from error

    def _may_call(self, address: Address, port: int, usual: frozenset[int]) -> bool:
        return any(place.holds(address, port) for place in self.places) or (port in usual and is_outside(address))

    def _is_named(self, host: str, port: int) -> bool:
        return any(place.holds_name(host.lower().rstrip("."), port) for place in self.places)


ANYWHERE = Egress(is_open=True)
OUTSIDE = Egress()


def read(text: str | None) -> Egress:
    """Read LEO_ALLOWED_HOSTS: names, addresses and networks, comma-separated, each with or without `:port`.

    Raises Misconfigured.
    """
    return Egress(tuple(_place(one.strip()) for one in (text or "").split(",") if one.strip()))


def is_outside(address: Address) -> bool:
    """Whether an address is on the Internet; one that embeds another address is judged by that one too."""
    if isinstance(address, ipaddress.IPv6Address):
        held = [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) for network in _HOLD_IPV4 if address in network]
        held += [one for one in (address.sixtofour, *(address.teredo or ())) if one is not None]
        if held:
            return all(is_outside(one) for one in held)
    if any(address in network for network in _INSIDE if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def refused() -> NeverLeft:
    """Say that a call was not made, but not where the name led, which would reveal the network."""
    return NeverLeft("The channel's address leads inside the network that this runs in.", remedy=REMEDY, cause=INSIDE)


def host_and_port(url: str) -> tuple[str, int]:
    """Give both parts of a URL; raises Inside if it cannot be read, because then it cannot be judged."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError) as error:
        raise Inside from error
    if not host:
        raise Inside
    return host, port


def _place(text: str) -> Place:
    host, port = _split(text)
    try:
        return Place(None, ipaddress.ip_network(host, strict=False), port)
    except ValueError:
        pass
    if not host or not all(part and part.replace("-", "").replace("_", "").isalnum() for part in host.split(".")):
        raise Misconfigured(
            f"{SETTING} has {text!r}, which is no host.", remedy="Write mail.inside:25, 10.20.0.0/16 or [fd00::1]:443."
        )
    return Place(host.lower(), None, port)


def _split(text: str) -> tuple[str, int | None]:
    host, colon, port = text.rpartition(":")
    if text.startswith("["):
        inner, closed, after = text[1:].partition("]")
        return (inner if closed else text), int(after[1:]) if after[1:].isdigit() else None
    if not colon or ":" in host or not port.isdigit():
        return text, None
    return host, int(port)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(_bare(host).partition("%")[0])
    except ValueError:
        return None


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _number(port: object) -> int:
    return port if isinstance(port, int) else 0


def _is_local_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")
