"""Conditions on what a person did and belongs to: events, outcomes, segments, graph patterns, likeness."""

from datetime import datetime
from typing import Final

from psycopg.sql import SQL, Composable
from psycopg.types.json import Jsonb

from engine.embeddings import MODEL
from engine.segments.parts import NOTHING, Writer, part
from graph.patterns import pattern
from rules.conditions import Rule
from rules.conditions.dates import days_before, resolve
from rules.conditions.nodes import CameOf, Happened, Like, Member, Pattern, Span, Times

_MOST: Final = 2**62


def happened(leaf: Happened, writer: Writer) -> Composable:
    bounds = [_span(leaf.span, writer, "event")]
    bounds += [part("event_where", document=writer.value(Jsonb({name: wanted}))) for name, wanted in leaf.where]
    return _often(leaf, writer, bounds, leaf.recency)


def came_of(leaf: CameOf, writer: Writer) -> Composable:
    bounds = [_span(leaf.span, writer, "outcome")]
    if leaf.campaign is not None:
        bounds.append(part("outcome_campaign", key=writer.value(leaf.campaign)))
    if leaf.channel is not None:
        bounds.append(part("outcome_channel", channel=writer.value(leaf.channel)))
    return _often(leaf, writer, bounds, None)


def member(leaf: Member, writer: Writer) -> Composable:
    return part("member", key=writer.value(leaf.segment), among=writer.among("m"))


def found(leaf: Pattern, writer: Writer) -> Composable:
    prepared = pattern(leaf)
    if writer.people is not None:
        prepared = prepared.among(writer.people)
    argument = writer.value(prepared.argument())
    return part("found", pattern=SQL(prepared.sql(writer.context.graph, argument.as_string()[2:-2])))


def is_wide(rule: Rule) -> bool:
    """Whether a condition looks at everybody to answer for one: the nearest so many, or a pattern that is not narrow.

    Doing that at each event would take seconds among a million people, so only refreshes evaluate such a rule.
    """
    return any(
        leaf.nearest is not None
        if isinstance(leaf, Like)
        else isinstance(leaf, Pattern) and not pattern(leaf).is_narrow
        for leaf in rule.leaves()
    )


def like(leaf: Like, writer: Writer) -> Composable:
    """Near an embedding; nobody is, if what it refers to has none."""
    embedding = writer.context.embeddings.get(leaf)
    if embedding is None:
        return SQL("false")
    near = {"model": writer.value(MODEL), "embedding": writer.value(embedding)}
    if leaf.nearest is not None:
        return part("nearest", nearest=writer.value(leaf.nearest), **near)
    return part("within", within=writer.value(leaf.within), among=writer.among("e"), **near)


def _often(
    leaf: Happened | CameOf,
    writer: Writer,
    bounds: list[Composable],
    recency: tuple[float | None, float | None] | None,
) -> Composable:
    """Those who did it often enough; "at most" alone is everybody except those who did it more often."""
    is_event = isinstance(leaf, Happened)
    name = "happened" if is_event else "came_of"
    common = {
        "types": writer.value([str(one) for one in leaf.types]),
        "now": writer.value(writer.context.now),
        "bounds": SQL(" ").join(bounds),
        "among": writer.among("e" if is_event else "o"),
    }
    times = leaf.times
    if times.at_least == 0 and recency is None:
        if times.at_most is None:
            return SQL("true")
        beyond = part("count_beyond", high=writer.value(times.at_most))
        return SQL("(NOT {})").format(part(name, counted=beyond, **common))
    counted = _counted(times, writer)
    newest = _newest(recency, writer) if recency is not None else NOTHING
    return part(name, counted=SQL(" ").join([counted, newest]), **common)


def _counted(times: Times, writer: Writer) -> Composable:
    low, high = max(1, times.at_least), _MOST if times.at_most is None else times.at_most
    return part("count_between", low=writer.value(low), high=writer.value(high))


def _newest(recency: tuple[float | None, float | None], writer: Writer) -> Composable:
    at_least, at_most = recency
    now = writer.context.now
    parts: list[Composable] = []
    if at_least is not None:
        parts.append(part("newest_before", at=writer.value(days_before(now, at_least))))
    if at_most is not None:
        parts.append(part("newest_after", at=writer.value(days_before(now, at_most))))
    return SQL(" ").join(parts)


def _span(span: Span, writer: Writer, kind: str) -> Composable:
    parts: list[Composable] = []
    for end, bound in (("after", span.after), ("before", span.before)):
        if bound is not None:
            at: datetime = resolve(bound, writer.context.now)
            parts.append(part(f"{kind}_{end}", at=writer.value(at)))
    return SQL(" ").join(parts)
