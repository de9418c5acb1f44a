"""The one place that speaks HTTP to providers: bounded in time, connections and response size.

It distinguishes two failures: the request never left (refused, unknown host, TLS), or it may have left. An answer with
any status is an answer and not an error. No other module imports httpx or knows its errors.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from channels import egress
from channels.contract import MayHaveLeft, NeverLeft
from channels.egress import WEB_PORTS, Egress, Inside

USER_AGENT = "leo-activation"
RESPONSE_LIMIT = 262_144
# Below the idle timeout of common front servers (60 to 75 s). A POST on a connection that the server is just closing
# cannot be told from one that it processed, and would become an uncertain delivery.
KEEPALIVE_S = 15.0
REMEDY_RETRY = "Nothing was sent; it is tried again. If it lasts, check the address of the provider and the network."
REMEDY_UNCERTAIN = "Compare with the provider's own log before sending again: it may have been delivered."

# httpx-aiohttp maps a cut connection to ConnectTimeout, as if nothing had left, so the original cause is looked at.
NEVER_LEFT: Mapping[type[Exception], str] = {
    aiohttp.ClientConnectorCertificateError: "tls",
    aiohttp.ClientSSLError: "tls",
    aiohttp.ClientConnectorDNSError: "unknown_host",
    aiohttp.ClientConnectorError: "refused",
    aiohttp.ClientProxyConnectionError: "refused",
    aiohttp.ConnectionTimeoutError: "connect_timeout",
    aiohttp.InvalidURL: "bad_url",
}


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """An answer; header names are in lower case, `body` is cut at RESPONSE_LIMIT."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class HttpClient:
    """A pool of connections for one adapter; `total_timeout_s` bounds a whole call, however slowly the server answers.

    `egress` says what may be called; ANYWHERE is for addresses in which no tenant had a say.
    """

    def __init__(
        self,
        *,
        egress: Egress,
        connections: int = 32,
        connect_timeout_s: float = 5.0,
        total_timeout_s: float = 15.0,
    ) -> None:
        self._total_timeout_s = total_timeout_s
        self._egress = egress
        self._slots = asyncio.Semaphore(connections)
        self._connections = connections
        self._client = httpx.AsyncClient(
            # The session is made inside the event loop that uses it.
            transport=AiohttpTransport(client=self._session),
            timeout=httpx.Timeout(total_timeout_s, connect=connect_timeout_s, pool=connect_timeout_s),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            trust_env=False,
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Send once; raises NeverLeft or MayHaveLeft if no complete answer came. Redirects are not followed.

        Waiting for a free connection has its own time limit: a call that only waited has sent nothing.
        """
        return await self._in_turn("POST", url, body, headers)

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        """Ask once; raises as `post` does."""
        return await self._in_turn("GET", url, None, headers)

    async def _in_turn(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpResponse:
        try:
            async with asyncio.timeout(self._total_timeout_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise NeverLeft(
                "All connections to the provider are busy.", remedy=REMEDY_RETRY, cause="pool_timeout"
            ) from error
        try:
            return await self._exchange(method, url, body, headers)
        finally:
            self._slots.release()

    async def _exchange(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpResponse:
        try:
            async with asyncio.timeout(self._total_timeout_s):
                return await self._answer(method, url, body, headers)
        except Inside as error:
            raise egress.refused() from error
        except httpx.HTTPError as error:
            raise _unanswered(error.__cause__ or error) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _unanswered(error) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise NeverLeft("The address of the provider is no URL.", remedy=REMEDY_RETRY, cause="bad_url") from error

    async def _answer(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> HttpResponse:
        # An address written in the URL itself is not resolved, so it is checked here, as the library reads it.
        called = URL(str(httpx.URL(url)))
        self._egress.check(called.host or "", called.port or 0, WEB_PORTS)
        async with self._client.stream(method, url, content=body, headers=dict(headers)) as response:
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > RESPONSE_LIMIT:
                    break
            return HttpResponse(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(content[:RESPONSE_LIMIT]),
            )

    def _session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                keepalive_timeout=KEEPALIVE_S,
                ssl=httpx.create_ssl_context(trust_env=False),
                resolver=_Resolver(self._egress),
                # Exactly the checked addresses are called, every time.
                use_dns_cache=False,
            )
        )

    async def aclose(self) -> None:
        await self._client.aclose()


class _Resolver(AbstractResolver):
    """Gives a name's addresses if all of them may be called."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self._egress.addresses(host, port, WEB_PORTS)
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _unanswered(cause: BaseException) -> NeverLeft | MayHaveLeft:
    """Only the type of the cause is told: its text may contain the URL, and the URL a credential."""
    if isinstance(getattr(cause, "os_error", None), Inside):
        return egress.refused()
    for kind, word in NEVER_LEFT.items():
        if isinstance(cause, kind):
            return NeverLeft(f"No connection to the provider ({word}).", remedy=REMEDY_RETRY, cause=word)
    word = "timeout" if isinstance(cause, TimeoutError) else "cut"
    return MayHaveLeft(f"The provider gave no answer ({word}).", remedy=REMEDY_UNCERTAIN, cause=word)
