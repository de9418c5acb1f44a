"""The sandbox as a process of its own: `python -m channels.sandbox --help`.

It listens on 127.0.0.1 unless told otherwise, says where on its first line of output (JSON), and ends cleanly on
SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from channels.contract import Secret
from channels.sandbox.arango.control import ArangoControl
from channels.sandbox.arango.observer import Observer
from channels.sandbox.arango.server import ArangoApi
from channels.sandbox.arango.worlds import MOST_PEOPLE, PEOPLE, Worlds
from channels.sandbox.callback import Callback, Target
from channels.sandbox.chat import InboxApi
from channels.sandbox.control import Control, Outcomes, application
from channels.sandbox.faults import Faults
from channels.sandbox.fcm import FcmApi
from channels.sandbox.google import GoogleAccounts
from channels.sandbox.mail import MailHandler, protocol_factory
from channels.sandbox.page import Page
from channels.sandbox.plan import DEFAULT_CHANCES, Chances
from channels.sandbox.record import Record
from channels.sandbox.sendgrid import SendGridApi
from channels.sandbox.social.base import Town
from channels.sandbox.social.control import SocialControl
from channels.sandbox.social.facebook import GraphApi
from channels.sandbox.social.templates import TemplateApi
from channels.sandbox.social.zalo import ZaloApi
from channels.sandbox.telegram import BotApi
from channels.sandbox.web_push import WebPushApi
from channels.sandbox.webhooks import Webhooks
from rules.errors import LeoError, Unavailable

FAILED, USAGE_ERROR, ENDED = 1, 2, 130


def main() -> int:
    """Run until told to stop; exit code 1 if a port is taken, 2 for wrong arguments."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    # aiosmtpd warns about its own deprecated attributes at each login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        asyncio.run(_serve(arguments))
    except KeyboardInterrupt:
        return ENDED
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except (LeoError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_ERROR
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m channels.sandbox", description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--smtp-port", type=int, default=8725, help="0 takes any free one (8725)")
    add("--http-port", type=int, default=8780, help="the other providers and control; 0 takes any free one (8780)")
    add("--host", default="127.0.0.1", help="where both listen (127.0.0.1)")
    add("--also-at", metavar="ADDRESS", help="one more address of this machine that the HTTP providers answer at")
    add("--record", type=Path, help="append each message to this file as a JSON line")
    add("--callback", help="post outcomes as signed JSON arrays to this URL")
    add("--secret", default="", help="signs the callbacks; visible in the process list, so prefer --secret-file")
    add("--secret-file", type=Path, help="a file that holds the secret")
    add("--telegram-callback", help="post replies and blocks as Telegram updates to this URL")
    add("--telegram-secret", help="the secret token of these updates; the secret above if absent")
    add("--telegram-token", help="the only bot token accepted; any well-formed one if absent")
    add("--smtp-login", metavar="USER:PASSWORD", help="the only login accepted; any if absent")
    add("--tls-cert", type=Path, help="offer STARTTLS with this certificate")
    add("--tls-key", type=Path, help="the key of the certificate")
    add("--chance", action="append", default=[], metavar="OUTCOME=SHARE", help=f"of {', '.join(DEFAULT_CHANCES)}")
    add("--seed", type=int, default=1, help="the same seed and event id give the same outcomes (1)")
    add("--delay-scale", type=float, default=1.0, help="0 tells outcomes at once, 1 within a minute (1)")
    add("--batch", type=int, choices=range(1, 501), metavar="1..500", default=500, help="outcomes in one post (500)")
    add("--retry-for", type=float, default=600.0, help="seconds a post is tried again while the API is down (600)")
    add("--keep", type=int, default=5_000, help="messages kept in memory (5000)")
    add("--arango-people", type=_people, default=PEOPLE, help=f"people in the CDP's database leo_cdp ({PEOPLE})")
    return parser


def _people(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_PEOPLE:
        raise argparse.ArgumentTypeError(f"1 to {MOST_PEOPLE} people")
    return number


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    record = Record(arguments.record, keep=arguments.keep)
    faults = Faults()
    callback = Callback(_target(arguments))
    chances = Chances(_chances(arguments.chance), seed=arguments.seed, delay_scale=arguments.delay_scale)
    outcomes = Outcomes(chances, callback)
    bot = BotApi(record, faults, token=arguments.telegram_token, on_message=outcomes.on_message, callback=callback)
    worlds = Worlds(arguments.arango_people)
    arango = ArangoApi(worlds, faults)
    observer = Observer(worlds, faults)
    google = GoogleAccounts(faults)
    fcm = FcmApi(record, faults, google, on_message=outcomes.on_message)
    town = Town(record, faults, outcomes.on_message)
    zalo, graph = ZaloApi(town), GraphApi(town)
    inbox = InboxApi(record, faults, on_message=outcomes.on_message)
    control = Control(
        record=record, faults=faults, outcomes=outcomes, callback=callback, more=(arango, observer, town, google, inbox)
    )
    more = [*arango.routes(), *ArangoControl(worlds, arango).routes(), *zalo.routes()]
    more += observer.routes()
    more += [*Page(record).routes(), *google.routes(), *fcm.routes()]
    more += WebPushApi(record, faults, on_message=outcomes.on_message).routes()
    more += [*inbox.routes(), *Webhooks(callback).routes()]
    more += SendGridApi(record, faults, on_message=outcomes.on_message).routes()
    more += [*SocialControl(town, zalo, graph).routes(), *TemplateApi(town).routes(), *graph.routes()]
    handler = MailHandler(record, faults, on_message=outcomes.on_message)
    make = protocol_factory(handler, login=_login(arguments.smtp_login), tls=_tls(arguments))

    with _listening("--smtp-port", arguments.host, arguments.smtp_port):
        smtp = await loop.create_server(make, arguments.host, arguments.smtp_port, backlog=1024)
    runner = web.AppRunner(application(control, bot, more), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    with _listening("--http-port", arguments.host, arguments.http_port):
        await web.TCPSite(runner, arguments.host, arguments.http_port, backlog=1024).start()
    if arguments.also_at:
        await web.TCPSite(runner, arguments.also_at, runner.addresses[0][1], backlog=1024).start()
    posting = asyncio.create_task(callback.run())
    ports = {"smtp_port": smtp.sockets[0].getsockname()[1], "http_port": runner.addresses[0][1]}
    sys.stdout.write(json.dumps({"ready": True, **ports}) + "\n")
    sys.stdout.flush()

    await stop.wait()
    smtp.close()
    await runner.cleanup()
    posting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await posting
    await callback.aclose()
    record.close()


@contextlib.contextmanager
def _listening(option: str, host: str, port: int) -> Iterator[None]:
    """Say which port is taken; asyncio's own sentence has the error number and an address in brackets."""
    try:
        yield
    except OSError as error:
        is_name = isinstance(error, socket.gaierror)
        said = error.strerror if is_name else os.strerror(error.errno or 0)
        raise Unavailable(
            f"The sandbox cannot listen on {host}:{port}: {said}.",
            remedy="Name another with --host."
            if is_name
            else f"End the program that uses the port, or name another with {option} (0: any free one).",
        ) from error


def _target(arguments: argparse.Namespace) -> Target:
    secret = arguments.secret_file.read_text().strip() if arguments.secret_file else arguments.secret
    return Target(
        url=arguments.callback,
        secret=Secret(secret),
        telegram_url=arguments.telegram_callback,
        telegram_secret=Secret(arguments.telegram_secret or secret),
        batch=arguments.batch,
        retry_for_s=arguments.retry_for,
    )


def _chances(given: list[str]) -> dict[str, float]:
    pairs = (item.partition("=") for item in given)
    try:
        return {name: float(share) for name, _, share in pairs}
    except ValueError:
        raise SystemExit("A chance is written like read=0.4.") from None


def _login(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    user, _, password = given.partition(":")
    return user, password


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    return context


if __name__ == "__main__":
    sys.exit(main())
