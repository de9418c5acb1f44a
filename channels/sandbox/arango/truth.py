"""What a sync must arrive at: counted from the documents that are served, without any of the sync's own code."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from channels.sandbox.arango import spellings
from channels.sandbox.arango.collection import Collection
from channels.sandbox.arango.keys import COHORTS
from channels.sandbox.arango.people import marks
from rules.words import Channel

# A Zalo template goes to a phone number. "ads" is a purpose on every channel.
CONSENTS: Mapping[str, str] = {
    Channel.EMAIL: "receiveEmail",
    Channel.ZALO_TEMPLATE: "receiveSMS",
    Channel.APP_PUSH: "receiveAppPush",
    Channel.WEB_PUSH: "receiveWebPush",
    "ads": "receiveAds",
}
# Longer than any chain of merges that LEO CDP leaves.
_MOST_ROOTS = 64

Count = Counter[tuple[str, ...]]


def truth(people: Collection) -> dict[str, Any]:
    """Give people by kind, their addresses (valid, invalid) and consents by channel, members by segment.

    `all` is every document, `active` those whose status is above 0 and who name no root.
    """
    count: Count = Counter()
    hidden = Counter(number % COHORTS for number in people.hidden)
    for cohort in range(min(COHORTS, people.generated.count)):
        size = len(range(cohort, people.generated.count, COHORTS)) - hidden[cohort]
        _add(count, people.generated.cohort(cohort), people.get, size)
    for key in people.kept:
        _add(count, people.get(key) or {}, people.get, 1)
    told: dict[str, Any] = {}
    for path, number in sorted(count.items()):
        place = told
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = number
    return told


def _add(count: Count, document: Mapping[str, Any], get: Callable[[str], dict[str, Any] | None], times: int) -> None:
    if not times:
        return
    status = _status(document, get)
    tally: Count = Counter({("people", "all"): 1, ("people", status): 1})
    tally.update(("segments", segment) for segment in marks(document))
    for whom in ("all", *(["active"] if status == "active" else [])):
        tally.update((whom, "addresses", channel, word) for channel, word in addresses(document))
        tally.update((whom, "consents", name, _word(document, field)) for name, field in CONSENTS.items())
    for path, number in tally.items():
        count[path] += number * times


def _status(document: Mapping[str, Any], get: Callable[[str], dict[str, Any] | None]) -> str:
    root = document.get("rootProfileId")
    if not root:
        status = document.get("status")
        return "active" if isinstance(status, int) and status > 0 else "deleted"
    for _ in range(_MOST_ROOTS):
        winner = get(root)
        if winner is None:
            return "deleted"
        root = winner.get("rootProfileId")
        if not root:
            return "merged"
    return "deleted"


def _word(document: Mapping[str, Any], field: str) -> str:
    return str(document[field]) if document.get(field) is not None else "absent"


def addresses(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give (channel, "valid" or "invalid") for each address that a person has, each address once."""
    found = dict.fromkeys(
        (channel, one if known is None else known, "invalid" if known is None else "valid")
        for channel, text in _texts(document)
        if (one := text.strip())
        for known in [_known(channel, text)]
    )
    return [(channel, word) for channel, _, word in found]


def _known(channel: str, text: str) -> str | None:
    if channel == Channel.EMAIL:
        return spellings.mail(text)
    return spellings.phone(text) if channel == Channel.ZALO_TEMPLATE else text


def _texts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    social, push = (document.get(name) or {} for name in ("socialMediaProfiles", "notificationUserIds"))
    identities = document.get("identities") or []
    places: dict[str, list[Any]] = {
        Channel.EMAIL: [document.get("primaryEmail"), *(document.get("secondaryEmails") or [])],
        Channel.ZALO_TEMPLATE: [document.get("primaryPhone"), *(document.get("secondaryPhones") or [])],
        Channel.ZALO_OA: [social.get("zalo"), *_behind("zalo:", identities)],
        Channel.FACEBOOK: [social.get("facebook")],
        Channel.TELEGRAM: [social.get("telegram")],
        Channel.APP_PUSH: [*push.get("fcm", []), *_behind("fcm_tokens:", identities)],
        Channel.WEB_PUSH: push.get("pushalert", []),
    }
    for channel, values in places.items():
        yield from ((channel, str(value)) for value in values if value is not None)


def _behind(prefix: str, identities: list[Any]) -> list[str]:
    return [one.removeprefix(prefix) for one in identities if isinstance(one, str) and one.startswith(prefix)]
