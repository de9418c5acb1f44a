"""Everything a policy asks is said in plain words, the same in English and Vietnamese."""

import string
from typing import Any

import pytest
from hypothesis import given

from rules.conditions import Language
from rules.conditions.phrases import PHRASES as CONDITION_PHRASES
from rules.consent import Basis
from rules.policy import DEFAULT_POLICY, CapScope, Period, Policy
from rules.policy.phrases import PHRASES
from rules.policy.say import say
from rules.words import Arbiter, Channel, Gate
from tests.rules.strategies import policy_documents, quick

WHOLE: dict[str, Any] = {
    "zone": "Europe/Paris",
    "required_consent": False,
    "purposes": {"order": "contract", "recall": "legal_obligation", "news": "legitimate_interest", "ads": "consent"},
    "eligibility": [{"name": "Adults", "when": {"attribute": "age", "at_least": 18}, "for": {"channels": ["email"]}}],
    "applicability": [{"name": "No open order", "when": {"not": {"attribute": "order", "is": "open"}}}],
    "suitability": [
        {
            "name": "Likes it",
            "when": {"attribute": "tier", "is": "gold"},
            "for": {"templates": ["tet"], "campaigns": ["a"], "purposes": ["ads"]},
        }
    ],
    "quiet_hours": None,
    "sending_hours": [{"from": "07:00", "to": "22:00", "channels": ["zalo_oa"], "purposes": ["ads"], "source": "Law."}],
    "windows": [{"channel": "facebook", "hours": 24, "except": {"purposes": ["order"]}, "source": "Messenger"}],
    "caps": [{"limit": 1, "days": 1}, {"limit": 3, "hours": 5, "scope": "channel"}, {"limit": 9, "per": "month"}],
    "yields": None,
    "fallback": {"hours": 12},
    "control_share": 0.05,
    "costs": {"zalo_template": 300},
    "arbitration": {"order": ["gemini", "score"], "within_ms": 1500, "budget": {"hours": 2, "cost": 1}},
    "weights": {"channel": {"email": 2.0}, "interest": 1.0},
}


def said(document: dict[str, Any], language: Language = Language.EN) -> list[str]:
    return [one.text for one in say(Policy.parse(document), language)]


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        ({}, ["Where a person's own time zone is not known, Asia/Ho_Chi_Minh counts."]),
        ({}, ["Messages for any purpose need a granted consent."]),
        ({"required_consent": False}, ["Messages for any purpose go out until the person withdraws."]),
        (
            {"purposes": {"order": "contract", "recall": "legal_obligation"}},
            [
                'Messages for "order" belong to a contract: no consent is needed, a withdrawal counts.',
                'Messages for "recall" are a legal obligation: neither consent nor withdrawal counts.',
                "Messages for any other purpose need a granted consent.",
            ],
        ),
        (
            WHOLE,
            [
                '"Adults": age is at least 18 (only on e-mail).',
                '"No open order": not (order is "open").',
                '"Likes it": tier is "gold" (only with the template "tet", in the campaign "a", for "ads").',
            ],
        ),
        (
            {"control_share": 0.07},
            ["7% of all people get nothing from any campaign, so that its effect can be measured."],
        ),
        ({"costs": {"email": 1000}}, ["A message on e-mail costs 1,000."]),
        ({}, ["At most 3 messages in any 7 days, over all campaigns and channels."]),
        (
            {"caps": [{"limit": 1, "days": 1, "scope": "channel", "purposes": ["ads"]}, {"limit": 0, "hours": 1}]},
            [
                'At most 1 message in any 24 hours, on one channel (only for "ads").',
                "At most 0 messages in any 1 hour, over all campaigns and channels.",
            ],
        ),
        (
            {"caps": [{"limit": 4, "per": "month", "scope": "campaign", "channels": ["email", "zalo_oa"]}]},
            [
                (
                    "At most 4 messages in each month of the calendar where the person is, of one campaign "
                    "(only on e-mail or Zalo OA)."
                )
            ],
        ),
        ({"yields": None}, ["Campaigns do not wait for those of higher priority."]),
        ({}, ["A message that fails for good is not sent on another channel."]),
        (
            {"fallback": {"hours": 6}},
            ["Where a message fails for good within 6 hours, another channel that may be used takes its place."],
        ),
        (
            {"yields": {"minutes": 90}},
            [
                (
                    "A campaign waits for one of higher priority that has yet to decide, where the caps leave no room "
                    "for both: from 90 minutes before that one is due until 90 minutes after."
                )
            ],
        ),
        (
            {
                "windows": [
                    {"channel": "facebook", "hours": 24, "except": {"templates": ["tag"], "purposes": ["order"]}}
                ]
            },
            [
                (
                    "On Facebook messages go out only within 24 hours after the person was last heard there, "
                    'except with the template "tag" or for "order".'
                )
            ],
        ),
        (
            {"sending_hours": [{"from": "07:00", "to": "22:00", "purposes": ["ads"], "source": "Decree 91."}]},
            ['Messages go out only from 07:00 to 22:00 where the person is (only for "ads"). Source: Decree 91.'],
        ),
        ({}, ["From 21:00 to 08:00 where the person is nothing goes out; it waits until 08:00."]),
        ({"quiet_hours": None}, ["There are no quiet hours."]),
        ({}, ["Among what may be done the choice is made by the score."]),
        (
            {"arbitration": {"order": ["functiongemma", "score"], "budget": {"hours": 8, "cost": 2.5}}},
            [
                "Among what may be done the choice is made by FunctionGemma, where that fails by the score.",
                "For one person the models have 2 s together.",
                "A run for which models are forecast to need more than 8 hours does not start.",
                "A run for which models are forecast to cost more than 2.5 US dollars does not start.",
            ],
        ),
    ],
)
def test_a_policy_says(document: dict[str, Any], sentences: list[str]) -> None:
    told = said(document)
    start = told.index(sentences[0])
    assert told[start : start + len(sentences)] == sentences


def test_vietnamese_reads_as_vietnamese() -> None:
    told = said({"costs": {"zalo_template": 1500.5}}, Language.VI)
    assert "Một tin qua tin mẫu Zalo tốn 1.500,5." in told
    assert "Nhiều nhất 3 tin trong 7 ngày bất kỳ, tính trên mọi chiến dịch và mọi kênh." in told
    assert "Từ 21:00 đến 08:00 theo giờ nơi khách ở thì không gửi gì; tin chờ đến 08:00." in told


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("field", DEFAULT_POLICY)
def test_no_field_is_left_unsaid(field: str, language: Language) -> None:
    assert WHOLE[field] != DEFAULT_POLICY[field]
    assert said({field: WHOLE[field]}, language) != said({}, language)


def test_sentences_come_in_the_order_of_the_funnel() -> None:
    layers = [one.layer for one in say(Policy.parse(WHOLE))]
    funnel = ["zone", *(str(gate) for gate in Gate), "arbitration", "fallback"]
    assert sorted(layers, key=funnel.index) == layers


def test_only_gates_that_no_policy_sets_are_left_out() -> None:
    unset = {
        "not_approved",
        "unknown_profile",
        "suppression",
        "unreachable",
        "incomplete",
        "duplicate",
        "campaign_window",
    }
    assert {one.layer for one in say(Policy.parse(WHOLE))} == {*Gate, "zone", "arbitration", "fallback"} - unset


@quick
@given(policy_documents)
def test_both_languages_say_the_same_number_of_sentences_of_the_same_layers(document: dict[str, Any]) -> None:
    policy = Policy.parse(document)
    english, vietnamese = say(policy, Language.EN), say(policy, Language.VI)
    assert [one.layer for one in english] == [one.layer for one in vietnamese]
    assert all(one.text.endswith(".") and "\n" not in one.text for one in (*english, *vietnamese))


def test_both_languages_have_the_same_phrases_with_the_same_places() -> None:
    def places(language: Language) -> dict[str, list[str]]:
        return {
            key: sorted(place for _, place, _, _ in string.Formatter().parse(text) if place)
            for key, text in PHRASES[language].items()
        }

    def once(found: dict[str, list[str]]) -> dict[str, set[str]]:
        return {key: set(names) for key, names in found.items()}

    assert once(places(Language.EN)) == once(places(Language.VI))


@pytest.mark.parametrize("language", Language)
def test_every_word_of_a_policy_has_its_phrase(language: Language) -> None:
    assert {*Basis, *CapScope, *Period, *Arbiter} <= PHRASES[language].keys()
    assert {*Channel} <= CONDITION_PHRASES[language].keys()


def test_control_letters_do_not_reach_a_terminal() -> None:
    source = "Decree\x1b[2J 91\n"
    rule = {"name": "Adults\x1b[2J\n", "when": {"attribute": "age", "at_least": 18}}
    told = said({"eligibility": [rule], "sending_hours": [{"from": "07:00", "to": "22:00", "source": source}]})
    assert all(text.isprintable() for text in told)
