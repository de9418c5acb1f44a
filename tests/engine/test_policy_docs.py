"""The policy pages keep their word: their examples are policies, and gates say what the pages quote."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engine.cli.policy_files import read_policy
from rules.conditions import Language
from rules.decide import decide
from rules.policy import DEFAULT_POLICY, Policy
from rules.policy.say import say
from rules.policy.schema import JSON_SCHEMA
from rules.words import Arbiter, Gate
from tests.rules.reading import stories

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"policy.md": Language.EN, "policy.vi.md": Language.VI}
GATES = {str(gate) for gate in Gate}


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{kind}\n(.*?)```", text, flags=re.DOTALL)


def examples(page: str, directory: Path) -> list[dict[str, Any]]:
    found = [json.loads(block) for block in blocks(page, "json")]
    for block in blocks(page, "yaml"):
        file = directory / "policy.yaml"
        file.write_text(block, encoding="utf-8")
        found.append(dict(read_policy(file)))
    return found


def quoted(page: str) -> set[tuple[str, str]]:
    """Give what the page quotes: gate or layer, and the sentence."""
    lines = (line.split(maxsplit=1) for block in blocks(page, "text") for line in block.splitlines())
    return {(layer, sentence) for layer, sentence in lines}


@pytest.mark.parametrize("page", PAGES)
def test_examples_are_policies_and_fit_the_schema(page: str, tmp_path: Path) -> None:
    found = examples(page, tmp_path)
    for document in found:
        Policy.parse(document)
        Draft202012Validator(JSON_SCHEMA).validate(document)
    assert {name for document in found for name in document} == set(DEFAULT_POLICY)


def test_both_pages_have_the_same_examples(tmp_path: Path) -> None:
    def without_names(page: str) -> str:
        return re.sub(r'"name": "[^"]*"', "", json.dumps(examples(page, tmp_path), ensure_ascii=False))

    assert without_names("policy.md") == without_names("policy.vi.md")


@pytest.mark.parametrize(("page", "language"), PAGES.items())
def test_what_a_page_quotes_is_what_is_said(page: str, language: Language, tmp_path: Path) -> None:
    first = examples(page, tmp_path)[0]
    said = {(one.layer, one.text) for one in say(Policy.parse(first), language)}
    told = {
        (str(reason.gate), reason.text)
        for story in stories()
        for verdict in decide(story.facts, story.candidates, story.campaign, story.policy, story.now).verdicts
        for reason in verdict.reasons
    }
    assert quoted(page) - said - told == set()
    # Without a template there is no candidate that a reason could be against.
    assert {layer for layer, _ in quoted(page) & told} == GATES - {"not_approved"}


@pytest.mark.parametrize("page", PAGES)
def test_every_gate_is_explained_in_the_order_of_the_funnel(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    headed = [name for line in re.findall(r"^### (.+)$", text, flags=re.MULTILINE) for name in line.split(", ")]
    # The three layers of conditions are explained together.
    together = [gate for gate in Gate if gate not in {Gate.APPLICABILITY, Gate.SUITABILITY}]
    assert [name for name in headed if name not in {"applicability", "suitability"}] == together
    assert set(headed) == GATES


@pytest.mark.parametrize("page", PAGES)
def test_every_field_and_arbiter_is_named(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    parts = [*DEFAULT_POLICY, *DEFAULT_POLICY["weights"], *DEFAULT_POLICY["arbitration"]]
    asked = [str(arbiter) for arbiter in Arbiter if arbiter is not Arbiter.LEARNED]
    assert [name for name in (*parts, *asked) if not re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", text)] == []
