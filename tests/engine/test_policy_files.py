"""A policy comes from a file and is read back in plain words; a file that could be misread is refused."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.cli.policies import app
from engine.cli.policy_files import LARGEST_FILE, read_policy
from engine.settings import Settings
from rules.errors import InvalidInput
from rules.policy import DEFAULT_POLICY
from rules.policy.schema import JSON_SCHEMA
from tests.conftest import Tenant

ONE = {"caps": [{"limit": 1, "days": 1}]}
# Beyond these JSON writes two escapes for one letter, which YAML reads as two.
TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(-1e6, 1e6) | TEXTS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXTS, part, max_size=3),
    max_leaves=10,
)


def written(tmp_path: Path, text: str, name: str = "policy.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_may_be_yaml_or_json(tmp_path: Path) -> None:
    assert read_policy(written(tmp_path, "caps:\n  - {limit: 1, days: 1}\n")) == ONE
    assert read_policy(written(tmp_path, json.dumps(ONE, indent="\t"), "policy.json")) == ONE
    assert read_policy(written(tmp_path, json.dumps(dict(DEFAULT_POLICY)))) == DEFAULT_POLICY


@given(document=st.dictionaries(TEXTS, JSON_VALUES, max_size=4))
def test_json_reads_the_same_as_yaml(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    path = written(tmp_path_factory.getbasetemp(), json.dumps(document))
    assert read_policy(path) == document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:00", "22:00"),
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T09:00:00+07:00", "2026-05-01T09:00:00+07:00"),
        ("no", "no"),
        ("on", "on"),
        ("010", "010"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("true", True),
        ("null", None),
        ("12", 12),
        ("0.5", 0.5),
    ],
)
def test_a_word_of_yaml_means_what_it_means_in_json(tmp_path: Path, text: str, value: object) -> None:
    assert read_policy(written(tmp_path, f"field: {text}\n")) == {"field": value}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("caps: [", "line 1"),
        ("- a", "holds no policy"),
        ("", "holds no policy"),
        ("caps: []\nyields: null\ncaps: []", "line 3 .*'caps' for the second time"),
        ("caps: &a []\nwindows: *a", "line 2 .*alias"),
        ("1: a", "is no text"),
        ("? [a]\n: b", "is no text"),
        ("!!python/object/apply:os.system [id]", "line 1"),
        ("a: !!binary aGk=", "line 1"),
        ("!!map [a]", "line 1"),
        ("a: !!int x", "cannot be read"),
        ("[" * 5_000, "cannot be read"),
        ("{}\n---\n{}", "another document"),
        ("a: " + "x" * LARGEST_FILE, "more than"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_the_place(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_policy(written(tmp_path, text))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file or directory"):
        read_policy(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_policy(tmp_path / "latin.yaml")


def test_a_file_is_said_without_being_kept(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["say", str(written(tmp_path, "control_share: 0.07\n")), "--language", "vi"])
    assert told.exit_code == 0
    assert "7% số người" in told.output


def test_the_schema_is_printed() -> None:
    assert json.loads(CliRunner().invoke(app, ["schema"]).output) == JSON_SCHEMA


async def test_a_draft_is_saved_shown_and_switched_on(settings: Settings, tenant: Tenant, tmp_path: Path) -> None:
    async def leo(*words: str) -> str:
        given = [*words, "--tenant", tenant.slug]
        done = await asyncio.to_thread(CliRunner().invoke, app, given, env={**settings.environment(), "COLUMNS": "200"})
        assert done.exit_code == 0, done.output
        return done.output

    assert "the default one holds" in await leo("list")
    # Square brackets are a terminal's markup in Rich, and no markup of ours.
    rule = '{"suitability": [{"name": "[/b] calm", "when": {"attribute": "[red]", "is": 1}}]}'
    await leo("save", str(written(tmp_path, "quiet_hours: null\n")))
    saved = await leo("save", str(written(tmp_path, rule)), "--draft", "--note", "[/] try it")
    assert "default version 2, a draft" in saved
    assert "[/] try it" in saved
    assert '"[/b] calm": "[red]" is 1.' in saved
    assert "There are no quiet hours." in await leo("show")
    assert json.loads(await leo("list", "--json")) == [{"key": "default", "version": 1, "newest": 2}]
    assert "none beyond" in await leo("list", "--after", "default")
    switched = json.loads(await leo("switch-on", "default", "2", "--json"))
    assert (switched["version"], switched["from_version"], switched["note"]) == (3, 2, "[/] try it")
    assert "version 3, from version 2" in await leo("show", "default")
    assert "Không quy định giờ không làm phiền." in await leo("show", "default", "--version", "1", "--language", "vi")
