"""What a whole graph shows: how people move between touchpoints, which of these matter, and who belongs together.

Every function takes what graph.whole gives and is pure, so that a notebook can call it too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from graph.whole import Drawn

START, BOUGHT, LEFT = "start", "bought", "left"
"""Where a journey begins, and the two ways it ends."""
# Chances settle to six digits long before this; each round shrinks a cycle of touchpoints by those who leave it.
_ROUNDS = 200
_SETTLED = 1e-12
# Louvain's result depends on the order it visits nodes in; with a fixed seed the same graph gives the same groups.
_SEED = 7
_SHARED = frozenset({"INTERESTED_IN", "ENGAGED", "BOUGHT", "KNOWS"})


@dataclass(frozen=True, slots=True)
class Flow:
    """This many journeys went directly from one touchpoint to the next; names, or START, BOUGHT and LEFT."""

    origin: str
    target: str
    journeys: int


@dataclass(frozen=True, slots=True)
class Influence:
    """The share (0 to 1) of all purchases that a touchpoint accounts for: the removal effect of a Markov chain."""

    touchpoint: str
    effect: float
    journeys: int


@dataclass(frozen=True, slots=True)
class Community:
    """People who share products, topics, touchpoints and acquaintances, and what most of them share."""

    people: tuple[str, ...]
    shares: tuple[str, ...]


def flows(drawn: Drawn) -> tuple[Flow, ...]:
    """Give the steps of all journeys, the most frequent first. A journey is a person's touchpoints in order of time.

    The graph has one edge per person and touchpoint, so repeated visits count once, at the time of the last.
    """
    counted = Counter(step for journey in _journeys(drawn) for step in _steps(journey))
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Flow(origin, target, journeys) for (origin, target), journeys in ordered)


def influence(drawn: Drawn) -> tuple[Influence, ...]:
    """Give every touchpoint with its effect on purchases, the strongest first; nothing if nobody bought."""
    journeys = list(_journeys(drawn))
    steps = Counter(step for journey in journeys for step in _steps(journey))
    return influence_of(steps, Counter(point for points, _ in journeys for point in set(points)))


def influence_of(steps: Mapping[tuple[str, str], int], passed: Mapping[str, int]) -> tuple[Influence, ...]:
    """Give the effect of each touchpoint; `passed` counts the journeys through it, `steps` those with each step."""
    chain = _chain(steps)
    whole = _chance(chain, without=None)
    if not whole:
        return ()
    found = [Influence(point, 1 - _chance(chain, without=point) / whole, count) for point, count in passed.items()]
    return tuple(sorted(found, key=lambda one: (-round(one.effect, 9), -one.journeys, one.touchpoint)))


def shared(edges: Iterable[tuple[str, str, str, str, str]]) -> Drawn:
    """Build the graph of what people share from (person's key, kind of edge, other id, its label, its name or key)."""
    drawn: Drawn = nx.MultiDiGraph()
    for person, kind, other, label, name in edges:
        # A person's key may equal the number of another person.
        start, end = f"person {person}", f"{'person' if label == 'Profile' else 'thing'} {other}"
        drawn.add_node(start, label="Profile", ext_id=person)
        drawn.add_node(end, label=label, **{"ext_id" if label == "Profile" else "name": name})
        drawn.add_edge(start, end, label=kind)
    return drawn


def communities(drawn: Drawn, *, least: int = 2, most_shared: int = 3) -> tuple[Community, ...]:
    """Give groups of at least `least` people that share more with each other than with others, the largest first."""
    common: nx.Graph[str] = nx.Graph()
    common.add_edges_from(
        (start, end) for start, end, edge in drawn.edges(data=True) if edge["label"] in _SHARED and start != end
    )
    groups = nx.community.louvain_communities(common, seed=_SEED) if common else []
    found = (_community(drawn, common, group, most_shared) for group in groups)
    large = (one for one in found if len(one.people) >= least)
    return tuple(sorted(large, key=lambda one: (-len(one.people), one.people)))


def duplicates(drawn: Drawn) -> tuple[tuple[str, ...], ...]:
    """Give the keys of profiles that may be one person, each group in order."""
    proposed: nx.Graph[str] = nx.Graph()
    proposed.add_edges_from(
        (start, end)
        for start, end, edge in drawn.edges(data=True)
        if edge["label"] == "SAME_AS" and edge.get("status") == "proposed"
    )
    return tuple(sorted(_keys(drawn, group) for group in nx.connected_components(proposed)))


Journey = tuple[tuple[str, ...], bool]


def _journeys(drawn: Drawn) -> Iterator[Journey]:
    """Give for each person who engaged the touchpoints in order of time, and whether a purchase followed the first."""
    engaged: dict[str, list[tuple[str, str]]] = defaultdict(list)
    bought: dict[str, str] = {}
    for person, target, edge in drawn.edges(data=True):
        at = str(edge.get("occurred_at", ""))
        if edge["label"] == "ENGAGED":
            engaged[person].append((at, _name(drawn, target)))
        elif edge["label"] == "BOUGHT":
            bought[person] = max(at, bought.get(person, ""))
    for person, points in sorted(engaged.items()):
        points.sort()
        yield tuple(name for _, name in points), person in bought and bought[person] >= points[0][0]


def _steps(journey: Journey) -> Iterator[tuple[str, str]]:
    points, has_bought = journey
    stops = (START, *points, BOUGHT if has_bought else LEFT)
    return pairwise(stops)


def _chain(steps: Mapping[tuple[str, str], int]) -> Mapping[str, Mapping[str, float]]:
    """Give, for each stop, the share of journeys that went on to each next stop."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for (origin, target), journeys in steps.items():
        counted[origin][target] += journeys
    return {
        origin: {target: count / targets.total() for target, count in targets.items()}
        for origin, targets in counted.items()
    }


def _chance(chain: Mapping[str, Mapping[str, float]], *, without: str | None) -> float:
    """Give the chance that a journey ends in a purchase if everyone who would reach `without` leaves instead."""
    chances = dict.fromkeys(chain, 0.0) | {BOUGHT: 1.0}
    for _ in range(_ROUNDS):
        moved = 0.0
        for origin, targets in chain.items():
            if origin != without:
                now = sum(share * chances.get(target, 0.0) for target, share in targets.items())
                moved = max(moved, abs(now - chances[origin]))
                chances[origin] = now
        if moved < _SETTLED:
            break
    return chances.get(START, 0.0)


def _community(drawn: Drawn, common: "nx.Graph[str]", group: set[str], most_shared: int) -> Community:
    people = {node for node in group if drawn.nodes[node]["label"] == "Profile"}
    things = ((len(people & set(common[node])), _name(drawn, node)) for node in group - people)
    ordered = sorted(things, key=lambda one: (-one[0], one[1]))
    return Community(_keys(drawn, people), tuple(name for _, name in ordered[:most_shared]))


def _keys(drawn: Drawn, people: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(str(drawn.nodes[person].get("ext_id", person)) for person in people))


def _name(drawn: Drawn, node: str) -> str:
    return str(drawn.nodes[node].get("name") or drawn.nodes[node].get("key") or node)
