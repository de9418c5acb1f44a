"""What an editor of templates asks: what channels carry, what can be printed, how a text looks before it is saved."""

from typing import Any

import httpx

from channels import content
from rules.words import Channel
from tests.api.story import EMAIL, MAI, ok

TEXT: dict[str, Any] = {"channel": "telegram", "body_text": "Chào {{ profile.name }}"}
MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>{words}</mj-text></mj-column></mj-section></mj-body></mjml>"


async def _looks(caller: httpx.AsyncClient, **more: Any) -> Any:
    return await ok(await caller.post("/templates/preview", json={**TEXT, "ext_id": "kh-1", **more}))


async def test_what_each_channel_carries_is_told_as_it_is_held_to_it(caller: httpx.AsyncClient) -> None:
    items = (await ok(await caller.get("/templates/contents")))["items"]
    told = {one["channel"]: one for one in items}
    assert told.keys() == set(Channel)
    for channel in Channel:
        known = content.of(channel)
        one = told[channel]
        assert (one["parts"], one["needs"]) == (list(known.parts), list(known.needs))
        assert [(each["part"], each["count"], each["most"]) for each in one["limits"]] == [
            (each.part, each.count, each.most) for each in known.limits
        ]
        assert [each["name"] for each in one["fields"]] == list(known.fields)
    assert told["email"]["label"] == "[QC]"
    (buttons,) = (one for one in told["facebook"]["fields"] if one["kind"] == "buttons")
    made = await ok(await caller.post("/templates", json={"key": "nut", "channel": "facebook", "body_text": "Chào"}))
    assert buttons["buttons"] == made["button_limits"]
    (parameters,) = (one for one in told["zalo_template"]["fields"] if one["kind"] == "parameters")
    assert (parameters["name"], parameters["declared"]) == ("template_data", "parameters")


async def test_what_can_be_printed_is_named_as_liquid_reads_it(
    caller: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    attributes = {"city": "Huế", "hạng thẻ": "vàng", "zone": 3, "pets": ["mèo"], "home": {"ward": "Kim Long"}}
    people = [{**MAI, "attributes": attributes}, {"ext_id": "kh-2", "attributes": {"city": "Hà Nội"}}]
    await ok(await caller.post("/profiles", json=people))
    event = {"type": "cart_abandoned", "profile": "kh-1", "attributes": {"total": 420_000, "product": "Trà sen"}}
    await ok(await caller.post("/events", json=event))
    await ok(await stranger.post("/profiles", json={"ext_id": "kh-1", "attributes": {"secret": "theirs"}}))

    items = (await ok(await caller.get("/templates/names")))["items"]
    named = {one["writes"]: one for one in items}
    city = named["profile.city"]
    assert (city["group"], city["kind"], city["has"], city["looked_at"]) == ("profile", "string", 2, 2)
    assert (named["profile.name"]["has"], named["profile.name"]["is_attribute"]) == (1, False)
    assert named['profile["hạng thẻ"]']["name"] == "hạng thẻ"
    # LEO's own names come first, so an attribute of that name is read with its parent.
    assert (named["profile.zone"]["is_attribute"], named["profile.attributes.zone"]["kind"]) == (False, "number")
    assert (named["profile.pets"]["kind"], named["profile.home.ward"]["has"]) == ("array", 1)
    total = named["event.attributes.total"]
    assert (total["event"], total["kind"], total["has"]) == ("cart_abandoned", "number", 1)
    assert named["unsubscribe_url"]["has"] is None
    assert "profile.secret" not in named

    # Each of them can be printed: what is offered is no fault when it is saved, and is there for who has all of it.
    text = " ".join(f"{{{{ {name} }}}}" for name in named if not name.startswith("campaign."))
    seen = await _looks(caller, body_text=text)
    assert (seen["missing"], seen["faults"]) == ([], [])
    assert "Kim Long" in seen["text"]


async def test_a_text_is_looked_at_before_it_is_saved_and_nothing_is_kept(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    english = {"en": {"body_text": "Hello {{ profile.name | given_name }}"}}
    seen = await _looks(caller, translations=english)
    assert (seen["could_leave"], seen["written_in"], seen["text"]) == (True, "vi", "Chào Trần Thị Mai")
    assert seen["measures"] == [{"part": "message", "count": "characters", "used": 17, "most": 4096}]
    seen = await _looks(caller, translations=english, read_in="en")
    assert (seen["written_in"], seen["text"]) == ("en", "Hello Mai")
    seen = await _looks(caller, channel="email", subject="Chào", body_mjml=MJML.format(words="{{ profile.city }}"))
    assert (seen["label_added"], "Huế" in seen["html"]) == ("[QC]", True)
    assert (await ok(await caller.get("/templates")))["items"] == []


async def test_what_its_channel_cannot_carry_is_told_beside_what_can_be_seen(caller: httpx.AsyncClient) -> None:
    """Whoever writes sees the message while a part is still to come; each fault has its place in the document."""
    await ok(await caller.post("/profiles", json=MAI))
    english = {"en": {"body_text": "Hi", "data": {"buttons": [{"title": "", "reply": "yes"}]}}}
    seen = await _looks(caller, channel="app_push", translations=english)
    assert (seen["could_leave"], seen["text"]) == (False, "Chào Trần Thị Mai")
    assert [(one["where"], one["kind"]) for one in seen["faults"]] == [
        ("subject", "content.needs"),
        ("translations.en.subject", "content.needs"),
        ("translations.en.data.buttons[0].title", "button.no_title"),
        ("translations.en.data.buttons[0].reply", "button.no_replies"),
    ]
    long = {"en": {"body_text": "x" * 2001}}
    seen = await _looks(caller, channel="facebook", translations=long, read_in="en")
    (fault,) = seen["faults"]
    assert (fault["where"], fault["kind"], fault["values"]) == (
        "translations.en",
        "content.too_long",
        {"used": 2001, "most": 2000},
    )


async def test_all_that_is_wrong_with_liquid_is_told_at_once_with_its_line(caller: httpx.AsyncClient) -> None:
    await ok(await caller.post("/profiles", json=MAI))
    wrong = {
        "subject": "Chào {{ customer.name }}",
        "body_text": "Chào\n\n{{ profile.name | shout }}",
        "translations": {"en": {"body_text": "Hello\n{{ profile.name"}},
    }
    places = [
        ("body.body_text", "template.no_liquid", 3),
        ("body.subject", "template.unknown_name", None),
        ("body.translations.en.body_text", "template.no_liquid", 2),
    ]
    for path, more in (("/templates", {"key": "sai"}), ("/templates/preview", {"ext_id": "kh-1"})):
        answer = await caller.post(path, json={"channel": "email", **wrong, **more})
        assert answer.status_code == 422
        told = [(one["field"], one["kind"], one["values"].get("line")) for one in answer.json()["errors"]]
        assert told == places
    mjml = {"en": {"subject": "Hi", "body_mjml": "<mjml><mj-body>"}}
    answer = await caller.post("/templates", json={**EMAIL, "translations": mjml})
    (fault,) = answer.json()["errors"]
    assert (fault["field"], fault["kind"]) == ("body.translations.en.body_mjml", "template.no_mjml")


async def test_nobody_is_written_for_who_is_not_there(caller: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await ok(await stranger.post("/profiles", json=MAI))
    answer = await caller.post("/templates/preview", json={**TEXT, "ext_id": "kh-1"})
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["kind"] == "profile.unknown"
