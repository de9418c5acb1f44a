"""The table of background processes: what `leo up` runs, and what a command may ask for by name.

Each is one line here; how it is started, watched and stopped is in the modules next to this one.
"""

from collections.abc import Mapping

from engine.embedded import Servers
from engine.embedded.home import LOOPBACK, Home, is_port_free
from engine.processes import background
from engine.processes.background import Part
from engine.settings import Settings
from rules.errors import Unavailable

# People in the sandbox read within two seconds and buy within six: ten times as fast as its own default.
SANDBOX_PACE = "0.1"
# Setting: the part that listens on the port, the preferred port. Two checkouts side by side must not fight for one.
PORTS = {"api_port": ("api", 8765), "sandbox_smtp_port": ("sandbox", 8725), "sandbox_http_port": ("sandbox", 8780)}


def resolved(settings: Settings) -> Settings:
    """Replace each port of 0 by the one this LEO_HOME uses; raises Unavailable if a set port is someone else's."""
    home = Home(settings.home)
    home.prepare()
    chosen: dict[str, int] = {}
    for name, (owner, preferred) in PORTS.items():
        wanted: int = getattr(settings, name)
        kept = home.port(name) if background.running(settings.home, owner) is not None else None
        if wanted == 0:
            chosen[name] = kept or home.free_port(name, preferred=preferred)
        elif wanted == kept:
            continue
        elif not is_port_free(wanted):
            raise Unavailable(
                f"Port {wanted} on {LOOPBACK}, meant for the {owner}, is in use by another program.",
                remedy=f"End that program, or set LEO_{name.upper()} to another port (0: any free one).",
            )
        else:
            home.keep_port(name, wanted)
    return settings.model_copy(update=chosen)


def as_kept(settings: Settings) -> Settings:
    """Replace each port of 0 by the one this LEO_HOME keeps or would prefer, for callers that only name it."""
    home = Home(settings.home)
    known = {name: home.port(name) or preferred for name, (_, preferred) in PORTS.items()}
    return settings.model_copy(update={name: port for name, port in known.items() if not getattr(settings, name)})


def api_url(settings: Settings) -> str:
    host = LOOPBACK if settings.api_host in {"", "0.0.0.0", "::"} else settings.api_host  # noqa: S104
    return f"http://{host}:{settings.api_port}"


def public_url(settings: Settings) -> str:
    """Give the address under which people and providers reach the API."""
    return settings.public_url or api_url(settings)


def environment(settings: Settings, servers: Servers) -> Mapping[str, str]:
    """Give what a process of ours needs to reach the same servers with the same secrets."""
    secrets = servers.secrets
    given = {
        "LEO_DATABASE_URL": servers.database_url,
        "LEO_REDIS_URL": servers.redis_url,
        "LEO_PLATFORM_KEY": secrets.platform_key,
        "LEO_WEBHOOK_SECRET": secrets.webhook_secret,
        "LEO_CREDENTIAL_KEY": secrets.credential_key,
        "LEO_PUBLIC_URL": public_url(settings),
    }
    least = settings.model_copy(update={"admin_database_url": None})  # neither API nor worker is ever a superuser
    return least.environment() | {name: value for name, value in given.items() if value}


def parts(settings: Settings, servers: Servers) -> list[Part]:
    """Give every part, in the order they start: sandbox, api, worker-realtime, worker-bulk."""
    shared = environment(settings, servers)
    smtp, http = settings.sandbox_smtp_port, settings.sandbox_http_port
    return [
        Part(
            name="sandbox",
            module="channels.sandbox",
            arguments=(
                "--smtp-port",
                str(smtp),
                "--http-port",
                str(http),
                "--record",
                str(settings.home / "sandbox.jsonl"),
                "--delay-scale",
                SANDBOX_PACE,
            ),
            port=http,
            where=f"smtp://{LOOPBACK}:{smtp}  http://{LOOPBACK}:{http} (Bot API; ArangoDB: leo sources add sandbox)",
        ),
        Part(name="api", module="api", environment=shared, port=settings.api_port, where=api_url(settings)),
        *(
            Part(
                name=f"worker-{lane}",
                module="engine.worker",
                arguments=("--lane", lane),
                environment=shared,
                where=lane,
            )
            for lane in ("realtime", "bulk")
        ),
    ]


def part(settings: Settings, servers: Servers, name: str) -> Part:
    """Give one part by name; raises KeyError for a name that is not in the table."""
    return {item.name: item for item in parts(settings, servers)}[name]
