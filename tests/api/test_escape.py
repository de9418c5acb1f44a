"""Tenant escape, endpoint by endpoint: a key of one tenant and ids, keys and names of another's records.

The operations come from the contract, so one that is added and names a record in a new way fails here until it is told
how it is attacked. Every name the victim uses holds the word THEIRS, which no answer to the stranger may hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg.rows import dict_row

from api import contract
from api.app import ROUTERS, create_app
from api.services import Services
from engine import unsubscribe
from engine.tenants import ALL_SCOPES, create_api_key, revoke_api_key
from rules.words import Channel
from tests.api.conftest import Callers
from tests.api.forging import flipped
from tests.conftest import Tenant
from tests.every_table import fill, whole

THEIRS = "theirs"
# What the victim owns and nobody can ask for by name.
HIDDEN = "hidden"
Body = Any


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    path: str
    needs: tuple[str, ...]
    parameters: tuple[str, ...]
    has_body: bool


@cache
def operations() -> Mapping[str, Operation]:
    """Every operation of the contract by its name."""
    document = contract.document(create_app())
    found = {}
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            placed = tuple(given["name"] for given in one["parameters"] if given.get("in") == "path")
            found[one["operationId"]] = Operation(
                one["operationId"], method.upper(), path, tuple(one.get("x-needs", ())), placed, "requestBody" in one
            )
    return found


def _keyed() -> list[Operation]:
    return [one for one in operations().values() if one.needs]


_IDS = """
SELECT c.channel_id, webhook_key, decision_id, campaign_id, run_id, profile_id, d.template_id, s.snapshot_id, a.task_id,
    saved_id, callback_id, ticket::text, (SELECT delivery_id FROM delivery_log) AS delivery_id,
    (SELECT max(api_key_id) FROM api_key) AS api_key_id,
    (SELECT encode(event_id, 'hex') FROM delivery_log) AS delivered,
    (SELECT min(event_id) FROM marketing_event) AS event_id, (SELECT min(duplicate_id) FROM duplicate) AS duplicate_id
FROM decision d, channel c, segment_snapshot s, agent_task a, saved_query q, callback b, query_history h
WHERE c.kind = 'chat'
"""


@dataclass(frozen=True, slots=True)
class Victim:
    """Another tenant with a row in every table, and what its records are called."""

    tenant: Tenant
    ids: Mapping[str, Any]

    def body_of(self, name: str) -> Body:
        """What is sent to an operation with a body: as many names of the victim's records as it takes."""
        ids = self.ids
        person, template = {"ext_id": f"{THEIRS}-1"}, [ids["template_id"]]
        bodies: Mapping[str, Body] = {
            "createTenant": {"slug": self.tenant.slug, "name": "Mine"},
            "createApiKey": {"name": "k", "scopes": ["read"]},
            "rotateApiKey": {"overlap_s": 60},
            "connectChannel": {"kind": "email", "name": "email", "settings": {}},
            "pauseChannel": {"reason": "mine"},
            "beginConsent": {"name": "mine", "app_id": "1", "app_secret": "s"},
            "finishConsent": {"state": "none", "code": "none"},
            "admitVisitor": person,
            "forecastCampaign": {"snapshot_id": ids["snapshot_id"]},
            "dryRunCampaign": {"snapshot_id": ids["snapshot_id"], "profiles": [person["ext_id"]]},
            "comparePolicy": {"version": 1},
            "eraseProfile": {"reason": "mine"},
            "upsertProfiles": [{**person, "name": "Mine"}],
            "mergeProfiles": {"losers": [f"{THEIRS}-2"], "reason": "mine"},
            "importProfiles": None,
            "recordEvents": [{"type": "mine", "profile": person["ext_id"]}],
            "saveSegment": {"key": THEIRS, "name": "Mine", "rule": {"all": []}},
            "previewSegment": {"rule": {"all": []}, "sample": 10},
            "createSnapshot": {"segment": THEIRS},
            "syncSegment": {"segment_id": THEIRS},
            "saveTemplate": {"key": THEIRS, "channel": "email", "subject": "x", "body_text": "x {{ unsubscribe_url }}"},
            "previewDraft": {"channel": "email", "subject": "x", "body_text": "x", **person, "campaign": THEIRS},
            "previewTemplate": {**person, "campaign": THEIRS},
            "trialTemplate": {**person, "address": "me@mine.example"},
            "saveCampaign": {"key": "mine", "name": "Mine", "segment": THEIRS, "template_ids": template},
            "savePolicy": {"key": THEIRS, "document": {}},
            "checkPolicy": {"document": {}},
            "switchOnPolicy": {"version": 1},
            "activateProfile": {"campaign_id": ids["campaign_id"], "profile": person["ext_id"]},
            "askAgent": {"text": f"Activate {ids['campaign_id']}"},
            "approveTask": {},
            "rejectTask": {},
            "takeUp": {"what": "run", "record_id": ids["run_id"], "reason": "mine"},
            "redriveDeadLetters": {"delivery_ids": [ids["delivery_id"]], "may_double": True},
            "resolveDeadLetters": {"delivery_ids": [ids["delivery_id"]], "resolution": "lost", "note": "mine"},
            "askGraph": {"query": "MATCH (p:Profile) RETURN p.ext_id AS e"},
            "planGraphQuery": {"query": "MATCH (p:Profile) RETURN p.ext_id AS e"},
            "expandNode": {"node_id": str(ids["node_id"])},
            "stopGraphQuery": {"ticket": ids["ticket"]},
            "saveQuery": {"name": THEIRS, "text": "MATCH (p:Profile) RETURN p.ext_id AS e"},
            "changeSavedQuery": {"name": THEIRS, "text": "MATCH (p:Profile) RETURN p.ext_id AS e"},
        }
        return bodies[name]

    def places_of(self, operation: Operation) -> Iterator[str]:
        """Every path under which a record of the victim could be asked for."""
        ids = self.ids
        named = {**ids, "ext_id": f"{THEIRS}-1", "slug": self.tenant.slug, "other": ids["snapshot_id"], "version": 1}
        if operation.path.startswith(("/webhooks", "/inbox")):
            named["key"] = ids["webhook_key"]
        elif "key" in operation.parameters:
            named["key"] = THEIRS
        if operation.name == "getTrace":
            for kind in ("decision", "delivery", "event"):
                yield operation.path.format(kind=kind, record=ids[f"{kind}_id"])
            yield operation.path.format(kind="profile", record=f"{THEIRS}-1")
            return
        yield operation.path.format_map(named)


QUERIES: Mapping[str, Mapping[str, str]] = {
    "searchPeople": {"q": THEIRS},
    "listSnapshots": {"segment": THEIRS},
    "explainSegment": {"profile": f"{THEIRS}-1"},
    "whyNot": {"campaign": THEIRS},
    "listDecisions": {"profile": f"{THEIRS}-1"},
}
# What an operation that names no record in its path answers, where it is not 200: its body names the victim's, or what
# is made under the victim's name is the caller's own.
ANSWERS: Mapping[str, int] = {
    "createTenant": 403,
    "connectChannel": 201,
    "beginConsent": 201,
    "finishConsent": 404,
    "recordEvents": 202,
    "saveSegment": 201,
    "createSnapshot": 404,
    "syncSegment": 404,
    "listSnapshots": 404,
    "listDecisions": 404,
    "saveTemplate": 201,
    "previewDraft": 404,
    "saveCampaign": 404,
    "savePolicy": 201,
    "activateProfile": 404,
    "askAgent": 202,
    "stopGraphQuery": 404,
    "takeUp": 404,
    "saveQuery": 201,
}
# Streams that end when their client goes.
ENDLESS = {"followTask", "watchCampaign"}
# The row has no inputs, as that of an erased person.
UNREADABLE = {"explainDecision", "replayDecision"}
# What needs no key, and the test that attacks it.
OPEN: Mapping[str, str] = {
    "landing": "shows nothing of anybody",
    "isAlive": "shows nothing of anybody",
    "isReady": "shows nothing of anybody",
    "getMetrics": "counts without a tenant, a person or an id: test_metrics",
    "receiveOutcomes": "test_escape_webhooks.py",
    "greetWebhook": "test_escape_webhooks.py",
    "returnFromZalo": "test_zalo_consents.py",
    "putInInbox": "test_escape_webhooks.py",
    "openInbox": "test_escape_webhooks.py",
    "readInbox": "test_escape_webhooks.py",
    "replyInInbox": "test_escape_webhooks.py",
    "showUnsubscribe": "test_a_link_that_was_changed_in_any_place_opens_nothing",
    "unsubscribe": "test_a_link_that_was_changed_in_any_place_opens_nothing",
    "showPreferences": "test_a_link_that_was_changed_in_any_place_opens_nothing",
    "choosePreferences": "test_a_link_that_was_changed_in_any_place_opens_nothing",
    "followLink": "test_a_link_that_was_changed_in_any_place_opens_nothing",
    "showPicture": "test_a_link_that_was_changed_in_any_place_opens_nothing",
}
# Answers the contract leaves out: what browsers and mail programs ask before, and the console's files.
UNSAID = {
    ("HEAD", "/clicks/{token}"),
    ("HEAD", "/opens/{token}"),
    ("OPTIONS", "/inbox/{key}/{part}"),
    ("GET", "/console/{name}"),
}


@pytest.fixture
def victim(admin_url: str, other_tenant: Tenant) -> Victim:
    fill(admin_url, other_tenant)
    with psycopg.connect(admin_url, row_factory=dict_row) as connection:
        connection.execute("SELECT '0'::ag_catalog.agtype")
        connection.execute("SELECT set_config('leo.tenant', %s, false)", (str(other_tenant.tenant_id),))
        connection.execute("SET ROLE leo_app")
        ids = connection.execute(_IDS).fetchone()
        node = connection.execute(f'SELECT min(id::text) AS node_id FROM {other_tenant.graph}."Profile"').fetchone()  # noqa: S608
    assert ids is not None
    assert node is not None
    return Victim(other_tenant, {**ids, **node})


async def _ask(client: httpx.AsyncClient, operation: Operation, path: str, victim: Victim) -> httpx.Response:
    given: dict[str, Any] = {"params": QUERIES.get(operation.name, {})}
    if operation.name == "importProfiles":
        given |= {"content": f"ext_id,name\n{THEIRS}-1,Mine\n", "headers": {"Content-Type": "text/csv"}}
    elif operation.has_body:
        given["json"] = victim.body_of(operation.name)
    return await client.request(operation.method, path, **given)


async def test_no_endpoint_shows_or_changes_what_is_another_tenants(
    caller: httpx.AsyncClient, victim: Victim, admin_url: str
) -> None:
    """Records first, lists and new records after: what the caller makes is found under the victim's names later."""
    wrong: dict[str, str] = {}
    before = whole(admin_url, victim.tenant)
    expected = {one.name: 404 if one.parameters else ANSWERS.get(one.name, 200) for one in _keyed()}
    for operation in sorted(_keyed(), key=lambda one: (expected[one.name] != 404, one.method != "GET")):
        for path in victim.places_of(operation):
            answer = await _ask(caller, operation, path, victim)
            if answer.status_code != expected[operation.name] or HIDDEN in answer.text:
                wrong[f"{operation.name} {path}"] = f"{answer.status_code}: {answer.text[:200]}"
        if operation.method != "GET":
            now = whole(admin_url, victim.tenant)
            changed = sorted(table for table, rows in now.items() if rows != before[table])
            wrong |= {f"{operation.name} changed {table}": path for table in changed}
            before = now
    assert whole(admin_url, victim.tenant) == before
    assert not wrong


async def test_the_same_requests_find_the_records_of_their_owner(stranger: httpx.AsyncClient, victim: Victim) -> None:
    """Else the caller would find nothing because nothing is there."""
    asked = [one for one in _keyed() if one.method == "GET" and one.parameters and one.name not in ENDLESS]
    answers = {one.name: await _ask(stranger, one, path, victim) for one in asked for path in victim.places_of(one)}
    assert {name for name, answer in answers.items() if answer.status_code == 404} <= UNREADABLE
    shown = {name for name, answer in answers.items() if HIDDEN in answer.text}
    assert len(shown) > 15, shown


@pytest.fixture
async def keys(services: Services, tenant: Tenant) -> Mapping[str, str]:
    """Keys that were good once."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with services.db.transaction(tenant.tenant_id) as conn:
        made: dict[str, Any] = {"tenant_id": tenant.tenant_id, "scopes": ALL_SCOPES}
        revoked = await create_api_key(conn, name="revoked", **made)
        await revoke_api_key(conn, tenant_id=tenant.tenant_id, api_key_id=revoked.api_key_id)
        expired = await create_api_key(conn, name="expired", expires_at=past, **made)
    return {
        "revoked": revoked.secret,
        "expired": expired.secret,
        "cut short": revoked.secret[:-1],
        "unknown": "leo_0_x",
    }


async def test_no_endpoint_opens_without_a_key_that_holds(
    anybody: httpx.AsyncClient, keys: Mapping[str, str], victim: Victim
) -> None:
    headers: dict[str, dict[str, str]] = {"none": {}, "a wrong platform key": {"X-Platform-Key": "x"}}
    headers |= {f"{name}, as a bearer": {"Authorization": f"Bearer {key}"} for name, key in keys.items()}
    headers |= {f"{name}, in its header": {"X-API-Key": key} for name, key in keys.items()}
    found = {
        f"{one.name} with {name}": (await anybody.request(one.method, path, headers=sent)).status_code
        for one in _keyed()
        for path in list(victim.places_of(one))[:1]
        for name, sent in headers.items()
    }
    assert len(found) > 900
    assert not {name: status for name, status in found.items() if status != 401}


async def test_no_endpoint_opens_for_a_key_without_its_scope(callers: Callers, tenant: Tenant, victim: Victim) -> None:
    found = {}
    for needs in {one.needs for one in _keyed()}:
        lesser = [scope for scope in ALL_SCOPES if scope not in needs]
        if not lesser:
            continue
        client = await callers.of(tenant, lesser)
        for one in (one for one in _keyed() if one.needs == needs):
            for path in list(victim.places_of(one))[:1]:
                answer = await client.request(one.method, path, content=b"not even JSON")
                found[one.name] = answer.status_code
    assert len(found) > 90
    assert not {name: status for name, status in found.items() if status != 403}


def test_what_is_open_or_unsaid_is_known() -> None:
    """An endpoint without a key, or one that the contract does not name, is attacked by the tests named here."""
    assert {one.name for one in operations().values() if not one.needs} == OPEN.keys()
    said = {(one.method, one.path) for one in operations().values()}
    every = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    unsaid = {(method, route.path.replace(":path}", "}")) for route in every for method in route.methods or ()} - said
    assert unsaid == UNSAID


async def test_a_link_that_was_changed_in_any_place_opens_nothing(
    anybody: httpx.AsyncClient, services: Services, victim: Victim, admin_url: str
) -> None:
    asked = unsubscribe.Request(
        victim.tenant.tenant_id, victim.ids["profile_id"], Channel.EMAIL, victim.ids["delivery_id"]
    )
    token = services.links.sign(asked)
    assert (await anybody.get(f"/unsubscribe/{token}")).status_code == 200
    before = whole(admin_url, victim.tenant)
    statuses = set()
    for forged in flipped(token):
        for path in ("/unsubscribe/", "/preferences/", "/clicks/", "/opens/"):
            statuses.add((await anybody.get(path + forged)).status_code)
        statuses.add((await anybody.post(f"/unsubscribe/{forged}")).status_code)
    assert statuses == {404}
    assert whole(admin_url, victim.tenant) == before
