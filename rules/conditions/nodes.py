"""The parts of a segment's rule as a tree: groups, and conditions that a person meets or does not meet.

Only `rules.conditions.parse` builds a tree, so every part is complete and its values can be stored. A condition is
either true or false, never unknown: a value that the person lacks makes it false.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from rules.words import Channel, OutcomeType

Scalar: TypeAlias = str | int | float | bool | None
Pairs: TypeAlias = tuple[tuple[str, Scalar], ...]


class _Exact:
    """Equal if written the same way: Python says `1 == True`, but in a rule they are different values."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


class Test(StrEnum):
    """How an attribute or a profile field is compared; the value is the key in the JSON form."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    MORE_THAN = "more_than"
    AT_LEAST = "at_least"
    LESS_THAN = "less_than"
    AT_MOST = "at_most"
    BETWEEN = "between"
    CONTAINS = "contains"
    CONTAINS_ANY = "contains_any"
    CONTAINS_NONE = "contains_none"
    INCLUDES = "includes"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    IS_EMPTY = "is_empty"
    BEFORE = "before"
    AFTER = "after"
    IN_LAST_DAYS = "in_last_days"
    IN_NEXT_DAYS = "in_next_days"
    ANNIVERSARY_IN_DAYS = "anniversary_in_days"


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; an empty group holds for everyone."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Any_:  # noqa: N801 - `Any` is typing's
    """At least one part holds; an empty group holds for nobody."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Ago:
    """An instant relative to now: that many days before it, or after it if `days` is negative."""

    days: float


Wanted: TypeAlias = Scalar | tuple[Scalar, ...] | datetime | Ago


@dataclass(frozen=True, slots=True, eq=False)
class Attribute(_Exact):
    """A value in the profile's attributes, found along `path`, compared by `test` with `wanted`.

    `wanted` is a scalar (is, is_not, contains, includes, starts_with, ends_with, numbers), a tuple of scalars (in,
    not_in, contains_any, contains_none; two numbers for between), a bool (exists, is_empty), an aware instant or Ago
    (before, after), or a number of days (in_last_days, in_next_days, anniversary_in_days).
    """

    path: tuple[str, ...]
    test: Test
    wanted: Wanted


class Column(StrEnum):
    """What a profile has besides its attributes."""

    EXT_ID = "ext_id"
    NAME = "name"
    LOCALE = "locale"
    ZONE = "zone"
    SOURCE = "source"
    CREATED_AT = "created_at"


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the profile; all are text except `created_at`, which is an instant."""

    column: Column
    test: Test
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Consented:
    """The newest consent for `purpose` that covers `channel` (None: every channel) is `granted`."""

    purpose: str
    channel: Channel | None
    granted: bool


@dataclass(frozen=True, slots=True)
class Reachable:
    """The person has a valid address on the channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Span:
    """When something must have happened: `after` and `before` are instants or days ago; None leaves that end open."""

    after: datetime | Ago | None = None
    before: datetime | Ago | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """How often, both ends included; `at_most` None: no bound. (1, None) is "at least once", (0, 0) "never"."""

    at_least: int = 1
    at_most: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Happened(_Exact):
    """Counts the person's events of one of `types`, within `span`, whose attributes contain every pair of `where`.

    With `recency`, (at_least, at_most) bounds the age of the newest of them in days; None leaves that end open.
    """

    types: tuple[str, ...]
    where: Pairs = ()
    span: Span = Span()
    times: Times = Times()
    recency: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class CameOf:
    """Counts the outcomes of one of `types`; of the campaign with this key and on this channel, if they are given."""

    types: tuple[OutcomeType, ...]
    campaign: str | None = None
    channel: Channel | None = None
    span: Span = Span()
    times: Times = Times()


@dataclass(frozen=True, slots=True)
class Member:
    """The person was in the segment with this key at that segment's last refresh."""

    segment: str


@dataclass(frozen=True, slots=True, eq=False)
class Pattern(_Exact):
    """The person is among the profile ids that a graph query returns: one of the library by name, or one inline."""

    name: str | None
    cypher: str | None
    values: Pairs = ()


@dataclass(frozen=True, slots=True)
class Like:
    """The person's embedding is near that of another profile, a text or the centre of a segment (exactly one is given).

    Near is a cosine distance of at most `within` (0 the same, 2 the opposite), or being among the `nearest` that many
    active profiles.
    """

    profile: str | None = None
    text: str | None = None
    segment: str | None = None
    within: float | None = None
    nearest: int | None = None


Leaf: TypeAlias = Attribute | Field | Consented | Reachable | Happened | CameOf | Member | Pattern | Like
Node: TypeAlias = All | Any_ | Not | Leaf
