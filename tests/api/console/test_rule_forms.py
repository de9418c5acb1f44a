"""Each kind of condition is filled in by its form, and becomes the JSON that the guide has for it."""

import json

import pytest
from playwright.async_api import expect

from tests.api.console.conftest import Desks
from tests.api.console.rule_form import as_json, begun, part, row_of, rows
from tests.api.console.shop import Shop
from tests.api.story import ok


@pytest.mark.usefixtures("shop")
async def test_values_are_filled_in_by_their_type(desks: Desks) -> None:
    page = (await begun(desks, language="en-GB")).page
    row = rows(page).first
    await part(row, "attribute").fill("address > street")
    await part(row, "test").select_option("in")
    for value in ("Lê Lợi", "Trần Phú"):
        await part(row, "in").fill(value)
        await part(row, "in").press("Enter")
    await part(row, "in type").select_option("number")
    await part(row, "in").fill("5")
    await part(row, "in").press("Enter")
    await row.get_by_role("button", name="Remove: Trần Phú").click()
    row = await row_of(page, "attribute")
    await part(row, "attribute").fill("vip")
    await part(row, "is type").select_option("flag")
    row = await row_of(page, "attribute")
    await part(row, "attribute").fill("joined")
    await part(row, "test").select_option("before")
    await part(row, "before mode").select_option("day")
    await part(row, "before").fill("2026-05-01")
    row = await row_of(page, "attribute")
    await part(row, "attribute").fill("seen")
    await part(row, "test").select_option("after")
    await part(row, "after mode").select_option("moment")
    await part(row, "after").fill("2026-05-01T09:00")
    row = await row_of(page, "profile")
    await part(row, "profile").select_option("created_at")
    assert json.loads(await as_json(page)) == {
        "all": [
            {"attribute": ["address", "street"], "in": ["Lê Lợi", 5]},
            {"attribute": "vip", "is": True},
            {"attribute": "joined", "before": "2026-05-01"},
            # The tenant's clock is Vietnam's.
            {"attribute": "seen", "after": "2026-05-01T02:00:00.000Z"},
            {"profile": "created_at", "in_last_days": 30},
        ]
    }
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "0")


async def test_every_other_kind_is_filled_in_by_its_form(desks: Desks, shop: Shop) -> None:
    bought = {"type": "purchase", "profile": "kh-000042", "attributes": {"currency": "VND"}}
    await ok(await shop.caller.post("/events", json=bought))
    page = (await begun(desks, language="en-GB")).page
    row = rows(page).first
    await part(row, "kind").select_option("event")
    await part(row, "event").fill("purchase")
    await part(row, "event").press("Enter")
    await row.get_by_role("button", name="+ With an attribute").click()
    await expect(row.locator("datalist option[value=currency]")).to_have_count(1)
    await part(row, "where").fill("currency")
    await row.get_by_label("Value: ", exact=True).fill("VND")
    await row.get_by_role("button", name="+ How long ago the newest was").click()
    await part(row, "recency mode").select_option("between")
    await part(row, "recency.at_most_days").fill("60")
    row = await row_of(page, "outcome")
    await row.get_by_role("button", name="clicked").click()
    await part(row, "count mode").select_option("never")
    await part(row, "campaign").select_option("uu-dai-hue")
    await part(row, "channel").select_option("email")
    row = await row_of(page, "consent")
    await part(row, "granted").select_option("false")
    await part(row, "channel").select_option("email")
    row = await row_of(page, "graph")
    await part(row, "graph").select_option("bought_product")
    await row.get_by_label("Value: product", exact=True).fill("hoa-hong-20")
    row = await row_of(page, "like")
    await part(row, "how").select_option("within")
    await part(row, "like").select_option("text")
    await part(row, "like.text").fill("trà sen")
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "0")
    assert json.loads(await as_json(page)) == {
        "all": [
            {"event": "purchase", "where": {"currency": "VND"}, "recency": {"at_least_days": 30, "at_most_days": 60}},
            {"outcome": ["read", "clicked"], "count": {"at_most": 0}, "campaign": "uu-dai-hue", "channel": "email"},
            {"consent": "marketing", "granted": False, "channel": "email"},
            {"graph": "bought_product", "with": {"product": "hoa-hong-20"}},
            {"like": {"text": "trà sen"}, "within": 0.6},
        ]
    }
