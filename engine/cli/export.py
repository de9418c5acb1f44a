"""`leo export`: what the product learned, as files for other tools."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated
from uuid import UUID

import typer
from rich.console import Console

from engine.cli.reach import inside
from engine.db import Transaction
from engine.evaluation.finetune import EVAL, TRAIN, examples
from rules.errors import InvalidInput

app = typer.Typer(no_args_is_help=True)

STANDARD_OUTPUT = Path("-")
# Counted together with the splits, but not in a file.
DROPPED = "dropped"


@app.callback()
def export() -> None:
    """Export what the product learned, as files for other tools."""


@app.command()
def finetune(
    out: Annotated[Path, typer.Option(help="The JSON Lines file to write; - is standard output.")],
    eval_share: Annotated[float, typer.Option(min=0, max=0.9, help="The share that is kept for the test.")] = 0.2,
    approved: Annotated[bool, typer.Option("--approved", help="Only tasks that a human let happen.")] = False,
    keep_personal: Annotated[
        bool, typer.Option("--keep-personal", help="Also requests with an e-mail address or a telephone number.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")
    ] = None,
) -> None:
    """Export requests that succeeded, with their calls, as training data for FunctionGemma: see docs/evaluation.md."""
    counts: Counter[str] = Counter()

    async def work(conn: Transaction, tenant_id: UUID) -> None:
        with _opened(out) as file:
            async for example in examples(conn, tenant_id=tenant_id, approved=approved):
                if example.is_personal and not keep_personal:
                    counts[DROPPED] += 1
                    continue
                document = example.to_document(eval_share)
                counts[document["metadata"]] += 1
                file.write(json.dumps(document, ensure_ascii=False) + "\n")

    asyncio.run(inside(tenant, work))
    said = f"{counts[TRAIN]} to train on, {counts[EVAL]} to test with"
    if counts[DROPPED]:
        said += f"; {counts[DROPPED]} left out, for they hold an e-mail address or a telephone number"
    Console(stderr=True).print(f"{said}.")


@contextmanager
def _opened(out: Path) -> Iterator[IO[str]]:
    """Give a file that takes its name once it is complete; raises InvalidInput."""
    if out == STANDARD_OUTPUT:
        yield sys.stdout
        return
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(out)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}.", remedy="Name another file.") from error
    finally:
        part.unlink(missing_ok=True)
