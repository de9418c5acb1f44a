"""Choosing one of twelve calls in FunctionGemma's shape, and remembered choices; this says nothing about quality."""

import asyncio
import dataclasses
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from engine.bench import Bar, Place, Result, percentile, weightless
from engine.db import Database
from engine.queries import queries
from engine.think.answers import Remembered, known, remember
from engine.think.contract import Answer, Question
from engine.think.functiongemma.context import Row
from engine.think.functiongemma.model import FunctionGemma
from engine.think.functiongemma.render import Piece, call, prompt
from engine.think.prompt import question
from rules.decide import eligible, weigh
from rules.facts import Address, Campaign, Consent, Contact, Facts, Neighbourhood, Tie, candidates
from rules.policy import Policy
from rules.words import Arbiter, Channel

QUESTIONS = 40
GENERATED = 24
REMEMBERED = 10_000
LOOKED_UP = 200
WITHIN_S = 60.0
MOST_P50_S, MOST_P95_S, MOST_MEMO_MS = 1.0, 2.0, 5.0
BASELINE = "twelve prompts decoded from their first token, one for each call, no prefix kept"
_NOW = datetime(2026, 3, 10, 3, tzinfo=UTC)
_LIKES = (
    "Trà ô long",
    "Cà phê rang xay",
    "Sách thiếu nhi",
    "Áo dài",
    "Giày chạy bộ",
    "Nồi chiên",
    "Tour Đà Lạt",
    "Vé máy bay",
)


async def run(place: Place, *, n: int | None = None) -> Result:
    """Ask `n` questions (40) about different people, with a warm prefix; times in s, of remembered ones in ms."""
    asked = [_question(number) for number in range(n or QUESTIONS)]
    with tempfile.TemporaryDirectory(prefix="leo_bench_") as directory:
        place.say("writing a model of FunctionGemma's shape")
        path = await asyncio.to_thread(weightless.write, Path(directory) / "shape.gguf", words=_words(asked))
        place.say("loading it")
        model = await asyncio.to_thread(FunctionGemma, path)
        try:
            place.say("choosing")
            times, answer = await asyncio.to_thread(_choose, model, asked)
            place.say("timing prefill and decoding")
            prefill, decode = await asyncio.to_thread(_speeds, model, asked[0])
            place.say("the baseline")
            baseline_s = await asyncio.to_thread(_one_by_one, model, asked[0])
        finally:
            model.close()
    place.say("looking answers up")
    memo_ms = await _look_up(place, answer)
    p50, p95 = percentile(times, 50), percentile(times, 95)
    return Result(
        name="functiongemma",
        n=len(asked),
        figures={
            "p50_s": p50,
            "p95_s": p95,
            "memo_ms": memo_ms,
            "prefill_tok_s": prefill,
            "decode_tok_s": decode,
            "prompt_tokens": answer.prompt_tokens,
            "calls": len(asked[0].calls),
        },
        baseline=BASELINE,
        ratio=baseline_s / p50,
        bars=(
            Bar(f"half of the choices take at most {MOST_P50_S:g} s: {p50:.2f} s", p50 <= MOST_P50_S),
            Bar(f"19 of 20 take at most {MOST_P95_S:g} s: {p95:.2f} s", p95 <= MOST_P95_S),
            Bar(f"a remembered one at most {MOST_MEMO_MS:g} ms: {memo_ms:.2f} ms", memo_ms <= MOST_MEMO_MS),
        ),
    )


def _question(number: int) -> Question:
    """Ask about a person on four channels with three messages each, less one: twelve calls, including doing nothing."""
    channels = (Channel.EMAIL, Channel.ZALO_OA, Channel.TELEGRAM, Channel.APP_PUSH)
    offered = [(channel, 1, key, 1) for channel in channels for key in ("tet_offer", "new_arrivals", "come_back")][:11]
    facts = Facts(
        profile_id=number,
        ext_id=f"kh-{number}",
        zone="Asia/Ho_Chi_Minh",
        addresses=tuple(Address(channel, f"{channel}-{number}", place) for place, channel in enumerate(channels)),
        consents=(Consent(None, "marketing", granted=True, at=_NOW),),
        contacts=tuple(Contact(Channel.EMAIL, 1, _NOW) for _ in range(number % 3)),
        outcomes={"read": number % 7, "clicked": number % 4, "bought": number % 2},
        heard={Channel.ZALO_OA: _NOW},
        neighbourhood=Neighbourhood(
            interests=tuple(Tie(one, one) for one in _some(number, 4)),
            bought=tuple(Tie(one, one) for one in _some(number + 3, 3)),
            engaged=tuple(Tie(one, f"Trang {one}") for one in _some(number + 5, 3)),
        ),
    )
    campaign = Campaign(1, "Tết Bính Ngọ: ưu đãi cho khách thân thiết", purpose="marketing")
    policy = Policy.parse({"quiet_hours": None, "caps": [], "sending_hours": []})
    return question(facts, campaign, eligible(weigh(facts, candidates(offered), campaign, policy, _NOW)))


def _some(number: int, count: int) -> Sequence[str]:
    return [_LIKES[(number + place) % len(_LIKES)] for place in range(count)]


def _words(asked: Sequence[Question]) -> list[str]:
    pieces: list[Piece] = []
    for one in asked:
        written = prompt(one.tools, one.instructions, one.context)
        pieces += [*written.prefix, *written.suffix, *(piece for made in one.calls for piece in call(made))]
    return [str(piece) for piece in pieces]


def _choose(model: FunctionGemma, asked: Sequence[Question]) -> tuple[list[float], Answer]:
    """Choose for each, with the prefix read before; gives seconds, ascending, and the last answer."""
    answer = model.choose(asked[-1], within_s=WITHIN_S)
    times = []
    for one in asked:
        started = perf_counter()
        answer = model.choose(one, within_s=WITHIN_S)
        times.append(perf_counter() - started)
    return sorted(times), answer


def _speeds(model: FunctionGemma, asked: Question) -> tuple[float, float]:
    """Give tokens a second for reading a prompt, and for generating tokens one after another."""
    other = dataclasses.replace(asked, instructions=f"{asked.instructions} Again.", calls=asked.calls[:1])
    written = prompt(other.tools, other.instructions, other.context)
    tokens = model.context.vocabulary.encode((*written.prefix, *written.suffix))
    started = perf_counter()
    model.choose(other, within_s=WITHIN_S)
    prefill = len(tokens) / (perf_counter() - started)
    begin = model.prefix.done
    started = perf_counter()
    for at in range(GENERATED):
        model.context.decode([Row(tokens[at], begin + at, (0,), wants_logits=True)], perf_counter() + WITHIN_S)
    return prefill, GENERATED / (perf_counter() - started)


def _one_by_one(model: FunctionGemma, asked: Question) -> float:
    """Score each call in a prompt of its own; gives the seconds for all of them."""
    written = prompt(asked.tools, asked.instructions, asked.context)
    started = perf_counter()
    for one in asked.calls:
        _clear(model)
        begun = model.context.vocabulary.encode((*written.prefix, *written.suffix))
        whole = [*begun, *model.context.vocabulary.encode(call(one))]
        rows = [Row(token, at, (0,), wants_logits=at >= len(begun) - 1) for at, token in enumerate(whole)]
        model.context.decode(rows, perf_counter() + WITHIN_S)
    took = perf_counter() - started
    _clear(model)
    return took


def _clear(model: FunctionGemma) -> None:
    model.context.clear()
    model.prefix.forget()


async def _look_up(place: Place, answer: Answer) -> float:
    """Look one answer up among 10,000, starting with asking for a connection; the median, in ms."""
    tenant_id = uuid4()
    kept = {number.to_bytes(32): Remembered(Arbiter.FUNCTIONGEMMA, answer) for number in range(REMEMBERED)}
    times = []
    async with Database.open(place.admin_url, place.settings) as db:
        async with db.transaction(tenant_id) as conn:
            await conn.execute(queries("bench")["tenant"], {"tenant_id": tenant_id, "slug": "remembered"})
            await remember(conn, answers=kept)
        for number in range(LOOKED_UP):
            started = perf_counter()
            async with db.transaction(tenant_id, read_only=True) as conn:
                await known(conn, hashes=[(number * 37).to_bytes(32)])
            times.append((perf_counter() - started) * 1000)
    return percentile(sorted(times), 50)
