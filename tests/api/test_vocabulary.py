"""What rules can name: attributes and events as people have them, in one bounded look."""

from datetime import UTC, datetime
from typing import Any

from graph.patterns import library
from tests.api.conftest import Callers
from tests.api.story import ok
from tests.conftest import Tenant

NOW = datetime.now(UTC).isoformat()


def _person(number: int, **attributes: Any) -> dict[str, Any]:
    consent = {"channel": None, "purpose": "newsletter", "granted": True, "at": NOW}
    return {"ext_id": f"kh-{number}", "attributes": attributes, "consents": [consent]}


async def test_attributes_have_a_path_a_kind_and_what_several_people_share(callers: Callers, tenant: Tenant) -> None:
    caller = await callers.of(tenant)
    address = {"street": "Lê Lợi", "deep": {"er": {"still": 1}}}
    people = [
        _person(1, city="Huế", orders=5, labels=["VIP", "B2B"], vip=True, address=address, note=None),
        _person(2, city="Huế", orders=6, labels=["VIP"], born="1991-02-28", secret="only mine"),
        _person(3, city="Đà Nẵng", orders="many", labels="VIP"),
    ]
    await ok(await caller.post("/profiles", json=people))
    found = await ok(await caller.get("/vocabulary"))
    known = {" ".join(one["path"]): (one["kind"], one["values"]) for one in found["attributes"]}
    assert known == {
        "city": ("text", ["Huế"]),
        "orders": ("number", []),
        "labels": ("list", ["VIP"]),
        "vip": ("flag", []),
        "born": ("date", []),
        "address street": ("text", []),
        "secret": ("text", []),
    }
    assert found["purposes"] == ["newsletter"]
    assert {one["name"]: set(one["parameters"]) for one in found["patterns"]} == {
        name: set(one.parameters) for name, one in library().items()
    }


async def test_types_of_events_come_with_the_names_in_the_newest(callers: Callers, tenant: Tenant) -> None:
    caller = await callers.of(tenant)
    assert (await ok(await caller.get("/vocabulary")))["events"] == []
    events = [
        {"type": "purchase", "attributes": {"currency": "VND", "value": 5}},
        {"type": "purchase", "attributes": {"product": "tra-sen"}},
        {"type": "mở thư"},
    ]
    await ok(await caller.post("/events", json=events))
    assert (await ok(await caller.get("/vocabulary")))["events"] == [
        {"type": "mở thư", "attributes": []},
        {"type": "purchase", "attributes": ["currency", "product", "value"]},
    ]


async def test_what_another_tenant_has_is_not_named(callers: Callers, tenant: Tenant, other_tenant: Tenant) -> None:
    theirs = [_person(1, theirs="x"), _person(2, theirs="x")]
    await ok(await (await callers.of(other_tenant)).post("/profiles", json=theirs))
    found = await ok(await (await callers.of(tenant)).get("/vocabulary"))
    assert (found["attributes"], found["events"], found["purposes"]) == ([], [], [])
