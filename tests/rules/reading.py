"""Reads the cases below cases/: a marketer's words on one side, the rules' own on the other. See cases/README.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from rules.conditions.person import Occurrence, Person, Result
from rules.facts import (
    Address,
    Budget,
    Campaign,
    Candidate,
    Consent,
    Contact,
    Facts,
    Failed,
    Lack,
    Neighbourhood,
    Reached,
    Rival,
    Suppression,
    Tie,
    candidates,
)
from rules.policy import Policy
from rules.words import Channel, OutcomeType

CASES = Path(__file__).parent / "cases"

_USUAL_NOW = datetime.fromisoformat("2026-03-10T10:00:00+07:00")
_USUAL_CONSENT = {"granted": "marketing", "at": "2026-01-01T09:00:00+07:00"}
_USUAL_ADDRESS = {"email": "lan@example.vn"}


class _Loader(yaml.SafeLoader):
    """YAML in which times stay text (its own reading drops the offset) and no key is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.constructor.ConstructorError(None, None, f"a key is there twice: {keys}", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What is promised: `gates` of each template by its name, `says` parts of the sentences given."""

    action: str
    reason: str
    gates: Mapping[str, list[str]]
    template: str | None = None
    wait_until: str | None = None
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """One case: the arguments of `decide`, and what it has to answer."""

    name: str
    facts: Facts
    candidates: tuple[Candidate, ...]
    campaign: Campaign
    policy: Policy
    now: datetime
    expected: Expected


def stories() -> Iterator[Story]:
    """Give every case of every file; raises on a field that is not known."""
    for file in sorted(CASES.glob("*.yaml")):
        for document in yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader):  # noqa: S506 - a SafeLoader
            yield _story(file.stem, **document)


def _story(
    file: str,
    *,
    case: str,
    expect: Mapping[str, Any],
    now: str | None = None,
    person: Mapping[str, Any] | None = None,
    campaign: Mapping[str, Any] | None = None,
    policy: Mapping[str, Any] | None = None,
    templates: Mapping[str, Any] | None = None,
) -> Story:
    named = {"welcome": "email"} if templates is None else templates
    given = dict(person or {})
    lacks = tuple(Lack(100 + [*named].index(name), tuple(names)) for name, names in given.pop("lacks", {}).items())
    return Story(
        name=f"{file}: {case}",
        facts=_person(**given, lacks=lacks),
        candidates=candidates([_template(100 + place, name, one) for place, (name, one) in enumerate(named.items())]),
        campaign=_campaign(**(campaign or {})),
        policy=Policy.parse(policy or {}, version=1),
        now=_USUAL_NOW if now is None else datetime.fromisoformat(now),
        expected=Expected(**{**expect, "says": tuple(expect.get("says", ()))}),
    )


def _template(
    template_id: int, name: str, one: str | Mapping[str, Any]
) -> tuple[Channel, int, str, int, tuple[str, ...]]:
    """Read a channel, or a channel and what the template is about."""
    told = {"channel": one} if isinstance(one, str) else one
    return Channel(told["channel"]), template_id, name, 1, tuple(told.get("about", ()))


def _person(
    *,
    key: str = "lan",
    zone: str = "Asia/Ho_Chi_Minh",
    active: bool = True,
    addresses: list[dict[str, str]] | None = None,
    consents: list[dict[str, str]] | None = None,
    suppressions: list[dict[str, str]] | None = None,
    messages: list[dict[str, Any]] | None = None,
    outcomes: Mapping[str, int] | None = None,
    reached: list[dict[str, Any]] | None = None,
    failed: Mapping[str, str] | None = None,
    heard: Mapping[str, str] | None = None,
    rivals: list[dict[str, Any]] | None = None,
    budget: Mapping[str, Any] | None = None,
    likes: list[str] | None = None,
    bought: list[str] | None = None,
    known: Mapping[str, Any] | None = None,
    lacks: tuple[Lack, ...] = (),
) -> Facts:
    return Facts(
        profile_id=7,
        ext_id=key,
        zone=zone,
        active=active,
        addresses=tuple(
            _address(place, dict(one))
            for place, one in enumerate([_USUAL_ADDRESS] if addresses is None else addresses, start=1)
        ),
        consents=tuple(_consent(**one) for one in ([_USUAL_CONSENT] if consents is None else consents)),
        suppressions=tuple(_suppression(**one) for one in suppressions or ()),
        contacts=tuple(_message(**one) for one in messages or ()),
        outcomes=outcomes or {},
        reached=tuple(_reached(dict(one)) for one in reached or ()),
        failed=tuple(Failed(Channel(channel), why) for channel, why in (failed or {}).items()),
        heard={Channel(channel): datetime.fromisoformat(at) for channel, at in (heard or {}).items()},
        rivals=tuple(_rival(place, **one) for place, one in enumerate(rivals or (), start=50)),
        budget=None if budget is None else _budget(**budget),
        neighbourhood=None if likes is None and bought is None else Neighbourhood(_ties(likes), _ties(bought)),
        person=None if known is None else _known(key, active=active, **known),
        lacks=lacks,
    )


def _known(
    key: str,
    *,
    active: bool,
    attributes: Mapping[str, Any] | None = None,
    events: Mapping[str, str] | None = None,
    results: Mapping[str, str] | None = None,
    segments: list[str] | None = None,
) -> Person:
    """Read what conditions look at; events and outcomes are the last of their kind, with its instant."""
    return Person(
        profile_id=7,
        ext_id=key,
        active=active,
        created_at=datetime.fromisoformat("2025-01-01T00:00:00+07:00"),
        attributes=attributes or {},
        events=tuple(Occurrence(kind, datetime.fromisoformat(at)) for kind, at in (events or {}).items()),
        results=tuple(Result(OutcomeType(kind), datetime.fromisoformat(at)) for kind, at in (results or {}).items()),
        segments=frozenset(segments or ()),
    )


def _rival(place: int, *, name: str, priority: int, due_at: str) -> Rival:
    return Rival(place, name, priority, datetime.fromisoformat(due_at))


def _budget(
    *,
    messages: int | None = None,
    sent: int = 0,
    amount: float | None = None,
    spent: float = 0.0,
    until: str | None = None,
) -> Budget:
    return Budget(messages, sent, amount, spent, None if until is None else datetime.fromisoformat(until))


def _ties(names: list[str] | None) -> tuple[Tie, ...]:
    return tuple(Tie(name.casefold(), name) for name in names or ())


def _address(place: int, one: dict[str, str]) -> Address:
    reason = one.pop("invalid", None)
    ((channel, value),) = one.items()
    return Address(Channel(channel), value, place, valid=reason is None, reason=reason)


def _reached(one: dict[str, Any]) -> Reached:
    profile, is_person = one.pop("profile"), one.pop("is_person", True)
    ((channel, value),) = one.items()
    return Reached(Channel(channel), value, profile, is_person)


def _consent(
    *, at: str, granted: str | None = None, withdrawn: str | None = None, channel: str | None = None
) -> Consent:
    purpose = granted or withdrawn
    if purpose is None or (granted and withdrawn):
        raise ValueError("a consent is granted or withdrawn, for a purpose")
    return Consent(_channel(channel), purpose, granted is not None, datetime.fromisoformat(at))


def _suppression(*, reason: str, channel: str | None = None, address: str | None = None) -> Suppression:
    return Suppression(_channel(channel), address, reason)


def _message(*, channel: str, at: str, campaign: int = 1, purpose: str | None = None) -> Contact:
    return Contact(Channel(channel), campaign, datetime.fromisoformat(at), purpose)


def _campaign(
    *,
    id: int = 1,  # noqa: A002 - the word of the cases
    purpose: str = "marketing",
    starts_at: str | None = None,
    ends_at: str | None = None,
    control_share: float = 0.0,
    priority: int = 0,
    key: str = "spring",
) -> Campaign:
    return Campaign(
        campaign_id=id,
        name="Spring",
        purpose=purpose,
        starts_at=None if starts_at is None else datetime.fromisoformat(starts_at),
        ends_at=None if ends_at is None else datetime.fromisoformat(ends_at),
        control_share=control_share,
        priority=priority,
        key=key,
    )


def _channel(name: str | None) -> Channel | None:
    return None if name is None else Channel(name)
