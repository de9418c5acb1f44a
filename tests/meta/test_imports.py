"""Who may know whom. One table says which package may import which, another where each foreign library is spoken to."""

import ast
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import packages_distributions

import pytest

from tests.meta.tree import PACKAGES, Module, code, modules, text

# api -> engine -> {graph, channels} -> rules
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "rules": frozenset(),
    "channels": frozenset({"rules"}),
    "graph": frozenset({"rules"}),
    "engine": frozenset({"rules", "graph", "channels"}),
    "api": frozenset({"rules", "engine"}),
}

# Parts of a package that only these may import, and why.
PRIVATE_PARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "engine.cli": (("engine.cli",), "the command line is on top"),
    "engine.demo": (
        ("engine.demo", "engine.cli.demo", "engine.load"),
        "the story uses the product, never the other way",
    ),
    "engine.bench": (("engine.bench", "engine.cli.bench", "engine.load", "engine.cli.load"), "measuring is on top"),
    "engine.worker": (("engine.worker",), "a process of its own, reached through its queue"),
    "engine.doctor": (("engine.doctor", "engine.cli"), "it looks at everything, nothing looks at it"),
    "channels.sandbox": (("channels.sandbox",), "stands for a provider, so it is a process of its own"),
    "channels.email": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.chat": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.facebook": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.zalo": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.telegram": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.web_push": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.pushalert": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.sendgrid": (("channels.registry",), "adapters are made by their registry, from settings"),
    "channels.fcm": (("channels.registry",), "adapters are made by their registry, from settings"),
}

# Pure: nothing here can look at a clock, a file, a server, the environment or chance. zoneinfo reads the zones' tables.
RULES_MAY_USE = frozenset(
    {
        *("collections", "dataclasses", "datetime", "decimal", "enum", "functools"),
        *("hashlib", "itertools", "json", "re", "string", "types", "typing", "unicodedata", "uuid", "zoneinfo"),
    }
)
IMPURE_CALLS = frozenset(
    {
        *("now", "utcnow", "today", "fromtimestamp", "perf_counter", "uuid1", "uuid4"),
        *("open", "print", "input", "eval", "exec", "compile", "__import__"),
    }
)
# The files of Cypher are read through importlib.resources.
GRAPH_MAY_USE = frozenset(
    [
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "importlib",
        "itertools",
        "json",
        "re",
        "types",
        "typing",
        "xml",
    ]
)

# Each foreign library, and the only modules and packages that may import it.
SPOKEN_TO: Mapping[str, tuple[str, ...]] = {
    "aiohttp": (
        *("channels.http", "channels.sandbox", "engine.bench.browser"),
        *("engine.think.functiongemma.serve", "engine.worker.port"),
    ),
    "aiosmtpd": ("channels.sandbox.mail",),
    "aiosmtplib": ("channels.smtp",),
    "annotated_types": ("api.schemas",),
    # Of the benchmark, the public leo-activation's way, which is made of the libraries that it uses.
    "arango": ("engine.ingest.arango", "engine.bench.rowwise"),
    "arq": ("engine.lanes", "engine.metrics", "engine.readiness", "engine.throttle", "engine.worker", "api.services"),
    # The comparison lays them beside us; nothing of the product uses them.
    "celery": ("engine.bench.compare",),
    "croniter": ("engine.segments.store",),
    "cryptography": (
        *("engine.credentials", "engine.audit.checkpoint", "channels.callbacks.sendgrid", "engine.sandboxed"),
        *("channels.jwt", "channels.sandbox.google", "channels.sandbox.web_push", "channels.subscription"),
        "channels.sandbox.webhooks",
    ),
    "email_validator": ("engine.addresses",),
    "fastapi_offline": ("api.app",),
    "fastapi": ("api",),
    "google": ("engine.memory.gemini", "engine.think.gemini"),
    "gguf": ("engine.bench.weightless",),
    "httpx": (
        *("channels.http", "engine.bench.compare", "engine.demo.client", "engine.memory.gemini"),
        *("engine.think.gemini", "engine.think.functiongemma.client"),
    ),
    "httpx_aiohttp": ("channels.http", "engine.demo.client"),
    "jsonschema": ("engine.tools.check",),
    "liquid": ("engine.templates.liquid", "engine.templates.certain"),
    "llama_cpp": ("engine.think.functiongemma.context",),
    "mjml": ("engine.templates.mail",),
    "msgspec": ("engine.ingest.unread",),
    "networkx": ("graph.components", "graph.insight", "graph.whole"),
    "numpy": ("engine.think.functiongemma.vocabulary", "engine.bench.weightless"),
    "opentelemetry": ("engine.tracing",),
    "orjson": ("engine.db", "engine.ingest", "engine.record"),
    "phonenumbers": ("engine.addresses",),
    "psutil": ("engine.bench.usage", "engine.embedded.postgres", "engine.processes.track"),
    "psycopg": (
        "graph.components",
        "graph.mirror",
        "graph.neighbourhood",
        "graph.session",
        "graph.stream",
        "graph.whole",
        "engine",
    ),
    "psycopg_pool": ("engine.db",),
    "prometheus_client": ("engine.metrics",),
    # Beside the schemas: the settings, and the secrets of the embedded servers, which settings hand out.
    "pydantic": ("api", "engine.settings", "engine.embedded", "engine.bench.rowwise"),
    "pydantic_settings": ("engine.settings",),
    "pywebpush": ("channels.subscription",),
    "redis": (
        "engine.lanes",
        "engine.metrics",
        "engine.streams",
        "engine.throttle",
        "engine.worker",
        "engine.doctor",
        "engine.embedded.redis",
    ),
    "rich": ("engine.cli", "engine.demo.report"),
    "starlette": ("api.envelope", "api.problems"),
    "typer": ("engine.cli",),
    "uvicorn": ("api.__main__",),
    "yarl": ("channels.http",),
    "yaml": ("engine.cli.policy_files",),
}

# Who opens a connection to PostgreSQL instead of being given a transaction.
CONNECTS = {
    "engine.db": "the pool, and an administrator's connection",
    "engine.explorer.reader": "logs in as a tenant's reader, once a query",
    "engine.doctor": "looks at a server that may not be set up yet",
    "engine.embedded.postgres": "waits for its own server and makes its database",
    "engine.bench.throwaway": "makes and drops a whole database",
    "engine.bench.compare.work": "what others write instead of us, as they would",
}
READS_ENVIRONMENT = {
    "engine.settings": "the one place for settings",
    "engine.backup.programs": "what a child process inherits",
    "engine.bench.compare.work": "what its process is given: it is nobody's who has our settings",
    "engine.cli.app": "a shell's request for completions",
    "engine.embedded.account": "the XDG directory for state, a standard and no setting of ours",
    "engine.embedded.postgres": "what a child process inherits",
    "engine.embedded.redis": "what a child process inherits",
    "engine.processes.background": "what a child process inherits",
}
# Imports against the direction of their package, made late inside a function.
LATE: Mapping[tuple[str, str], str] = {
    ("api.contract", "api.app"): "its command writes down the application, which otherwise knows its contract",
}


def _inside(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _foreign(module: Module) -> set[str]:
    tops = {name.split(".")[0] for name, _ in module.imports()}
    return {top for top in tops if top not in sys.stdlib_module_names and top not in PACKAGES}


def test_imports_flow_one_way() -> None:
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in code()
        for name, line in module.imports()
        if name.split(".")[0] in PACKAGES and name.split(".")[0] not in MAY_IMPORT[module.package] | {module.package}
    ]
    assert not wrong


def test_parts_on_top_are_imported_by_nobody_below() -> None:
    wrong = [
        f"{module.path}:{line} imports {name}: {why}"
        for module in code()
        for name, line in module.imports()
        for part, (by, why) in PRIVATE_PARTS.items()
        if _inside(name, (part,)) and not _inside(module.name, (*by, part))
    ]
    assert not wrong


def test_each_library_is_spoken_to_where_the_table_says() -> None:
    wrong = [
        f"{module.path} imports {library}"
        for module in code()
        for library in sorted(_foreign(module))
        if not _inside(module.name, SPOKEN_TO.get(library, ()))
    ]
    assert not wrong


def test_the_tables_hold_nothing_that_is_gone() -> None:
    names = set(modules())
    used = {(library, module.name) for module in code() for library in _foreign(module)}
    for library, places in SPOKEN_TO.items():
        for place in places:
            assert any(library == one and _inside(name, (place,)) for one, name in used), (library, place)
    for part, (by, _) in PRIVATE_PARTS.items():
        assert {part, *by} <= names
    for module, late in LATE:
        assert late in {name for name, _ in modules()[module].imports()}
    assert CONNECTS.keys() | READS_ENVIRONMENT.keys() <= names


def test_each_library_that_is_imported_is_declared() -> None:
    """A library that comes only because another one needs it may go with that one's next release."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    extras = [one for listed in project["optional-dependencies"].values() for one in listed]
    declared = {_distribution(requirement) for requirement in [*project["dependencies"], *extras]}
    distributions = packages_distributions()
    missing = {
        library
        for module in code()
        for library in _foreign(module)
        if not {_distribution(name) for name in distributions.get(library, [library])} & declared
    }
    assert not missing


def _distribution(requirement: str) -> str:
    name = requirement.split(";", maxsplit=1)[0].strip()
    for mark in "<>=!~[ ":
        name = name.split(mark)[0]
    return name.lower().replace("_", "-").replace(".", "-")


@pytest.mark.parametrize(("package", "allowed"), [("rules", RULES_MAY_USE), ("graph", GRAPH_MAY_USE)])
def test_the_pure_packages_use_little_of_the_standard_library(package: str, allowed: frozenset[str]) -> None:
    used = {
        name.split(".")[0]: f"{module.path}:{line}"
        for module in code()
        if module.package == package
        for name, line in module.imports()
        if name.split(".")[0] in sys.stdlib_module_names
    }
    assert not {name: place for name, place in used.items() if name not in allowed}


def test_rules_have_no_clock_no_chance_and_no_files() -> None:
    wrong = [
        f"{module.path}:{node.lineno} calls {_called(node)}"
        for module in code()
        if module.package == "rules"
        for node in module.walk()
        if isinstance(node, ast.Call) and _called(node) in IMPURE_CALLS
    ]
    assert not wrong


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_only_a_few_places_connect_to_postgresql() -> None:
    wrong = []
    for module in code():
        for node in module.walk():
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "connect"
            ):
                continue
            if ast.unparse(node.func.value).split(".")[-1] in {"psycopg", "Connection", "AsyncConnection"}:
                wrong += [] if module.name in CONNECTS else [f"{module.path}:{node.lineno}"]
    assert not wrong


def test_only_the_settings_read_the_environment() -> None:
    wrong = [
        f"{module.path}:{node.lineno}"
        for module in code()
        for node in module.walk()
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and module.name not in READS_ENVIRONMENT
    ]
    assert not wrong


def test_no_module_needs_itself() -> None:
    """Imports go round nowhere, not even inside a package."""
    # What a module asks its own package for is that package's parts.
    needs = {
        module.name: {
            name
            for name, _ in module.imports()
            if name in modules() and not _inside(module.name, (name,)) and (module.name, name) not in LATE
        }
        for module in code()
    }
    done: set[str] = set()

    def follow(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name in done:
            return
        for needed in sorted(needs[name]):
            follow(needed, (*way, name))
        done.add(name)

    for name in sorted(needs):
        follow(name, ())
