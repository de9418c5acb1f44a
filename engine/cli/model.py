"""`leo model`: keep FunctionGemma in a process of its own, for the workers to ask."""

import asyncio
import signal

import typer

from engine.settings import Settings
from engine.think.functiongemma.model import FunctionGemma
from engine.think.functiongemma.serve import serve
from engine.think.functiongemma.wire import token_of
from rules.errors import Misconfigured, Unavailable


def model() -> None:
    """Serve FunctionGemma from a GGUF file (LEO_FUNCTIONGEMMA_MODEL) until Ctrl-C; workers find it by LEO_MODEL_URL."""
    settings = Settings.load()
    path = settings.functiongemma_model
    if path is None:
        raise Misconfigured(
            "No model file is named.", remedy="Set LEO_FUNCTIONGEMMA_MODEL to a GGUF file: see docs/models.md."
        )
    held = FunctionGemma(path, threads=settings.model_threads)
    typer.echo(f"{held.model} is loaded")
    asyncio.run(_serve(settings, held, token_of(settings)))


async def _serve(settings: Settings, held: FunctionGemma, token: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host, port = settings.model_host, settings.model_port
    try:
        await serve(held, token=token, host=host, port=port, stop=stop, ready=_say)
    except OSError as error:
        raise Unavailable(
            f"leo model cannot listen on {host}:{port}: {error.strerror or error}.",
            remedy="End the program that uses the port, or set LEO_MODEL_PORT to another (0: any free one).",
        ) from error


def _say(url: str) -> None:
    typer.echo(url)
    typer.echo(f"Workers ask it with LEO_MODEL_URL={url}. End: Ctrl-C")
