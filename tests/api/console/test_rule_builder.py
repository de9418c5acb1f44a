"""The rule of a segment as a form: made row by row, said by the API, and never changed where nobody touched it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from playwright.async_api import expect

from tests.api.console.conftest import PHONE, Desks
from tests.api.console.pictures import keep
from tests.api.console.rule_form import as_json, begun, part, rows, shown
from tests.api.console.shop import Shop
from tests.api.story import ok
from tests.rules.conditions_strategies import rules

GUIDE = Path(__file__).parents[3] / "docs" / "segments.md"
BIG = 9_007_199_254_740_993
WORDS = {
    "en-GB": {
        "new": "New segment", "name": "Huế, loyal", "save": "Save", "condition": "+ Condition", "group": "+ Group",
        "said": 'did "purchase" at least 2 times in the last 90 days', "begun": "as soon as the new condition is",
        "reversed": "Is not two numbers, the smaller first",
        "empty": "Empty: that is nobody.", "other": 'not (city is "Huế")',
    },
    "vi-VN": {
        "new": "Phân khúc mới", "name": "Khách Huế thân thiết", "save": "Lưu",
        "condition": "+ Điều kiện", "group": "+ Nhóm",
        "said": 'có sự kiện "purchase" ít nhất 2 lần trong 90 ngày qua', "begun": "Điền xong điều kiện mới",
        "reversed": "Không phải là hai số, số nhỏ đứng trước",
        "empty": "Để trống: là không ai.", "other": 'không phải (city là "Huế")',
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["en-GB", "vi-VN"])
async def test_a_rule_is_made_row_by_row_counted_and_saved(desks: Desks, shop: Shop, language: str) -> None:
    words = WORDS[language]
    await ok(await shop.caller.post("/segments", json={"key": "staff", "name": "Nhân viên", "rule": {"any": []}}))
    heard = {"any": [{"event": "purchase"}, {"attribute": "orders", "at_least": 1}]}
    await ok(await shop.caller.post("/segments", json={"key": "bought", "name": "Đã mua", "rule": heard}))
    desk = await desks.of(language=language, place="segments")
    page = desk.page
    await page.get_by_role("link", name=words["new"]).click()
    await desk.at("new-segment")
    await page.fill("#name", words["name"])
    # Nothing is wrong yet: somebody has only begun.
    await expect(page.locator(".rule-views")).to_contain_text(words["begun"])
    first = rows(page).nth(0)
    await expect(page.locator("#rule-attributes option[value=city]")).to_have_count(1)
    await part(first, "attribute").fill("city")
    await part(first, "is").fill("Huế")
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "44")
    add = page.get_by_role("button", name=words["condition"], exact=True)
    await add.click()
    second = rows(page).nth(1)
    await expect(part(second, "kind")).to_be_focused()
    await part(second, "attribute").fill("orders")
    # A number is first asked to be at least so much.
    await part(second, "attribute").press("Tab")
    await expect(part(second, "test")).to_have_value("at_least")
    await part(second, "at_least").fill("5")
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "1")
    await add.click()
    third = rows(page).nth(2)
    await part(third, "kind").select_option("event")
    await part(third, "event").fill("purchase")
    await part(third, "event").press("Enter")
    await part(third, "count mode").select_option("least")
    await part(third, "count.at_least").fill("2")
    await part(third, "span mode").select_option("last")
    await part(third, "in_last_days").fill("90")
    await page.get_by_role("button", name=words["group"], exact=True).click()
    fourth = rows(page).nth(3)
    await part(fourth, "kind").select_option("segment")
    await part(fourth, "segment").select_option("staff")
    await part(fourth, "not").click()
    await page.locator(".rule-group .rule-group").get_by_role("button", name=words["condition"], exact=True).click()
    fifth = rows(page).nth(4)
    await part(fifth, "kind").select_option("reachable")
    await part(fifth, "reachable").select_option("zalo_oa")
    await expect(page.locator(".now")).to_contain_text(words["said"])
    assert await desk.faults() == []
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    await keep(page, f"segment-rule-{language[:2]}", whole=True)
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(page.locator("main h1")).to_have_text(words["name"])
    key = "hue-loyal" if language == "en-GB" else "khach-hue-than-thiet"
    assert (await ok(await shop.caller.get(f"/segments/{key}")))["rule"] == {
        "all": [
            {"attribute": "city", "is": "Huế"},
            {"attribute": "orders", "at_least": 5},
            {"event": "purchase", "count": {"at_least": 2}, "in_last_days": 90},
            {"any": [{"not": {"segment": "staff"}}, {"reachable": "zalo_oa"}]},
        ]
    }


def _examples() -> list[Any]:
    written = GUIDE.read_text()
    found = re.findall(r"```json\n(.+?)```", written, re.DOTALL) + re.findall(r"\| `({.+?})` \|", written)
    return [json.loads(one) for one in found]


def _random(count: int) -> list[Any]:
    found: list[Any] = []

    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate])
    @given(rules(answers=True))
    def collect(document: Any) -> None:
        found.append(document)

    collect()
    return found


def _exactly(text: str) -> Any:
    """Read JSON with each number as it is written."""
    return json.loads(text, parse_int=lambda number: ("number", number), parse_float=lambda number: ("number", number))


def _conditions(rule: Any) -> int:
    for key in ("all", "any"):
        if isinstance(rule, dict) and isinstance(rule.get(key), list):
            return sum(_conditions(one) for one in rule[key])
    # What is turned round twice has no form, and is one row.
    inner = rule.get("not") if isinstance(rule, dict) else None
    return _conditions(inner) if isinstance(inner, dict) and "not" not in inner else 1


@pytest.mark.usefixtures("shop")
async def test_every_rule_comes_out_of_the_form_as_it_went_in(desks: Desks) -> None:
    page = (await begun(desks)).page
    examples = _examples()
    assert len(examples) > 20
    await shown(page, {"any": examples})
    await expect(page.locator(".rule-row pre")).to_have_count(0)
    odd = [{"attribute": "id", "is": BIG}, {"attribute": "a", "at_least": 1.0}, {"x": [1e300, -0.0]}, 5, {"all": "x"}]
    made = _random(60)
    for several in (examples, odd, *(made[place : place + 15] for place in range(0, len(made), 15))):
        rule = {"any": several}
        await shown(page, rule)
        await expect(rows(page)).to_have_count(sum(_conditions(one) for one in several))
        assert _exactly(await as_json(page)) == _exactly(json.dumps(rule))


async def test_what_is_beside_a_change_stays_as_it_was(desks: Desks, shop: Shop) -> None:
    rule = {
        "all": [
            {"attribute": "id", "is_not": BIG},
            {"consent": "marketing", "granted": True},
            {"not": {"not": {"attribute": "city", "is": "Huế"}}},
            {"attribute": ["address", "street"], "in": ["5", 5, None]},
        ]
    }
    await ok(await shop.caller.post("/segments", json={"key": "beside", "name": "Bên cạnh", "rule": rule}))
    page = (await desks.of(place="segments/beside", language="vi-VN")).page
    await expect(rows(page).nth(2)).to_contain_text(WORDS["vi-VN"]["other"])
    await part(rows(page).nth(3), "test").select_option("not_in")
    await page.get_by_role("button", name="Lưu", exact=True).click()
    await expect(page.locator("header.head")).to_contain_text("phiên bản 2")
    rule["all"][3] = {"attribute": ["address", "street"], "not_in": ["5", 5, None]}
    assert (await ok(await shop.caller.get("/segments/beside")))["rule"] == rule


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("language", ["en-GB", "vi-VN"])
async def test_a_fault_is_said_at_the_row_that_it_is_about(desks: Desks, language: str) -> None:
    words = WORDS[language]
    desk = await begun(desks, language=language)
    page = desk.page
    nested = {"any": [{"attribute": "city", "is": "Huế"}, {"attribute": "orders", "between": [5, 1]}]}
    await shown(page, {"all": [{"attribute": "city", "is": "Huế"}, {"not": nested}]})
    row = rows(page).nth(2)
    await expect(row.locator(".fault")).to_contain_text(words["reversed"])
    await expect(part(row, "between[0]")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator(".rule-row .fault:visible")).to_have_count(1)
    assert await desk.faults() == []
    await page.fill("#name", "Sai")
    await keep(page, f"segment-rule-fault-{language[:2]}")
    await page.get_by_role("button", name=words["save"], exact=True).click()
    await expect(part(row, "between[0]")).to_be_focused()
    await part(row, "between[1]").fill("9")
    await expect(row.locator(".fault")).to_be_hidden()
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "0")
    # A number that is none is kept as it was typed, for the API to say so.
    await part(row, "between[1]").fill("nhiều")
    await expect(part(row, "between[1]")).to_have_attribute("aria-invalid", "true")


async def test_a_fault_that_names_no_place_is_said_where_its_name_is_asked_for(desks: Desks, shop: Shop) -> None:
    page = (await begun(desks, language="en-GB")).page
    city, graph = {"attribute": "city", "is": "Huế"}, {"graph": "bought_product", "with": {"colour": "red"}}
    await shown(page, {"all": [city, graph]})
    await expect(rows(page).nth(1).locator(".fault")).to_contain_text("does not take these values")
    await shown(page, {"all": [city, {"graph": {"cypher": "MATCH (p:Profile) DELETE p"}}]})
    await expect(rows(page).nth(1).locator(".fault")).to_contain_text("queries only read")
    # Only saving asks whether there is such a segment.
    await shown(page, {"all": [city, {"any": [{"segment": "gone"}]}]})
    await page.fill("#name", "Whoever was there")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(rows(page).nth(1).locator(".fault")).to_contain_text("There is no segment 'gone'.")
    await expect(part(rows(page).nth(1), "segment")).to_be_focused()
    assert "gone" not in {one["key"] for one in (await ok(await shop.caller.get("/segments")))["items"]}


@pytest.mark.usefixtures("shop")
async def test_parts_are_moved_doubled_and_taken_out_by_keyboard(desks: Desks) -> None:
    page = (await begun(desks, language="en-GB")).page
    city, tier, orders = ({"attribute": name, "exists": True} for name in ("city", "tier", "orders"))
    await shown(page, {"all": [city, {"any": [tier]}, orders]})
    up = part(rows(page).nth(2), "move -1")
    await up.focus()
    await page.keyboard.press("Enter")
    assert json.loads(await as_json(page)) == {"all": [city, {"any": [tier, orders]}]}
    await part(rows(page).nth(2), "move -1").focus()
    # What was moved keeps the focus, so that it can be moved on.
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    assert json.loads(await as_json(page)) == {"all": [city, orders, {"any": [tier]}]}
    await part(rows(page).nth(2), "remove").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".rule-group .rule-group")).to_contain_text(WORDS["en-GB"]["empty"])
    await page.locator(".rule-group .rule-group").locator('[data-part="way"]').first.select_option("none")
    assert json.loads(await as_json(page)) == {"all": [city, orders, {"not": {"any": []}}]}
    await part(rows(page).nth(1), "copy").click()
    await part(rows(page).nth(2), "not").click()
    doubled = {"all": [city, orders, {"not": orders}, {"not": {"any": []}}]}
    assert json.loads(await as_json(page)) == doubled
    # Enter in a field ends the value, and saves nothing.
    await part(rows(page).nth(0), "attribute").press("Enter")
    await expect(page.locator("#name-fault")).to_be_hidden()


@pytest.mark.usefixtures("shop")
async def test_one_condition_is_a_rule_until_there_are_two(desks: Desks) -> None:
    page = (await begun(desks, language="en-GB")).page
    await shown(page, {"attribute": "city", "is": "Huế"})
    assert json.loads(await as_json(page)) == {"attribute": "city", "is": "Huế"}
    await page.get_by_role("button", name="+ Condition", exact=True).click()
    await part(rows(page).nth(1), "kind").select_option("consent")
    assert json.loads(await as_json(page)) == {"all": [{"attribute": "city", "is": "Huế"}, {"consent": "marketing"}]}


@pytest.mark.usefixtures("shop")
async def test_the_form_waits_while_the_json_cannot_be_read(desks: Desks) -> None:
    page = (await begun(desks, language="en-GB")).page
    await page.locator("#rule-tab-json").click()
    for unreadable in ('{"all": [', "[]", "null"):
        await page.fill("#rule", unreadable)
        await page.locator("#rule-tab-json").press("ArrowRight")
        await expect(page.locator("#rule-fault")).to_contain_text("JSON object")
        await expect(page.locator("#rule")).to_have_value(unreadable)
    await page.fill("#rule", '{"any": []}')
    await page.locator("#rule-tab-json").press("ArrowRight")
    await expect(page.locator(".rule")).to_contain_text(WORDS["en-GB"]["empty"])


async def test_what_was_typed_outlives_another_language_and_stands_on_what_was_seen(desks: Desks, shop: Shop) -> None:
    page = (await desks.of(place="segments/hue", language="en-GB")).page
    await page.fill("#name", "Huế, gold")
    await page.get_by_role("button", name="+ Condition", exact=True).click()
    await part(rows(page).nth(1), "attribute").fill("tier")
    await part(rows(page).nth(1), "is").fill("vàng")
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "1")
    theirs = {"key": "hue", "name": "Huế của họ", "rule": {"all": []}}
    await ok(await shop.caller.post("/segments", json=theirs))
    await page.get_by_role("button", name="Tiếng Việt").click()
    await expect(page.get_by_role("button", name="+ Điều kiện", exact=True)).to_be_visible()
    await expect(page.locator("#name")).to_have_value("Huế, gold")
    await expect(part(rows(page).nth(1), "is")).to_have_value("vàng")
    await page.get_by_role("button", name="Lưu", exact=True).click()
    await page.locator("#overtaken").get_by_role("button").click()
    await expect(page.locator("#name")).to_have_value("Huế của họ")
    assert json.loads(await as_json(page)) == {"all": []}


@pytest.mark.usefixtures("shop")
async def test_every_form_fits_a_phone_in_the_dark_and_has_labels(desks: Desks) -> None:
    desk = await begun(desks, viewport=PHONE, color_scheme="dark")
    page = desk.page
    await shown(page, {"all": [{"any": _examples()[:8]}, *_examples()[8:]]})
    await expect(page.locator("[data-count], .rule .fault:visible").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert await desk.faults() == []
    bought = {"event": "purchase", "in_last_days": 90, "count": {"at_least": 2}}
    either = {"any": [{"segment": "hue"}, {"not": {"reachable": "zalo_oa"}}]}
    await shown(page, {"all": [{"attribute": "city", "is": "Huế"}, bought, either]})
    await expect(page.locator("[data-count]")).to_have_attribute("data-count", "0")
    await page.locator(".rule-views").evaluate("one => scrollTo(0, one.getBoundingClientRect().top + scrollY - 110)")
    await keep(page, "segment-rule-phone")
