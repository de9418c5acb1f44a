"""When a provider is left alone, and when it is tried again; what waits, and what only somebody can mend."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.circuit import (
    DENIALS,
    FAILURES,
    FIRST_HOLD,
    FIRST_WAIT,
    LONGEST_WAIT,
    MOVE_AFTER,
    PROBE_FOR,
    WORKING,
    Circuit,
    CircuitState,
    Heard,
    Sign,
    fault_of,
    is_held,
    is_out,
    learn,
    may_call,
    pause_reason,
    probe,
)
from tests.rules.strategies import quick

NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
DOWN, ALIVE = Heard(Sign.DOWN, "refused"), Heard(Sign.ALIVE)
DENIED, EXPIRED = Heard(Sign.PERMISSION_DENIED, "scope"), Heard(Sign.TOKEN_EXPIRED, "401 Unauthorized")
MOMENT = timedelta(seconds=1)
signs = st.builds(Heard, st.sampled_from(Sign), st.just("said"), st.none() | st.floats(0, 5000))


def _slow(seconds: float | None) -> Heard:
    return Heard(Sign.RATE_LIMITED, "429", seconds)


def _broken(times: int = 1) -> Circuit:
    circuit = learn(WORKING, [DOWN] * FAILURES, NOW)
    for _ in range(times - 1):
        circuit = learn(probe(circuit, NOW), [DOWN], NOW)
    return circuit


def test_a_provider_that_fails_again_and_again_is_left_alone() -> None:
    almost = learn(WORKING, [DOWN] * (FAILURES - 1), NOW)
    assert may_call(almost, NOW) is None
    broken = learn(almost, [DOWN], NOW)
    assert (broken.state, broken.held_until) == (CircuitState.BROKEN, NOW + FIRST_WAIT)
    assert may_call(broken, NOW + FIRST_WAIT - MOMENT) == 0
    assert broken.reason == "provider_down: refused"


def test_failures_between_answers_are_no_breakdown() -> None:
    circuit = learn(WORKING, ([DOWN] * (FAILURES - 1) + [ALIVE]) * 5, NOW)
    assert circuit == WORKING


def test_then_one_message_tries_whether_it_works_again() -> None:
    at = NOW + FIRST_WAIT
    assert may_call(_broken(), at) == 1
    probing = probe(_broken(), at)
    assert may_call(probing, at) == 0
    assert may_call(probing, at + PROBE_FOR) == 1, "the prober may have died"
    assert learn(probing, [ALIVE], at + MOMENT) == WORKING


def test_each_failed_probe_waits_longer_up_to_a_bound() -> None:
    waits = [(_broken(times).held_until or NOW) - NOW for times in range(1, 8)]
    assert waits == sorted(waits)
    assert waits[0] == FIRST_WAIT
    assert waits[1] == 2 * FIRST_WAIT
    assert waits[-1] == LONGEST_WAIT


def test_calls_that_were_under_way_when_it_broke_say_nothing_new() -> None:
    assert learn(_broken(), [DOWN] * 30, NOW + MOMENT) == _broken()


def test_a_wait_that_is_asked_for_is_kept_to_the_second() -> None:
    circuit = learn(WORKING, [_slow(7)], NOW)
    assert may_call(circuit, NOW + timedelta(seconds=7) - timedelta(microseconds=1)) == 0
    assert may_call(circuit, NOW + timedelta(seconds=7)) is None


def test_a_shorter_wait_or_an_accepted_message_does_not_shorten_it() -> None:
    circuit = learn(WORKING, [_slow(60), _slow(2), _slow(None), ALIVE], NOW)
    assert circuit.held_until == NOW + timedelta(seconds=60)


def test_without_a_time_the_wait_grows_until_a_message_is_taken() -> None:
    first = learn(WORKING, [_slow(None)], NOW)
    later = NOW + FIRST_HOLD
    assert first.held_until == later
    assert learn(first, [_slow(None)], later).held_until == later + 2 * FIRST_HOLD
    assert learn(first, [ALIVE], later) == WORKING


def test_a_refused_credential_pauses_at_once_and_a_denial_when_it_repeats() -> None:
    assert pause_reason(WORKING, [ALIVE, EXPIRED]) == "token_expired: 401 Unauthorized"
    assert pause_reason(WORKING, [DENIED] * (DENIALS - 1)) is None
    before = learn(WORKING, [DENIED] * (DENIALS - 1), NOW)
    assert pause_reason(before, [DENIED]) == "permission_denied: scope"
    assert pause_reason(before, [ALIVE, DENIED]) is None
    assert pause_reason(WORKING, [_slow(60)] * 9 + [DOWN] * 9) is None, "these mend themselves"


def test_an_answer_that_says_nothing_of_what_we_may_send_does_not_break_the_row() -> None:
    for between in (_slow(2), DOWN):
        assert pause_reason(WORKING, [DENIED, DENIED, between, DENIED]) == "permission_denied: scope"


def test_why_a_channel_is_paused_is_said_in_each_language_by_its_kind() -> None:
    for before, heard in ((WORKING, [EXPIRED]), (WORKING, [DENIED] * DENIALS)):
        reason = pause_reason(before, heard)
        assert reason is not None
        fault = fault_of(reason)
        assert fault.kind == f"channel.{reason.partition(':')[0]}"
        assert str(heard[0].detail) in fault.say().vi
    assert fault_of("provider_down: ").say().vi.endswith("Nhà cung cấp nói: không nói gì.")
    assert fault_of("paused: Hợp đồng hết hạn.").say().vi == "Có người đã tạm dừng: Hợp đồng hết hạn."
    assert fault_of("an older reason").kind == "channel.other"


@quick
@given(st.lists(signs, max_size=12), st.lists(signs, max_size=12))
def test_a_channel_is_paused_for_the_same_answers_however_they_come(first: list[Heard], then: list[Heard]) -> None:
    apart = pause_reason(WORKING, first) or pause_reason(learn(WORKING, first, NOW), then)
    assert pause_reason(WORKING, first + then) == apart


def test_another_provider_is_for_a_breakdown_or_a_long_wait() -> None:
    assert not is_out(learn(WORKING, [_slow(2)], NOW), NOW)
    assert is_out(learn(WORKING, [_slow(MOVE_AFTER.total_seconds() + 1)], NOW), NOW)
    assert is_out(_broken(), NOW)
    assert is_out(probe(_broken(), NOW + FIRST_WAIT), NOW + FIRST_WAIT), "only the probe goes there"
    assert not is_out(_broken(), NOW + FIRST_WAIT), "or nobody would ever try it again"


@quick
@given(st.lists(signs, max_size=20), st.lists(signs, max_size=20))
def test_it_does_not_matter_how_answers_are_grouped(first: list[Heard], second: list[Heard]) -> None:
    assert learn(learn(WORKING, first, NOW), second, NOW) == learn(WORKING, first + second, NOW)


@quick
@given(st.lists(signs, max_size=40))
def test_every_hold_ends_and_says_why(heard: list[Heard]) -> None:
    circuit = learn(WORKING, heard, NOW)
    if is_held(circuit, NOW):
        assert circuit.reason
        assert (circuit.held_until or NOW) <= NOW + timedelta(days=7)
    assert may_call(circuit, NOW + timedelta(days=7)) != 0
