"""The worlds by the name of their database: made when they are first looked at, and reset by forgetting them."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from channels.sandbox.arango.generated import DAY_MS
from channels.sandbox.arango.traps import LEAST_PEOPLE
from channels.sandbox.arango.world import Options, World
from rules.errors import InvalidInput, NotFound

DATABASE = "leo_cdp"
PEOPLE = 1_000
# More would exceed the milliseconds of the period they are spread over, and anybody's patience.
MOST_PEOPLE = 5_000_000
MOST_EVENTS = 50_000_000
MOST_WORLDS = 100
_LONGEST_NAME = 64
REMEDY = (
    'Post {"database": "leo_cdp", "people": 1000, "events"?: 2000, "seed"?: 1, "traps"?: true, "username"?: "root", '
    '"password"?: "", "until"?: "2026-03-25T00:00:00Z"}.'
)
_KNOWN = frozenset({"database", "people", "events", "seed", "traps", "username", "password", "until"})


class Worlds:
    """At first a single one, `leo_cdp`; more by `create`."""

    def __init__(self, people: int = PEOPLE) -> None:
        self._options: dict[str, Options] = {}
        self._made: dict[str, World] = {}
        self.create({"database": DATABASE, "people": people, "traps": people >= LEAST_PEOPLE})

    def create(self, document: Any) -> World:
        """Make a world, replacing any of that name; raises InvalidInput."""
        options = _parse(document)
        if options.database not in self._options and len(self._options) >= MOST_WORLDS:
            raise InvalidInput(f"There are {MOST_WORLDS} worlds.", remedy="Use one of them again.")
        self._options[options.database] = options
        self._made.pop(options.database, None)
        return self.world(options.database)

    def find(self, database: str) -> Options | None:
        return self._options.get(database)

    def options(self) -> Collection[Options]:
        return self._options.values()

    def world(self, database: str) -> World:
        """Give a world; raises NotFound."""
        options = self._options.get(database)
        if options is None:
            raise NotFound(f"There is no world {database!r}.", remedy=REMEDY)
        if database not in self._made:
            self._made[database] = World(options)
        return self._made[database]

    def clear(self) -> None:
        """Undo every change in every world."""
        self._made.clear()


def _parse(document: Any) -> Options:
    if not isinstance(document, Mapping) or not document.keys() <= _KNOWN:
        raise InvalidInput("A world is an object with fields that are known.", remedy=REMEDY)
    people = _whole(document, "people", PEOPLE, least=1, most=MOST_PEOPLE)
    has_traps = document.get("traps", people >= LEAST_PEOPLE)
    if not isinstance(has_traps, bool) or (has_traps and people < LEAST_PEOPLE):
        raise InvalidInput(f"A world with traps has at least {LEAST_PEOPLE} people.", remedy=REMEDY)
    database = _text(document, "database", DATABASE)
    if not database or "/" in database:
        raise InvalidInput("A database has a name, without a slash.", remedy=REMEDY)
    return Options(
        database=database,
        people=people,
        events=_whole(document, "events", min(2 * people, MOST_EVENTS), least=0, most=MOST_EVENTS),
        seed=_whole(document, "seed", 1, least=0, most=2**63),
        traps=has_traps,
        username=_text(document, "username", "root"),
        password=_text(document, "password", ""),
        until_ms=_until(document.get("until")),
    )


def _whole(document: Mapping[str, Any], name: str, otherwise: int, *, least: int, most: int) -> int:
    value = document.get(name, otherwise)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(f"The {name} of a world is {least} to {most}.", remedy=REMEDY)
    return value


def _text(document: Mapping[str, Any], name: str, otherwise: str) -> str:
    value = document.get(name, otherwise)
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise InvalidInput(f"The {name} of a world is a short text.", remedy=REMEDY)
    return value


def _until(value: Any) -> int:
    """Give the time of the newest document; by default the beginning of this day (UTC)."""
    if value is None:
        return int(datetime.now(UTC).timestamp() * 1000) // DAY_MS * DAY_MS
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput("The time `until` of a world is none.", remedy=REMEDY) from error
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)
