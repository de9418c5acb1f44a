"""Benchmarks on a throw-away database. To add one: a module with `run(place, *, n) -> Result`, and a line here."""

import importlib
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.settings import Settings
from rules.errors import InvalidInput

NAMES: dict[str, str] = {
    "archive": "Deciding, a recent journey and comparing the graph beside old decisions, live and archived.",
    "chaos": "Workers killed, Redis emptied, servers restarted, connections cut: what is lost, doubled or uncertain.",
    "compare": "One campaign by LEO, Celery and a loop, each killed in the middle; journeys by graph and by joins.",
    "decide": "Deciding for people among 10,000 and among 1,000,000, in batches and for one event at a time.",
    "dispatch": "Sending queued messages: claimed, logged before and after, the provider called over HTTP.",
    "faults": "The API killed, a slow network, a full disk, clocks an hour off: what is lost, doubled or uncertain.",
    "functiongemma": "Choosing one of twelve calls with FunctionGemma's true shape, and the same remembered.",
    "ledger": "Sealing decisions and deliveries beside deciding, and recomputing what is sealed.",
    "listeners": "Hundreds of idle windows on a web site: what they cost, and how soon a message is shown.",
    "mirror": "Bulk upsert of profiles with the graph mirror on, against the same with only its triggers off.",
    "pages": "The console in a browser: first paint, a person's journey, a node of the graph expanded.",
    "realtime": "From an event posted to the provider called, while a bulk campaign of 50,000 runs.",
    "scale": "One, two and four workers and their limit; what each kind of work costs as people grow a hundredfold.",
    "segment": "Refreshing a segment among 1,000,000 people, and one person after an event among 10,000 and 1,000,000.",
    "smtp": "Sending queued mails over SMTP to a local relay, against a connection for each.",
    "snapshot": "Freezing a segment of 10,000 and of 1,000,000 people, checked and hashed.",
    "sync": "People from the CDP to commit, against a page of two and a statement for each person.",
    "trace": "A journey at 10,000 and at 100,000 deliveries, through the function that leo trace calls.",
}


@dataclass(frozen=True, slots=True)
class Place:
    """The throw-away database, as a superuser; `Database.open` acts as leo_app in it."""

    admin_url: str
    settings: Settings
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should reach, in words, and whether it does."""

    text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark measured: `n` is the amount of work; a figure's name carries its unit.

    `baseline` says in words what `ratio` compares with.
    """

    name: str
    n: int
    figures: Mapping[str, float]
    baseline: str
    ratio: float
    bars: tuple[Bar, ...]

    def as_document(self) -> dict[str, Any]:
        """Give name, n, figures, baseline and ratio, rounded to the precision of the clock."""
        figures = {name: round(value, 3) for name, value in self.figures.items()}
        return {
            "name": self.name,
            "n": self.n,
            "figures": figures,
            "baseline": self.baseline,
            "ratio": round(self.ratio, 3),
        }


def load(name: str) -> Callable[..., Coroutine[Any, Any, Result]]:
    """Give a benchmark's function; raises InvalidInput if there is no such benchmark."""
    if name not in NAMES:
        raise InvalidInput(f"There is no benchmark {name!r}.", remedy=f"There are: {', '.join(NAMES)}.")
    run: Callable[..., Coroutine[Any, Any, Result]] = importlib.import_module(f"engine.bench.{name}").run
    return run


def percentile(ascending: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def size(count: int) -> str:
    """Write a count as in a figure's name: 10k, 1m."""
    if count % 1_000_000 == 0:
        return f"{count // 1_000_000}m"
    return f"{count // 1_000}k" if count % 1_000 == 0 else str(count)
