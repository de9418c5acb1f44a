"""The API as a process: `python -m api`, listening where LEO_API_HOST and LEO_API_PORT say."""

import asyncio
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from fastapi import FastAPI

from api.app import app_with
from api.services import Services
from engine import lines, tracing
from engine.processes import table
from engine.settings import Settings
from rules.errors import InvalidInput, LeoError, Misconfigured, Unavailable

SHUTDOWN_S = 10
BACKLOG = 512


def main() -> int:
    """Serve until told to stop.

    An error of ours is printed as one sentence with its remedy; the exit code is 2 for a wrong setting.
    """
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        settings = Settings.load()
        if settings.api_port == 0:
            settings = table.resolved(settings)
        lines.configure(settings.log_level, settings.log_format)
        with tracing.opened(settings, "api"):
            asyncio.run(_serve(settings))
    except LeoError as error:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n")
        return 2 if isinstance(error, InvalidInput | Misconfigured) else 1
    except KeyboardInterrupt:
        return 130
    return 0


class _Server(uvicorn.Server):
    """Ends on a signal by returning: uvicorn's own server would raise the signal again, skipping every `finally`.

    For `drain_s` before that, /readyz says that the process is ending while everything is still answered, so that a
    load balancer sends no more requests here. A second signal ends it at once.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_s: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_s = drain_s

    def _end(self, number: int) -> None:
        if self._app.state.is_ending:
            self.handle_exit(number, None)
            return
        self._app.state.is_ending = True
        asyncio.get_running_loop().call_later(self._drain_s, self.handle_exit, signal.SIGTERM, None)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        yield


async def _serve(settings: Settings) -> None:
    with _listening(settings) as listener:
        async with Services.open(settings) as services:
            app = app_with(services)
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                forwarded_allow_ips=settings.trusted_proxies,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
            host, port = listener.getsockname()[:2]
            sys.stdout.write(f"http://{host}:{port}\n")
            sys.stdout.flush()
            await _Server(config, app, settings.drain_s).serve(sockets=[listener])


def _listening(settings: Settings) -> socket.socket:
    host, port = settings.api_host, settings.api_port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, asyncio turns Nagle's delay off: an answer takes 2 ms instead of 50.
        with ExitStack() as unless_it_listens:
            listener = unless_it_listens.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
            unless_it_listens.pop_all()
    except OSError as error:
        raise Unavailable(
            f"The API cannot listen on {host}:{port}: {error.strerror or error}.",
            remedy="End the program that uses the port, or set LEO_API_PORT to another (0: any free one).",
        ) from error
    return listener


if __name__ == "__main__":
    sys.exit(main())
