"""What goes wrong with the people of a real CDP, planted in known numbers: each is a generated person, altered."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from channels.sandbox.arango import spellings
from channels.sandbox.arango.catalogue import segment_ref, touchpoint_key
from channels.sandbox.arango.truth import CONSENTS

# More than a page of 1,000 with one time of change, if there are enough people.
TIES = 1_200
# A world must be this much larger than its traps, or there is no room for them.
LEAST_PEOPLE = 250
MANY_TOUCHPOINTS = 2_000
LONG = 40_000

# Segments besides LEO CDP's own: key, name, status. Two have the same name, some are not active.
SEGMENTS: tuple[tuple[str, str | None, int], ...] = (
    ("9InactiveQuerySegmt10", "Ngừng theo dõi", 0),
    ("ARemovedSegment000011", "Đã xoá", -4),
    ("BTwinSegmentFirst0012", "Khách VIP", 1),
    ("CTwinSegmentSecond013", "Khách VIP", 2),
    ("DNamelessSegment00014", None, 1),
    ("EHostileSegment000015", "O'Brien $$ {{name}} \"; DROP TABLE x; -- 😀", 1),
)
_NAME = "Nguyễn Thị Ánh Tuyết"
_HOSTILE = (
    "$$ DROP TABLE cdp_profiles $$",
    "O'Brien'); --",
    "{{ profile.email }} {% if 1 %}",
    "before\u0000after",
    "%s %(name)s \\u0000 \\",
    '</script><b onclick="x">',
)
_LISTS = ("inSegments", "identities", "secondaryEmails", "secondaryPhones", "dataLabels", "topEngagedTouchpointIds")
_MAPS = ("notificationUserIds", "socialMediaProfiles", "eventStatistics", "extAttributes")


@dataclass(frozen=True, slots=True)
class Planted:
    """A person of a trap: fields to write, fields to remove, and which of those planted here is the root."""

    trap: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    root: int | None = None


def planted() -> list[Planted]:
    """Give the people of all traps except the equal times, ordered so that losers come before and after winners."""
    people = [
        *_times(),
        *_statuses(),
        *_texts(),
        *_phones(),
        *_mails(),
        *_ways(),
        *_consents(),
        *_segments(),
    ]
    return [*people, *_merges(len(people))]


def _times() -> Iterator[Planted]:
    yield Planted("no_updated_at", {"updatedAt": None})
    yield Planted("no_updated_at", {"updatedAt": ""})
    yield Planted("no_updated_at", without=("updatedAt",))


def _statuses() -> Iterator[Planted]:
    for name, status, count in (("inactive", 0, 2), ("invalid", -1, 3), ("removed", -4, 4), ("dead", -44, 2)):
        yield from [Planted(f"status_{name}", {"status": status})] * count


def _merges(start: int) -> Iterator[Planted]:
    """Give five losers before their winners, five after, a chain of two merges, and one whose root does not exist."""
    lost = {"status": 0, "mergeCode": 11}
    for pair in range(5):
        yield Planted("merge_loser_first", lost, root=start + 2 * pair + 1)
        yield Planted("merge_winner")
    for pair in range(5, 10):
        yield Planted("merge_winner")
        yield Planted("merge_loser_last", lost, root=start + 2 * pair)
    yield Planted("merge_chain", lost, root=start + 21)
    yield Planted("merge_chain", lost, root=start + 22)
    yield Planted("merge_winner")
    yield Planted("merge_root_missing", lost | {"rootProfileId": "zzNobodyIsHere0000000z"})


def _texts() -> Iterator[Planted]:
    names = ("firstName", "middleName", "lastName")
    yield Planted("name_null", dict.fromkeys(names))
    yield Planted("name_null", {"firstName": None})
    yield Planted("name_null", without=names)
    for form in ("NFC", "NFD"):
        yield from [Planted(f"name_{form.lower()}", {"firstName": unicodedata.normalize(form, _NAME)})] * 3
    for emoji in ("Mai 🌹", "👩‍👩‍👧 Lan", "🇻🇳"):
        yield Planted("name_emoji", {"firstName": emoji})
    for text in _HOSTILE:
        yield Planted("text_hostile", {"lastName": text, "livingCity": text, "extAttributes": {text: text}})
    yield Planted("text_long", {"firstName": "dài " * (LONG // 4)})
    yield Planted("text_long", {"livingLocation": "ế" * LONG, "extAttributes": {"note": "x" * LONG}})
    yield from [Planted("number_as_text", {"age": "29", "totalCLV": "5400000", "totalLeadScore": "14"})] * 3
    yield Planted("text_as_number", {"primaryPhone": 84901234567, "socialMediaProfiles": {"zalo": 7123456780400042}})
    yield from [Planted("arrays_missing", without=_LISTS)] * 2
    yield Planted("arrays_missing", without=(*_LISTS, *_MAPS))
    yield Planted("arrays_null", dict.fromkeys((*_LISTS, *_MAPS)))
    touched = [touchpoint_key(number) for number in range(MANY_TOUCHPOINTS)]
    yield Planted("touchpoints_many", {"topEngagedTouchpointIds": touched})


def _phones() -> Iterator[Planted]:
    for name, texts in (
        ("phone_spelling", spellings.PHONE_SPELLINGS),
        ("phone_old_prefix", spellings.OLD_PHONES),
        ("phone_garbage", spellings.NO_PHONES),
    ):
        for text in texts:
            yield Planted(name, {"primaryPhone": text})


def _mails() -> Iterator[Planted]:
    for name, texts in (
        ("mail_upper", spellings.UPPER_MAILS),
        ("mail_spaced", spellings.SPACED_MAILS),
        ("mail_idn", spellings.IDN_MAILS),
        ("mail_garbage", spellings.NO_MAILS),
        ("mail_empty", ("", "   ")),
    ):
        for text in texts:
            yield Planted(name, {"primaryEmail": text})
    yield Planted("mail_empty", {"primaryEmail": None})
    yield Planted("mail_twice", {"primaryEmail": "Twice@Khach.Example", "secondaryEmails": ["twice@khach.example"]})


def _ways() -> Iterator[Planted]:
    """Give people who can be reached in only one way, or not at all."""
    nothing: dict[str, Any] = {"primaryEmail": "", "primaryPhone": "", "identities": []}
    nothing |= {"socialMediaProfiles": {}, "notificationUserIds": {}}
    for number in range(3):
        zalo = f"889900000000000{number}"
        yield Planted("only_zalo", nothing | {"identities": [f"zalo:{zalo}"], "socialMediaProfiles": {"zalo": zalo}})
        yield Planted("only_psid", nothing | {"socialMediaProfiles": {"facebook": f"PSID-only-{number}"}})
        yield Planted("only_telegram", nothing | {"socialMediaProfiles": {"telegram": f"9900{number}"}})
        yield Planted("only_push", nothing | {"notificationUserIds": {"fcm": [f"fcm-only-{number}"]}})
        yield Planted("only_fcm_identity", nothing | {"identities": [f"fcm_tokens:tok-only-{number}"]})
        yield Planted("no_address", nothing)


def _consents() -> Iterator[Planted]:
    for (channel, name), value in product(CONSENTS.items(), (-1, 0, 1)):
        yield Planted(f"consent_{channel}_{value}", {name: value})
    yield Planted("consent_absent", without=tuple(CONSENTS.values()))


def _segments() -> Iterator[Planted]:
    for key, name, _ in SEGMENTS:
        yield from [Planted("segment_odd", {"inSegments": [segment_ref(key, name or "")]})] * 2
    yield Planted("segment_unknown", {"inSegments": [segment_ref("zzNoSuchSegment000000", "Không có")]})


def spread(people: int, count: int) -> Callable[[int], int]:
    """Say which number each of the planted ones gets: at even distances, after the people of equal times."""
    first = ties(people)
    step = (people - first) // count
    return lambda place: first + place * step


def ties(people: int) -> int:
    """Say how many people, the first ones, share one time of change."""
    return min(TIES, people // 4)
