"""`leo task`: ask for agent tasks, look at them, approve or reject them."""

import asyncio
import dataclasses
import getpass
import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from engine import tasks
from engine.cli.reach import inside
from engine.cli.segment_files import text_of
from engine.db import Transaction
from engine.tasks import Task, Told
from engine.tenants import ALL_SCOPES
from engine.think.contract import Call
from rules.conditions import Language
from rules.errors import InvalidInput
from rules.words import TaskStatus

app = typer.Typer(no_args_is_help=True)

IdArgument = Annotated[int, typer.Argument(help="The task's id.", min=1)]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
NoteOption = Annotated[str | None, typer.Option("--note", help="Why; it is kept with the task.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def ask(
    text: Annotated[str | None, typer.Argument(help="What is asked for, in Vietnamese or English.")] = None,
    calls: Annotated[
        Path | None, typer.Option(help='Instead of a text: a JSON file, [{"name", "arguments"}]; - is standard input.')
    ] = None,
    locale: Annotated[Language, typer.Option(help="In which language the summary is.")] = Language.VI,
    key: Annotated[str | None, typer.Option(help="The same key again is the same task.")] = None,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a task; a worker takes it within a second or two."""
    given = [] if calls is None else _calls(text_of(calls))

    async def work(conn: Transaction, tenant_id: UUID) -> Task:
        task, _ = await tasks.ask(
            conn,
            tenant_id=tenant_id,
            scopes=ALL_SCOPES,
            text=text,
            calls=given,
            locale=locale,
            key=key,
            asked_by=_who(),
        )
        return task

    _tell(asyncio.run(inside(tenant, work)), as_json=as_json)


@app.command("list")
def list_(
    status: Annotated[TaskStatus | None, typer.Option(help="Only tasks of this status.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 20,
    tenant: TenantOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tasks, the newest first."""

    async def work(conn: Transaction, tenant_id: UUID) -> list[Task]:
        return await tasks.list_tasks(conn, tenant_id=tenant_id, status=status, limit=limit)

    found = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json([_document(one) for one in found]))
        return
    table = Table("task", "at (UTC)", "status", "tries failed", "asked")
    for one in found:
        cells = (str(one.task_id), f"{one.created_at:%Y-%m-%d %H:%M:%S}", one.status, str(one.attempts), _asked(one))
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(table)


@app.command()
def show(task_id: IdArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Show a task: its plan, what became of it, and each step on the way."""

    async def work(conn: Transaction, tenant_id: UUID) -> tuple[Task, list[Told]]:
        task = await tasks.get_task(conn, tenant_id=tenant_id, task_id=task_id)
        return task, await tasks.steps(conn, tenant_id=tenant_id, task_id=task_id)

    task, trace = asyncio.run(inside(tenant, work))
    if as_json:
        typer.echo(_json({**_document(task), "trace": [dataclasses.asdict(step) for step in trace]}))
        return
    table = Table("step", "at (UTC)", "what", "how")
    for step in trace:
        cells = (str(step.place), f"{step.at:%H:%M:%S.%f}"[:-3], step.kind, _json(step.document))
        table.add_row(*(Text(cell) for cell in cells))
    Console().print(Group(Text(_said(task)), table))


@app.command()
def approve(
    task_id: IdArgument, note: NoteOption = None, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Approve a waiting task, so that it carries out its plan."""

    async def work(conn: Transaction, tenant_id: UUID) -> Task:
        return await tasks.approve(conn, tenant_id=tenant_id, task_id=task_id, by=_who(), note=note)

    _tell(asyncio.run(inside(tenant, work)), as_json=as_json)


@app.command()
def reject(
    task_id: IdArgument, note: NoteOption = None, tenant: TenantOption = None, as_json: JsonOption = False
) -> None:
    """Reject a waiting task."""

    async def work(conn: Transaction, tenant_id: UUID) -> Task:
        return await tasks.reject(conn, tenant_id=tenant_id, task_id=task_id, by=_who(), note=note)

    _tell(asyncio.run(inside(tenant, work)), as_json=as_json)


@app.command()
def cancel(task_id: IdArgument, tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Cancel a task that has not ended; what it has already done stays done."""

    async def work(conn: Transaction, tenant_id: UUID) -> Task:
        return await tasks.cancel(conn, tenant_id=tenant_id, task_id=task_id, by=_who())

    _tell(asyncio.run(inside(tenant, work)), as_json=as_json)


def _calls(text: str) -> list[Call]:
    try:
        return [Call(one["name"], one.get("arguments", {})) for one in json.loads(text)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            "The calls cannot be read.", remedy='Write a JSON list: [{"name": "...", "arguments": {}}].'
        ) from error


def _who() -> str:
    return f"cli {getpass.getuser()}"


def _asked(task: Task) -> str:
    return str(task.request.get("text") or ", ".join(one["name"] for one in task.request.get("calls", [])))


def _said(task: Task) -> str:
    lines = [f"Task {task.task_id} is {task.status}: {_asked(task)}"]
    if task.status is TaskStatus.AWAITING_APPROVAL and task.approval is not None:
        people = task.approval["people"]
        reach = "people that nobody can count before" if people is None else f"{people:,} people"
        lines.append(f"It would reach {reach}; {task.approval['limit']:,} need nobody's approval.")
    lines += [f"  {one.place}. {one.call.name} {_json(dict(one.call.arguments))}" for one in task.plan]
    return "\n".join([*lines, *([task.summary] if task.summary else [])])


def _document(task: Task) -> dict[str, Any]:
    return {**dataclasses.asdict(task), "plan": [one.to_document() for one in task.plan]}


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, default=str)


def _tell(task: Task, *, as_json: bool) -> None:
    typer.echo(_json(_document(task)) if as_json else _said(task))
