"""What a query may name: the graph's labels, kinds and properties, and functions; and how large a query may be."""

from collections.abc import Mapping
from types import MappingProxyType

MOST_CHARACTERS = 10_000
MOST_ELEMENTS = 16
MOST_NESTED = 50
MOST_LISTED = 1_000
LONGEST_NAME = 63
# Prefix of names that this package generates.
OWN_PREFIX = "leo_"
# The largest size of an expression, in characters of its literals; a value from the graph or from a caller counts as a
# fixed number of them. Otherwise `s + s` in one WITH after another would double a text until the server runs out of
# memory.
MOST_WEIGHT = 10_000
WEIGHT_OF_VALUE = 10
# Collecting keeps every value in the server's memory at once, and no setting limits that: so few rows and few lists.
MOST_COLLECTED = 1_000
MOST_COLLECTS = 5

_RELATION = ("weight", "occurred_at")


def _table(**properties: tuple[str, ...]) -> Mapping[str, frozenset[str]]:
    return MappingProxyType({name: frozenset(shown) for name, shown in properties.items()})


# Labels and kinds with their properties, as graph_element in schema.sql has them (a test compares).
LABELS = _table(
    Profile=("profile_id", "ext_id", "status"),
    Event=("event_id", "type", "occurred_at"),
    Segment=("segment_id", "key", "name", "version"),
    Snapshot=("snapshot_id", "segment_version", "member_count", "created_at"),
    Template=("template_id", "key", "channel", "version"),
    Campaign=("campaign_id", "key", "name", "purpose"),
    Run=("run_id", "kind", "lane", "created_at"),
    Task=("task_id", "kind", "created_at"),
    Decision=("decision_id", "action", "reason", "channel", "arbiter", "decided_at"),
    Delivery=("delivery_id", "channel", "queued_at"),
    Outcome=("outcome_id", "type", "occurred_at"),
    Channel=("channel_id", "kind", "name"),
    Topic=("target_id", "key", "name"),
    Touchpoint=("target_id", "key", "name"),
    Product=("target_id", "key", "name"),
)
EDGES = _table(
    IN_SEGMENT=("joined_at",),
    FROZEN_AS=(),
    TARGETS=(),
    HAPPENED_TO=(),
    TRIGGERED=(),
    UNDER=(),
    FROM_SNAPSHOT=(),
    DECIDED_FOR=(),
    DECIDED_BY=(),
    IN_RUN=(),
    USED=(),
    DISPATCHED_AS=(),
    VIA=(),
    RESULTED_IN=(),
    INTERESTED_IN=_RELATION,
    ENGAGED=_RELATION,
    BOUGHT=_RELATION,
    KNOWS=_RELATION,
    SAME_AS=("channel", "status"),
    MERGED_INTO=(),
)

# Lower-case names, with the smallest and the largest number of arguments. `id` is left out: comparing it with a list
# crashes the whole server in AGE 1.8.0 (github.com/apache/age/issues/2500), and a vertex has the id of its row as a
# property. Also left out is what makes much out of little (range, replace, split) or looks beyond its arguments
# (startNode, nodes, timestamp).
FUNCTIONS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        **dict.fromkeys(("tolower", "toupper", "trim", "ltrim", "rtrim", "reverse"), (1, 1)),
        **dict.fromkeys(("tostring", "tointeger", "tofloat", "toboolean", "size", "length"), (1, 1)),
        **dict.fromkeys(("abs", "ceil", "floor", "sign", "sqrt"), (1, 1)),
        **dict.fromkeys(("labels", "label", "type"), (1, 1)),
        **dict.fromkeys(("left", "right"), (2, 2)),
        "round": (1, 2),
        "substring": (2, 3),
        "coalesce": (1, 10),
    }
)
AGGREGATES = frozenset({"count", "sum", "min", "max", "avg", "collect"})

# Reserved words of AGE: none can name a variable, a column or a property.
RESERVED = frozenset(
    {
        *(
            "ALL",
            "ANALYZE",
            "AND",
            "ANY",
            "AS",
            "ASC",
            "ASCENDING",
            "BY",
            "CALL",
            "CASE",
            "COALESCE",
            "CONTAINS",
            "COUNT",
        ),
        *("CREATE", "DELETE", "DESC", "DESCENDING", "DETACH", "DISTINCT", "ELSE", "END", "ENDS", "EXISTS", "EXPLAIN"),
        *("FALSE", "FOREACH", "IN", "IS", "LIMIT", "LOAD", "MATCH", "MERGE", "NONE", "NOT", "NULL", "ON", "OPERATOR"),
        *("OPTIONAL", "OR", "ORDER", "REMOVE", "RETURN", "SET", "SINGLE", "SKIP", "STARTS", "THEN", "TRUE", "UNION"),
        *("UNWIND", "VERBOSE", "WHEN", "WHERE", "WITH", "XOR", "YIELD"),
    }
)
WRITES = frozenset({"CREATE", "MERGE", "SET", "DELETE", "DETACH", "REMOVE", "CALL", "LOAD", "FOREACH", "DROP"})
