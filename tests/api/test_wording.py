"""What is wrong with a field is said in each language, by its kind."""

from importlib import import_module
from string import Formatter
from typing import Any

import pytest

from api.wording import VIETNAMESE
from tests.api.conftest import Callers
from tests.conftest import Tenant

OURS = {"budget_is_empty", "trigger_is_half", "rule_or_querybuilder", "text_or_calls"}
CAMPAIGN = {"key": "tet", "name": "Tết"}
RULE = {"attribute": "city", "is": "Huế"}
REFUSED: dict[str, tuple[str, Any, str, str]] = {
    "missing": ("/campaigns", {"key": "tet"}, "body.name", "bắt buộc"),
    "extra_forbidden": ("/campaigns", {**CAMPAIGN, "color": 1}, "body.color", "bỏ đi"),
    "string_too_long": ("/campaigns", {**CAMPAIGN, "key": "k" * 101}, "body.key", "nhiều nhất 100"),
    "less_than_equal": ("/campaigns", {**CAMPAIGN, "priority": 1001}, "body.priority", "1000"),
    "literal_error": ("/campaigns", {**CAMPAIGN, "budget": {"messages": 1, "per": "x"}}, "body.budget.per", "hoặc"),
    "timezone_aware": ("/campaigns", {**CAMPAIGN, "ends_at": "2999-01-01T00:00:00"}, "body.ends_at", "múi giờ"),
    "budget_is_empty": ("/campaigns", {**CAMPAIGN, "budget": {}}, "body.budget", "Ngân sách"),
    "trigger_is_half": ("/campaigns", {**CAMPAIGN, "trigger_change": "left"}, "body", "đi cùng nhau"),
    "segment.unknown": ("/campaigns", {**CAMPAIGN, "segment": "nope"}, "body.segment", "“nope”"),
    "campaign.template": ("/campaigns", {**CAMPAIGN, "template_ids": [7]}, "body.template_ids", "mẫu tin số 7"),
    "campaign.ends_first": (
        "/campaigns",
        {**CAMPAIGN, "starts_at": "2999-01-02T00:00:00Z", "ends_at": "2999-01-01T00:00:00Z"},
        "body.ends_at",
        "kết thúc trước",
    ),
    "policy.no_share": (
        "/campaigns",
        {**CAMPAIGN, "policy": {"control_share": 2}},
        "body.policy.control_share",
        "giữa 0 và 1",
    ),
    "rule.unknown_key": (
        "/segments",
        {"key": "s", "name": "S", "rule": {**RULE, "size": 1}},
        "body.rule",
        "khoá không biết",
    ),
    "segment.schedule": (
        "/segments",
        {"key": "s", "name": "S", "rule": RULE, "schedule": "soon"},
        "body.schedule",
        "lịch “soon”",
    ),
    "segment.missing": ("/segments", {"key": "s", "name": "S", "rule": {"segment": "t"}}, "body.rule", "“t”"),
    "pattern.unknown": ("/segments", {"key": "s", "name": "S", "rule": {"graph": "t"}}, "body.rule", "“t”"),
    "cypher.only_read": (
        "/segments",
        {"key": "s", "name": "S", "rule": {"graph": {"cypher": "CREATE (p)"}}},
        "body.rule",
        "dòng 1, cột 1",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_a_refusal_names_field_and_kind_and_says_it_in_vietnamese(
    callers: Callers, tenant: Tenant, kind: str
) -> None:
    path, body, field, part = REFUSED[kind]
    answer = await (await callers.of(tenant)).post(path, json=body)
    assert answer.status_code in {404, 422}
    (one,) = answer.json()["errors"]
    assert (one["field"], one["kind"]) == (field, kind)
    assert one["text"]["en"] == one["message"]
    assert part in one["text"]["vi"]


def test_what_is_said_of_pydantics_kinds_reads_what_they_come_with() -> None:
    listed = import_module("pydantic_core._pydantic_core").list_all_errors()
    known = {one["type"]: set(one["example_context"] or ()) for one in listed}
    assert {*VIETNAMESE} - {*known} == OURS
    for kind in {*VIETNAMESE} - OURS:
        asked = {name for _, name, _, _ in Formatter().parse(VIETNAMESE[kind]) if name}
        assert asked <= known[kind], kind
