"""A slow network: a TCP proxy on loopback that forwards everything late, slowly, or for a while not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from engine.embedded.home import LOOPBACK

_PART = 16_384


@dataclass(slots=True)
class Proxy:
    """What is between two hosts: `delay_s` each way, `bytes_per_s` per connection and direction."""

    port: int
    delay_s: float
    bytes_per_s: float
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0

    async def stall(self, seconds: float) -> None:
        """Forward nothing for a while; what is sent meanwhile arrives afterwards."""
        self.flows.clear()
        await asyncio.sleep(seconds)
        self.flows.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while part := await reader.read(_PART):
                await asyncio.sleep(self.delay_s + len(part) / self.bytes_per_s)
                await self.flows.wait()
                writer.write(part)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def between(
    target_port: int, *, delay_s: float, bytes_per_s: float, host: str = LOOPBACK
) -> AsyncIterator[Proxy]:
    """Listen on a free port and forward to another one, on this host if none is named."""
    proxy = Proxy(0, delay_s, bytes_per_s)
    proxy.flows.set()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(host, target_port)
        except OSError:
            writer.close()
            return
        # Cut together with the proxy in the middle of everything: nobody is left to tell.
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(proxy.pump(reader, far_writer), proxy.pump(far_reader, writer))

    server = await asyncio.start_server(lead, LOOPBACK, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
