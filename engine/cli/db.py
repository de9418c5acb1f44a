"""`leo db`: set the database up, upgrade it, show its state."""

from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict

from engine import bootstrap as steps
from engine import embedded, queries
from engine.backup import Held
from engine.backup import hold as hold_everything
from engine.bootstrap import expected_schema
from engine.db import APP_ROLE, admin
from engine.embedded import Servers
from engine.failures import where
from engine.settings import Settings
from rules.errors import Misconfigured

app = typer.Typer(no_args_is_help=True)


@app.command()
def bootstrap(
    print_sql: Annotated[
        bool, typer.Option("--print", help="Print the SQL for a database administrator, and run nothing.")
    ] = False,
) -> None:
    """Create extensions, roles and their settings. It needs a superuser: LEO_ADMIN_DATABASE_URL. It may be repeated."""
    if print_sql:
        typer.echo(queries.script("bootstrap"))
        return
    servers = _servers()
    steps.bootstrap(servers.admin_database_url, app_password=_app_password(servers.database_url))
    typer.echo(f"{where(servers.admin_database_url)}: extensions, roles and their settings are there.")


@app.command()
def upgrade() -> None:
    """Apply schema.sql in one transaction; on an embedded server, or with an admin URL, bootstrap first."""
    settings = Settings.load()
    servers = embedded.ensure(settings, redis=False)
    if servers.embedded or settings.admin_database_url is not None:
        applied = steps.set_up(servers.admin_database_url, app_url=servers.database_url)
    else:
        applied = steps.upgrade(servers.admin_database_url)
    was = "no schema" if applied.before is None else f"version {applied.before}"
    typer.echo(f"{where(servers.admin_database_url)}: schema version {applied.after} (before: {was}).")


@app.command()
def status() -> None:
    """Show where the database is and which schema it has; exit code 1 if an upgrade is due."""
    servers = _servers()
    with admin(servers.admin_database_url) as connection:
        version = steps.schema_version(connection)
    expected = expected_schema()
    kind = "embedded" if servers.embedded else "your own"
    has = "no schema" if version is None else f"schema version {version}"
    typer.echo(f"{where(servers.database_url)} ({kind}): {has}; this release has version {expected}.")
    if version != expected:
        typer.echo("Run: leo db upgrade")
        raise typer.Exit(1)


@app.command()
def hold() -> None:
    """Hold everything after a restore by other means than leo restore, so that nothing happens twice."""
    servers = _servers()
    for held in hold_everything(servers.admin_database_url):
        typer.echo(sentence_of(held))


def sentence_of(held: Held) -> str:
    """Say what is held of a tenant."""
    campaigns = ", ".join(held.campaigns) or "none"
    return (
        f"{held.slug}: {held.messages:,} messages may have arrived (uncertain), {held.people:,} people of "
        f"{held.runs:,} runs wait, {held.tasks:,} agent tasks cancelled, campaigns paused: {campaigns}."
    )


def prepare(settings: Settings, servers: Servers) -> None:
    """Make sure the schema is that of this release: an embedded database is upgraded, one of yours is only checked.

    Raises Misconfigured if a database of yours needs an upgrade, because when that happens is your decision.
    """
    if "postgres" in servers.embedded:
        steps.set_up(servers.admin_database_url, app_url=servers.database_url)
        return
    with admin(servers.database_url) as connection:
        version = steps.schema_version(connection)
    if version != expected_schema():
        has = "no schema of LEO" if version is None else f"schema version {version}"
        raise Misconfigured(
            f"The database at {where(servers.database_url)} has {has}, this release needs {expected_schema()}.",
            remedy="Run leo db bootstrap (as a superuser, LEO_ADMIN_DATABASE_URL), then leo db upgrade."
            if settings.admin_database_url is None and version is None
            else "Run: leo db upgrade",
        )


def _app_password(url: str) -> str | None:
    login = conninfo_to_dict(url)
    password = login.get("password")
    return str(password) if login.get("user") == APP_ROLE and password else None


def _servers() -> Servers:
    return embedded.ensure(Settings.load(), redis=False)
