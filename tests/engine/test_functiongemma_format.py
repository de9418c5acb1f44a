"""FunctionGemma's own format: what is written can be read, and no text of anybody's becomes a mark."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.think.contract import Call, Tool
from engine.think.functiongemma.parse import Unreadable, parse
from engine.think.functiongemma.render import Mark, call, declaration, plain, prompt, text
from engine.think.functiongemma.trie import Trie

WEATHER = Tool(
    "get_current_temperature",
    "Gets the current temperature for a given location.",
    {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city name, e.g. San Francisco"}},
        "required": ["location"],
    },
)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
names = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda number: not number.is_integer())
    | words,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(names, inside, max_size=3),
    max_leaves=8,
)
made = st.builds(Call, names, st.dictionaries(names, values, max_size=4))


def test_a_declaration_is_as_google_writes_it() -> None:
    assert text(declaration(WEATHER)) == (
        "<start_function_declaration>declaration:get_current_temperature{"
        "description:<escape>Gets the current temperature for a given location.<escape>,"
        "parameters:{properties:{location:{description:<escape>The city name, e.g. San Francisco<escape>,"
        "type:<escape>STRING<escape>}},"
        "required:[<escape>location<escape>],type:<escape>OBJECT<escape>}}<end_function_declaration>"
    )


def test_nested_parameters_keep_their_shape() -> None:
    schema = {
        "type": "object",
        "properties": {
            "list": {"type": "array", "description": "l", "items": {"type": "string", "enum": ["x"]}},
            "inner": {
                "type": "object",
                "description": "o",
                "properties": {"k": {"type": "boolean"}},
                "required": ["k"],
            },
        },
    }
    assert text(declaration(Tool("t", "d", schema))).partition("parameters:")[2] == (
        "{properties:{inner:{description:<escape>o<escape>,properties:{k:{description:<escape><escape>,"
        "type:<escape>BOOLEAN<escape>}},required:[<escape>k<escape>],type:<escape>OBJECT<escape>},"
        "list:{description:<escape>l<escape>,items:{enum:[<escape>x<escape>],type:<escape>STRING<escape>},"
        "type:<escape>ARRAY<escape>}},type:<escape>OBJECT<escape>}}<end_function_declaration>"
    )


def test_a_prompt_begins_with_what_is_the_same_for_everybody() -> None:
    one, other = prompt([WEATHER], "Choose.", "likes tea"), prompt([WEATHER], "Choose.", "likes coffee")
    assert one.prefix == other.prefix
    assert text(one.prefix).startswith(
        "<bos><start_of_turn>developer\nYou are a model that can do function calling with the following functions"
        "<start_function_declaration>"
    )
    assert text(one.suffix) == "likes tea<end_of_turn>\n<start_of_turn>model\n"


@given(st.lists(made, min_size=1, max_size=3))
def test_what_is_written_is_read_back(calls: list[Call]) -> None:
    pieces = [piece for one in calls for piece in call(one)]
    assert parse(pieces) == tuple(calls)


@given(
    st.lists(st.sampled_from([*Mark, "call:a{", "}", "b:", ",", "1", "[", "]", "tru", "true", "\n", ""]), max_size=14)
)
def test_anything_is_read_or_refused(pieces: list[str]) -> None:
    try:
        calls = parse(pieces)
    except Unreadable:
        return
    assert calls


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([], "no call"),
        (["call:a{}"], "start_function_call"),
        ([Mark.CALL, "call:a{b:1,b:2}", Mark.CALL_END], "twice"),
        ([Mark.CALL, "call:a{b:[", "[" * 40, Mark.CALL_END], "nested"),
        ([Mark.CALL, "call:a{b:", Mark.QUOTE, "x", Mark.CALL_END], "escape"),
        ([Mark.CALL, "call:a{}", Mark.CALL_END, "and then"], "start_function_call"),
        ([Mark.CALL, "call:a{b:00}", Mark.CALL_END], "missing"),
    ],
)
def test_what_is_no_call_is_refused_and_why(pieces: list[str], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse(pieces)


@given(st.lists(st.sampled_from([*Mark, "<esc", "ape>", "<start_of_", "turn>", "a", " "]), max_size=12).map("".join))
def test_no_spelling_of_a_mark_is_left_in_a_text(given_text: str) -> None:
    cleaned = plain(given_text)
    assert not [mark for mark in Mark if mark in cleaned]


@given(
    st.lists(
        st.lists(st.integers(1, 4), min_size=1, max_size=5).map(lambda one: (*one, 9)),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_probabilities_over_a_trie_are_those_of_walking_it(sequences: list[tuple[int, ...]]) -> None:
    trie = Trie.of(sequences)
    logits = {token: float(token) for token in range(10)}
    chances = trie.probabilities(lambda node: [logits[trie.nodes[child].token] for child in trie.branches[node]])
    assert sum(chances) == pytest.approx(1.0)
    assert all(0.0 < chance <= 1.0 for chance in chances)
    assert [chances[place] for place in trie.nodes[0].calls] or trie.count == 1
    assert len(trie.nodes) == len({tuple(one[: end + 1]) for one in sequences for end in range(len(one))})


def test_a_call_that_begins_another_is_refused() -> None:
    with pytest.raises(ValueError, match="begins another"):
        Trie.of([(1, 2), (1, 2, 3)])
