"""`leo archive`: how long decisions and deliveries stay live, moving older ones, exporting them as files."""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from engine import archive, embedded
from engine.audit import Signer
from engine.cli.reach import database, inside, one_tenant
from engine.db import Transaction
from engine.settings import Settings

app = typer.Typer(no_args_is_help=True)

TenantOption = Annotated[str | None, typer.Option("--tenant", help="The tenant's slug; not needed where there is one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DirectoryArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The export's directory.")]
DaysOption = Annotated[int | None, typer.Option(min=1, max=archive.MOST_DAYS, help="What is older is archived.")]
# The format of --until and --since, and how many ids a line names.
DAY = ["%Y-%m-%d"]
SHOWN = 10
OTHER_LEDGER = "This database's ledger is another than the one of the files."


@app.command()
def keep(
    days: DaysOption = archive.KEEP_DAYS,
    off: Annotated[bool, typer.Option("--off", help="Archive nothing more; what is archived stays there.")] = False,
    tenant: TenantOption = None,
) -> None:
    """Set how many days stay live: from then on workers archive what is older, every hour."""
    wanted = None if off else days

    async def work(conn: Transaction, _: UUID) -> None:
        await archive.keep(conn, days=wanted)

    asyncio.run(inside(tenant, work))
    typer.echo("Nothing more is archived." if wanted is None else f"{wanted} days stay live.")


@app.command()
def run(days: DaysOption = None, tenant: TenantOption = None) -> None:
    """Archive what is older now, without waiting for the workers."""
    moved = asyncio.run(_run(days, tenant))
    if moved is None:
        typer.echo("This tenant keeps everything live. Run: leo archive keep, or give --days")
        raise typer.Exit(1)
    typer.echo(f"{moved.decisions:,} decisions and {moved.deliveries:,} deliveries archived.")


@app.command()
def status(tenant: TenantOption = None, as_json: JsonOption = False) -> None:
    """Count what is live and what is archived."""
    found = asyncio.run(inside(tenant, _standing))
    if as_json:
        typer.echo(json.dumps(found, default=str))
        return
    days = "everything" if found["days"] is None else f"{found['days']} days"
    typer.echo(
        f"live      {found['live_decisions']:,} decisions, {found['live_deliveries']:,} deliveries; kept: {days}"
    )
    since = "" if found["oldest"] is None else f", decided {found['oldest']:%Y-%m-%d} to {found['newest']:%Y-%m-%d}"
    typer.echo(
        f"archived  {found['archived_decisions']:,} decisions, {found['archived_deliveries']:,} deliveries{since}"
    )
    typer.echo(f"policies look {found['least']} days back")


@app.command()
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty directory.")],
    until: Annotated[datetime | None, typer.Option(formats=DAY, help="Decided before this day (UTC); today.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=DAY, help="And from this day on; the beginning.")] = None,
    tenant: TenantOption = None,
) -> None:
    """Export archived decisions and deliveries to files that can be read without this system.

    They contain personal data.
    """
    end = datetime.now(UTC) if until is None else until.replace(tzinfo=UTC)
    period = archive.Period(None if since is None else since.replace(tzinfo=UTC), end)
    signer = _signer()
    written = asyncio.run(_export(directory.absolute(), period, signer, tenant))
    size = sum(described["bytes"] for described in written.files.values())
    typer.echo(f"{directory}: {written.decisions:,} decisions, {written.deliveries:,} deliveries, {size:,} bytes.")
    typer.echo(f"Signed with {signer.public_key}. It holds personal data.")


@app.command()
def check(
    directory: DirectoryArgument,
    public_key: Annotated[str | None, typer.Option(help="Who signed it; without it, this installation.")] = None,
    here: Annotated[bool, typer.Option("--here", help="Compare with this database, and name who was erased.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check an export against its manifest and the ledger; exit code 1 at the first record that was changed."""
    checked = archive.check(directory.absolute(), public_key=public_key or _signer().public_key)
    finding, erased_since = checked.finding, None
    if here and finding is None:
        compared = asyncio.run(_compare(checked))
        erased_since = list(compared.erased_since)
        finding = None if compared.is_same else OTHER_LEDGER
    if as_json:
        counts = {"decisions": checked.decisions, "deliveries": checked.deliveries, "erased": checked.erased}
        document = {"is_whole": finding is None, "finding": finding, **counts, "erased_since": erased_since}
        typer.echo(json.dumps(document))
    else:
        typer.echo(_told(checked, finding, erased_since))
    raise typer.Exit(0 if finding is None else 1)


@app.command()
def erase(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Exports of this installation.")],
    as_json: JsonOption = False,
) -> None:
    """Take people erased since out of exports; one that is not whole is left as it is, and the exit code is then 1."""
    signer = _signer()
    done = [_erase(directory.absolute(), signer) for directory in directories]
    if as_json:
        typer.echo(json.dumps(done))
    else:
        for one in done:
            said = f"{len(one['people']):,} people, {one['records']:,} records emptied"
            typer.echo(f"{one['directory']}: {said if one['finding'] is None else 'NOT WHOLE: ' + one['finding']}")
    raise typer.Exit(0 if all(one["finding"] is None for one in done) else 1)


def _erase(directory: Path, signer: Signer) -> dict[str, Any]:
    checked = archive.check(directory, public_key=signer.public_key)
    finding, people = checked.finding, list[int]()
    if finding is None:
        compared = asyncio.run(_compare(checked))
        finding, people = (None, list(compared.erased_since)) if compared.is_same else (OTHER_LEDGER, [])
    records = archive.erase(directory, checked, people=people, signer=signer) if people else 0
    return {"directory": str(directory), "finding": finding, "people": people, "records": records}


async def _export(directory: Path, period: archive.Period, signer: Signer, slug: str | None) -> archive.Manifest:
    async with database() as db:
        tenant = await one_tenant(db, slug)
        return await archive.export(
            db, directory, tenant_id=tenant.tenant_id, slug=tenant.slug, period=period, signer=signer
        )


async def _compare(checked: archive.Checked) -> archive.Compared:
    tenant_id = UUID(checked.manifest.tenant_id)
    async with database() as db, db.transaction(tenant_id, read_only=True) as conn:
        return await archive.compare(conn, checked)


def _told(checked: archive.Checked, finding: str | None, erased_since: list[int] | None) -> str:
    if finding is not None:
        return f"NOT WHOLE: {finding}"
    counts = f"{checked.decisions:,} decisions, {checked.deliveries:,} deliveries, {checked.erased:,} erased before"
    whole = f"whole: {counts}; ledger up to batch {checked.manifest.batch_no:,}, head {checked.manifest.head}"
    if not erased_since:
        return whole
    since = f"{len(erased_since):,} people in it were erased since: profiles {_some(erased_since)}"
    return f"{whole}\n{since}\nTake them out: leo archive erase DIR"


def _some(ids: list[int]) -> str:
    return ", ".join(map(str, ids[:SHOWN])) + (", ..." if len(ids) > SHOWN else "")


def _signer() -> Signer:
    return Signer(embedded.load_secrets(Settings.load()).credential_key)


async def _run(days: int | None, slug: str | None) -> archive.Moved | None:
    async with database() as db:
        tenant = await one_tenant(db, slug)
        return await archive.archive_old(db, tenant_id=tenant.tenant_id, days=days)


async def _standing(conn: Transaction, _: UUID) -> dict[str, Any]:
    return asdict(await archive.retention(conn)) | asdict(await archive.standing(conn))
