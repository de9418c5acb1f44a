"""The tools: one definition that is a schema, can be executed, is documented, and says its rule as a tree."""

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.think.contract import Call
from engine.tools import allowance, allowed, check, definitions
from engine.tools.execute import EXECUTIONS
from engine.tools.rule import RULED, rule_of
from rules.conditions import parse
from rules.errors import InvalidInput

DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (?:`(\w+)`)? ?\| (.*?) \| .+ \|$", re.MULTILINE)
LETTERS = "àáảãạăằắâấầđèéêếềểễệìíòóôốồơớờởợùúưứừửựỳý"


@pytest.mark.parametrize("name", definitions())
def test_a_tool_has_a_schema_two_languages_and_a_function(name: str) -> None:
    tool = definitions()[name].tool
    Draft202012Validator.check_schema(tool.parameters)
    assert tool.parameters["type"] == "object"
    assert tool.parameters["additionalProperties"] is False
    assert set(tool.parameters["required"]) <= set(tool.parameters["properties"])
    for said in (tool.description, *(one["description"] for one in tool.parameters["properties"].values())):
        assert re.search(r"[A-Za-z]{3}", said)
    assert set(tool.description.lower()) & set(LETTERS), "no Vietnamese words"
    assert name in EXECUTIONS


def test_every_function_is_of_a_tool() -> None:
    assert EXECUTIONS.keys() == definitions().keys()
    assert definitions().keys() >= RULED


def test_the_page_tells_each_tool_as_it_is_defined() -> None:
    told = {
        name: (scope, counted, arguments) for name, scope, counted, arguments in ROW.findall(DOCS.read_text("utf-8"))
    }
    defined = {}
    for name, one in definitions().items():
        required = one.tool.parameters["required"]
        arguments = [f"`{key}`" + ("" if key in required else "?") for key in one.tool.parameters["properties"]]
        defined[name] = (one.scope, one.approval or "", ", ".join(arguments))
    assert told == defined


def test_a_key_sees_the_tools_of_its_scopes_alone() -> None:
    assert {one.scope for one in allowed(["read"])} == {"read"}
    assert {one.name for one in allowed(["activate"])} == {"activate_campaign", "pause_campaign", "send_message"}
    assert allowed([]) == ()


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"conditions": [{"field": "city", "value": "Huế"}]}, {"all": [{"attribute": "city", "is": "Huế"}]}),
        (
            {"match": "any", "conditions": [{"field": "address.city", "test": "is_not", "value": "Huế"}]},
            {"any": [{"attribute": ["address", "city"], "is_not": "Huế"}]},
        ),
        (
            {"conditions": [{"field": "orders", "test": "at_least", "value": "3"}]},
            {"all": [{"attribute": "orders", "at_least": 3}]},
        ),
        (
            {"conditions": [{"field": "spent", "test": "less_than", "value": "0.5"}]},
            {"all": [{"attribute": "spent", "less_than": 0.5}]},
        ),
        (
            {"conditions": [{"field": "purchase", "about": "event", "days": 30, "negated": True}]},
            {"all": [{"not": {"event": "purchase", "in_last_days": 30}}]},
        ),
        ({"conditions": [{"field": "vip", "about": "segment"}]}, {"all": [{"segment": "vip"}]}),
        ({"conditions": [{"field": "marketing", "about": "consent"}]}, {"all": [{"consent": "marketing"}]}),
        ({"conditions": [{"field": "email", "about": "reachable"}]}, {"all": [{"reachable": "email"}]}),
        (
            {"conditions": [{"field": "tier", "test": "exists", "value": "true"}]},
            {"all": [{"attribute": "tier", "exists": True}]},
        ),
        ({"rule": {"all": []}}, {"all": []}),
    ],
)
def test_the_simple_form_says_the_rule_that_is_meant(given: dict[str, Any], rule: dict[str, Any]) -> None:
    assert rule_of(given) == rule
    parse(rule)
    assert check([Call("preview_segment", given)], ["read"]) == ()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rule": {"all": []}, "conditions": [{"field": "city", "value": "Huế"}]},
        {"conditions": [{"field": "orders", "test": "at_least", "value": "many"}]},
        {"conditions": [{"field": "sms", "about": "reachable"}]},
        {"conditions": [{"field": "a", "value": "b", "or": 1}]},
        {"conditions": []},
        {"rule": {"all": [{"attribute": "a", "is": float("nan")}]}},
        {"rule": {"all": [{"attribute": "a", "is": "x" * 70_000}]}},
    ],
)
def test_what_says_no_rule_is_refused_with_a_remedy(given: dict[str, Any]) -> None:
    (wrong, *_) = check([Call("preview_segment", given)], ["read"])
    assert isinstance(wrong.error, InvalidInput)
    assert wrong.error.remedy


@pytest.mark.parametrize(
    ("limit", "approval", "most"),
    [
        (1000, None, 1000),
        (1000, {"people": 5000, "limit": 1000}, 1000),
        (1000, {"people": 5000, "limit": 1000, "rejected_by": "a"}, 1000),
        (1000, {"people": 5000, "limit": 1000, "approved_by": "a"}, 5500),
        (1000, {"people": 5, "limit": 0, "approved_by": "a"}, 1000),
        (0, {"people": 1, "limit": 0, "approved_by": "a"}, 2),
        (1000, {"people": None, "limit": 1000, "approved_by": "a"}, None),
    ],
)
def test_an_approval_covers_what_it_showed_and_a_tenth(
    limit: int, approval: dict[str, Any] | None, most: int | None
) -> None:
    assert allowance(limit, approval) == most
