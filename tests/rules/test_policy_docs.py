"""The examples of the policy pages are policies, and their tables name every field and gate."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rules.policy import DEFAULT_POLICY, Policy
from rules.words import Gate

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("policy.md", "policy.vi.md")


def _examples() -> list[tuple[str, Any]]:
    found = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for kind, body in re.findall(r"```(yaml|json)\n(.*?)```", text, flags=re.DOTALL):
            found.append((page, yaml.safe_load(body) if kind == "yaml" else json.loads(body)))
    return found


@pytest.mark.parametrize(("page", "document"), _examples())
def test_an_example_is_a_policy(page: str, document: dict[str, Any]) -> None:
    assert Policy.parse(document), page


def test_every_gate_and_field_is_explained() -> None:
    text = (DOCS / "policy.md").read_text(encoding="utf-8")
    assert [gate for gate in Gate if f"`{gate}`" not in text] == []
    assert [name for name in DEFAULT_POLICY if f"{name}" not in text] == []
