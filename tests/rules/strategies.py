"""What Hypothesis makes: people, campaigns, policies and instants, near enough to each other that the gates meet."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from rules.conditions import parse
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

# A second or two for all of tests/rules.
quick = settings(max_examples=20, deadline=None)

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ("Asia/Ho_Chi_Minh", "America/Los_Angeles", "Europe/Paris", "Australia/Lord_Howe", "UTC", "Mars/Olympus_Mons")
CHANNELS = (Channel.EMAIL, Channel.TELEGRAM)
ADDRESSES = ("one", "two")
PURPOSES = ("marketing", "newsletter")

# PostgreSQL stores no NUL, so no name has one.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(words, inside, max_size=3),
    max_leaves=6,
)
channels = st.sampled_from(CHANNELS)
any_channel = st.none() | channels
offsets = st.sampled_from((UTC, timezone(timedelta(hours=7)), timezone(timedelta(hours=-3, minutes=-30))))


@st.composite
def instants(draw: st.DrawFn, days: int = 40) -> datetime:
    """An aware instant within some days, in one of a few fixed offsets."""
    minutes = draw(st.integers(0, days * 24 * 60))
    extra = draw(st.sampled_from((0, 0, 1, 30_000_000)))
    return (START + timedelta(minutes=minutes, microseconds=extra)).astimezone(draw(offsets))


addresses = st.builds(
    Address, channels, st.sampled_from(ADDRESSES), st.integers(1, 2**48 - 1), st.booleans(), st.none() | words
)
consents = st.builds(Consent, any_channel, st.sampled_from(PURPOSES), st.booleans(), instants())
suppressions = st.builds(Suppression, any_channel, st.none() | st.sampled_from(ADDRESSES), words)
failed = st.builds(Failed, channels, words)
lacks = st.builds(Lack, st.integers(100, 104), st.lists(words, min_size=1, max_size=2).map(tuple))
reached = st.builds(Reached, channels, st.sampled_from(ADDRESSES), words, st.booleans())
contacts = st.builds(Contact, channels, st.integers(1, 2), instants(), st.none() | st.sampled_from(PURPOSES))
heard = st.dictionaries(channels, instants(), max_size=2)
rivals = st.builds(Rival, st.integers(3, 5), words, st.integers(-5, 9), instants())
budgets = st.builds(
    Budget,
    st.none() | st.integers(0, 3),
    st.integers(0, 3),
    st.none() | st.sampled_from((0.0, 1.5, 300.0)),
    st.sampled_from((0.0, 0.1, 299.9)),
    st.none() | instants(),
)
TOPICS = ("coffee", "Tea", "trà sữa")
ties = st.builds(Tie, st.sampled_from(TOPICS), words, st.floats(0, 9), st.none() | instants())
several_ties = st.lists(ties, max_size=2).map(tuple)
neighbourhoods = st.builds(Neighbourhood, several_ties, several_ties, several_ties, several_ties, several_ties)
shares = st.sampled_from((0.0, 0.0, 0.3, 0.7, 1.0))

# Conditions that people of few properties meet or not, and two that only the database can answer.
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"attribute": "age", "at_least": 18},
    {"not": {"outcome": "complained", "in_last_days": 9}},
    {"any": [{"event": "visit"}, {"segment": "regulars"}]},
    {"profile": "ext_id", "exists": True},
    {"all": []},
    {"graph": "bought_product", "with": {"product": "tea", "times": 2}},
    {"like": {"text": "biển"}, "nearest": 10},
)
_answered = tuple(leaf for condition in CONDITIONS[-2:] for leaf in parse(condition).leaves())
numbers_too = st.recursive(
    json_values | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(words, inside, max_size=2),
    max_leaves=4,
)
persons = st.builds(
    Person,
    profile_id=st.just(1),
    ext_id=words,
    created_at=instants(),
    active=st.booleans(),
    zone=st.none() | st.just("UTC"),
    attributes=st.fixed_dictionaries({}, optional={"age": st.sampled_from((17, 18, Decimal("18.5"))), "": numbers_too}),
    consents=st.lists(consents, max_size=1).map(tuple),
    reachable=st.frozensets(channels),
    events=st.lists(
        st.builds(Occurrence, st.just("visit"), instants(), st.dictionaries(words, numbers_too)), max_size=1
    ).map(tuple),
    results=st.lists(
        st.builds(Result, st.just(OutcomeType.COMPLAINED), instants(), st.none() | words, any_channel), max_size=1
    ).map(tuple),
    segments=st.sampled_from((frozenset(), frozenset({"regulars"}))),
    answers=st.dictionaries(st.sampled_from(_answered), st.booleans()),
)

people = st.builds(
    Facts,
    profile_id=st.integers(1, 2**48 - 1),
    ext_id=words,
    zone=st.sampled_from(ZONES),
    locale=st.sampled_from(("vi", "en")),
    active=st.sampled_from((True, True, True, False)),
    attributes=st.dictionaries(words, json_values, max_size=3),
    addresses=st.lists(addresses, max_size=3).map(tuple),
    consents=st.lists(consents, max_size=3).map(tuple),
    suppressions=st.lists(suppressions, max_size=1).map(tuple),
    contacts=st.lists(contacts, max_size=4).map(tuple),
    outcomes=st.dictionaries(st.sampled_from(("delivered", "read", "bought")), st.integers(0, 9), max_size=3),
    reached=st.lists(reached, max_size=1).map(tuple),
    failed=st.lists(failed, max_size=1).map(tuple),
    heard=heard,
    rivals=st.lists(rivals, max_size=2).map(tuple),
    lacks=st.lists(lacks, max_size=1).map(tuple),
    budget=st.none() | budgets,
    neighbourhood=st.none() | neighbourhoods,
    person=st.none() | persons,
)

campaigns = st.builds(
    Campaign,
    campaign_id=st.integers(1, 2),
    name=words,
    purpose=st.sampled_from(PURPOSES),
    starts_at=st.none() | instants(),
    ends_at=st.none() | instants(days=60),
    priority=st.integers(-5, 5),
    control_share=shares,
    key=st.sampled_from(("", "spring")),
)

_times = st.times().map(lambda moment: moment.replace(fold=0).isoformat("minutes"))
_weights = st.integers(-50, 50).map(lambda tenth: tenth / 10)
quiet_hours = st.none() | st.tuples(_times, _times).filter(lambda both: both[0] != both[1]).map(
    lambda both: {"start": both[0], "end": both[1]}
)
some_channels = st.lists(st.sampled_from([str(channel) for channel in CHANNELS]), min_size=1, max_size=2)
some_purposes = st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=2)
caps = st.builds(
    lambda limit, span, scope, only: {"limit": limit, **span, "scope": scope, **only},
    st.integers(0, 3),
    st.sampled_from(({"days": 1}, {"days": 7}, {"hours": 5}, {"days": 0.5}, {"per": "day"}, {"per": "month"})),
    st.sampled_from(("overall", "campaign", "channel")),
    st.fixed_dictionaries({}, optional={"channels": some_channels, "purposes": some_purposes}),
)
sending_hours = (
    st.tuples(_times, _times)
    .filter(lambda both: both[0] != both[1])
    .flatmap(
        lambda both: st.fixed_dictionaries(
            {"from": st.just(both[0]), "to": st.just(both[1])},
            optional={"channels": some_channels, "purposes": some_purposes, "source": st.just("a decree")},
        )
    )
)
windows = st.fixed_dictionaries(
    {"channel": st.sampled_from([str(channel) for channel in CHANNELS]), "hours": st.sampled_from((24, 168, 0.5))},
    optional={"except": st.sampled_from(({"purposes": ["newsletter"]}, {"templates": ["hello"]}))},
)
scopes = st.fixed_dictionaries(
    {},
    optional={
        "channels": some_channels,
        "purposes": some_purposes,
        "campaigns": st.just(["spring"]),
        "templates": st.just(["hello"]),
    },
)
layers = st.lists(
    st.fixed_dictionaries(
        {"name": words.filter(str.strip), "when": st.sampled_from(CONDITIONS)}, optional={"for": scopes}
    ),
    max_size=2,
    unique_by=lambda one: str(one["name"]),
)
policy_documents = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.sampled_from(ZONES[:-1]),
        "required_consent": st.booleans(),
        "quiet_hours": quiet_hours,
        "purposes": st.dictionaries(
            st.sampled_from(PURPOSES),
            st.sampled_from(("consent", "contract", "legal_obligation", "legitimate_interest")),
        ),
        "eligibility": layers,
        "applicability": layers,
        "suitability": layers,
        "sending_hours": st.lists(sending_hours, max_size=2),
        "windows": st.lists(windows, max_size=2, unique_by=lambda one: str(one["channel"])),
        "yields": st.none() | st.just({"minutes": 720}),
        "fallback": st.none() | st.just({"hours": 24}),
        "costs": st.dictionaries(
            st.sampled_from([str(channel) for channel in CHANNELS]), st.sampled_from((0, 0.5, 300))
        ),
        "caps": st.lists(caps, max_size=3),
        "control_share": shares,
        "weights": st.fixed_dictionaries({}, optional={"do_nothing": _weights, "fatigue": _weights}),
    },
)
policies = policy_documents.map(Policy.parse)
# Under these only what ends by itself, a cap or a control group holds anybody back.
_PASSING = {"zone", "quiet_hours", "sending_hours", "caps", "yields", "control_share", "weights"}
passing_policies = policy_documents.map(
    lambda document: Policy.parse({name: part for name, part in document.items() if name in _PASSING})
)


@st.composite
def offers(draw: st.DrawFn) -> tuple[Candidate, ...]:
    """Approved templates, numbered, and doing nothing."""
    named = words | st.just("hello")
    about = st.lists(st.sampled_from(TOPICS), max_size=2, unique=True).map(tuple)
    made = draw(st.lists(st.tuples(channels, st.integers(1, 99), named, st.integers(1, 9), about), max_size=3))
    return candidates(made)


@st.composite
def reachable_people(draw: st.DrawFn) -> Facts:
    """People whom only time, a cap or a control group can hold back."""
    return draw(
        st.builds(
            Facts,
            profile_id=st.just(1),
            ext_id=words,
            zone=st.sampled_from(ZONES),
            addresses=st.just((Address(Channel.EMAIL, "one", 1), Address(Channel.TELEGRAM, "two", 2))),
            consents=st.just((Consent(None, "marketing", granted=True, at=START),)),
            contacts=st.lists(contacts, max_size=4).map(tuple),
            rivals=st.lists(rivals, max_size=1).map(tuple),
            heard=heard,
            person=persons,
        )
    )
