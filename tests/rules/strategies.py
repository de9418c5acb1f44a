"""What Hypothesis makes: people, campaigns, policies and instants, near enough to each other that the gates meet."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import settings
from hypothesis import strategies as st

from rules.facts import Address, Campaign, Candidate, Consent, Contact, Facts, Reached, Suppression, candidates
from rules.policy import Policy
from rules.words import Channel

# A second or two for all of tests/rules.
quick = settings(max_examples=20, deadline=None)

START = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ("Asia/Ho_Chi_Minh", "America/Los_Angeles", "Europe/Paris", "Australia/Lord_Howe", "UTC", "Mars/Olympus_Mons")
CHANNELS = (Channel.EMAIL, Channel.TELEGRAM)
ADDRESSES = ("one", "two")
PURPOSES = ("marketing", "newsletter")

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
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
reached = st.builds(Reached, channels, st.sampled_from(ADDRESSES), words, st.booleans())
contacts = st.builds(Contact, channels, st.integers(1, 2), instants())
shares = st.sampled_from((0.0, 0.0, 0.3, 0.7, 1.0))

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
)

_times = st.times().map(lambda moment: moment.replace(fold=0).isoformat("minutes"))
_weights = st.integers(-50, 50).map(lambda tenth: tenth / 10)
quiet_hours = st.none() | st.tuples(_times, _times).filter(lambda both: both[0] != both[1]).map(
    lambda both: {"start": both[0], "end": both[1]}
)
caps = st.builds(
    lambda limit, span, scope: {"limit": limit, **span, "scope": scope},
    st.integers(0, 3),
    st.sampled_from(({"days": 1}, {"days": 7}, {"hours": 5}, {"days": 0.5})),
    st.sampled_from(("overall", "campaign", "channel")),
)
policy_documents = st.fixed_dictionaries(
    {},
    optional={
        "zone": st.sampled_from(ZONES[:-1]),
        "required_consent": st.booleans(),
        "quiet_hours": quiet_hours,
        "caps": st.lists(caps, max_size=3),
        "control_share": shares,
        "weights": st.fixed_dictionaries({}, optional={"do_nothing": _weights, "fatigue": _weights}),
    },
)
policies = policy_documents.map(Policy.parse)


@st.composite
def offers(draw: st.DrawFn) -> tuple[Candidate, ...]:
    """Approved templates, numbered, and doing nothing."""
    made = draw(st.lists(st.tuples(channels, st.integers(1, 99), words, st.integers(1, 9)), max_size=3))
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
        )
    )
