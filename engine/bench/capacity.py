"""Computes the tables of docs/capacity.md from what `leo bench scale --json` measured.

Each is on the page between `<!-- NAME -->` and `<!-- /NAME -->`, so that no figure is there that was not measured.
"""

from collections.abc import Callable, Mapping

from engine.bench.growth import KINDS, size_of
from engine.bench.scale import SLOW_S, WORKERS
from engine.bench.usage import Usage

Figures = Mapping[str, float]
GROUPS = {"workers": "workers", "PostgreSQL": "postgresql", "Redis": "redis"}
"""Parts of the application itself, by the names of the figures; the emulated provider is somebody else's part."""
WAITS = ("work", "commits", "locks")
CORES = 2
_UNITS = {
    "sync": "a person taken from the CDP",
    "snapshot": "a member frozen",
    "decide": "a person decided for",
    "dispatch": "a message sent",
    "trace": "a journey read",
}
_ROWS = {
    "profile": ("person", "1 profile, 2 addresses, 1 consent, 3 interests; 1 vertex and 3 edges"),
    "decision": ("decision", "1 decision with its candidates and inputs, 1 message queued; vertices and edges of both"),
    "message": ("message sent", "2 attempts, and the message's own row written anew"),
}


def written(page: str, figures: Figures) -> str:
    """Give the page with its tables filled from the figures; raises ValueError if a table has no place on it."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"the page has {page.count(begin)} places for {name}")
        before, _, rest = page.partition(begin)
        page = before + begin + "\n" + "\n".join(table(figures)) + "\n" + end + rest.partition(end)[2]
    return page


def _bytes(figures: Figures) -> list[str]:
    rows = [
        f"| {what} | {figures[f'bytes_{name}'] / 1e3:.1f} kB | {figures[f'bytes_{name}_graph'] / 1e3:.1f} kB | {made} |"
        for name, (what, made) in _ROWS.items()
    ]
    people, messages = figures["bytes_profile"] / 1e3, (figures["bytes_decision"] + figures["bytes_message"]) / 1e3
    return [
        "| one more | bytes | of them the graph | rows |",
        "|---|---|---|---|",
        *rows,
        "",
        f"So, reckoned: 1,000,000 people take {people:.1f} GB, and each million of messages decided and sent",
        f"{messages:.1f} GB.",
    ]


def _processor(figures: Figures) -> list[str]:
    per_s = figures["per_s_2"]
    each = {name: figures[f"cores_{key}_2"] / per_s * 1e3 for name, key in GROUPS.items()}
    whole = sum(each.values())
    a_day = whole * 1e6 / 1e3 / 86_400
    postgresql, emulator = 1e3 / each["PostgreSQL"], figures["cores_sandbox_2"] / per_s * 1e3
    return [
        "| | processor time |",
        "|---|---|",
        *(f"| {name} | {ms:.2f} ms |" for name, ms in {**each, "all": whole}.items()),
        "",
        f"So, reckoned: a million people a day keep {a_day:.3f} of a core busy on average; what counts is",
        f"how fast it has to be. A core gives some {1e3 / whole:,.0f} people a second, {60e3 / whole:,.0f} a minute,",
        f"and a million within {whole * 1e3 / 60:.0f} minutes. PostgreSQL's part cannot be spread over",
        f"machines: {postgresql:,.0f} people a second and core of its own. The emulated provider",
        f"took {emulator:.2f} ms beside these.",
    ]


def _workers(figures: Figures) -> list[str]:
    all_cores = int(figures.get("cores_all", CORES))
    rows = []
    for count in WORKERS:
        used = ", ".join(f"{figures[f'cores_{name}_{count}']:.2f}" for name in ("workers", "postgresql", "others"))
        fast, slow = _rate(figures, "per_s", count), _rate(figures, "slow_per_s", count)
        rows.append(f"| {count} | {fast} | {used} of {all_cores} | {slow} |")
    slowly = f"provider answers after {SLOW_S * 1000:.0f} ms"
    return [
        f"| bulk workers | provider answers at once | cores busy: workers, PostgreSQL, other programs | {slowly} |",
        "|---|---|---|---|",
        *rows,
        "",
        "The limit, by measurement, where the provider answers at once:",
        "",
        *(f"- with {count}: {_usage(figures, count, all_cores).limit}" for count in WORKERS),
    ]


def _rate(figures: Figures, name: str, count: int) -> str:
    rate = figures[f"{name}_{count}"]
    return f"{rate:,.0f}/s, {rate / figures[f'{name}_1']:.2f} times one"


def _usage(figures: Figures, count: int, all_cores: int) -> Usage:
    cores = {name: figures[f"cores_{key}_{count}"] for name, key in {**GROUPS, "emulated provider": "sandbox"}.items()}
    waits = {name: figures.get(f"sessions_{name}_{count}", 0.0) for name in WAITS}
    return Usage(cores, figures[f"cores_busy_{count}"], all_cores, waits, workers=count)


def _growth(figures: Figures) -> list[str]:
    costs = {
        kind: {size_of(name, kind): cost for name, cost in figures.items() if name.startswith(f"{kind}_us_")}
        for kind in KINDS
    }
    sizes = sorted(costs[KINDS[0]])
    heads = [f"{sizes[0]:,} people", *(f"{people:,}" for people in sizes[1:])]
    rows = [
        f"| {_UNITS[kind]} | {' | '.join(f'{costs[kind][people]:,.0f}' for people in sizes)} "
        f"| {figures[f'growth_{kind}']:.2f} |"
        for kind in KINDS
    ]
    return [
        f"| microseconds for | {' | '.join(heads)} | most over fewest |",
        "|---" * (len(sizes) + 2) + "|",
        *rows,
    ]


TABLES: Mapping[str, Callable[[Figures], list[str]]] = {
    "bytes": _bytes,
    "processor": _processor,
    "workers": _workers,
    "growth": _growth,
}
