"""Gemini through google-genai: only calls, only with allowed names, never run by the SDK.

Answers are checked against the list again: mode ANY is the server's promise, and an answer outside the list is not an
answer. The SDK takes two seconds to import, so it is imported with the first question. Retries are the gateway's: the
SDK makes none unless told to.
"""

import asyncio
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from engine.think.contract import Answer, Call, ModelRefused, ModelUnavailable, Question, Reply, Request, Tool
from engine.think.prices import Price
from rules.identity import canonical
from rules.words import Arbiter

if TYPE_CHECKING:
    from google import genai
    from google.genai import types

GOOGLE = "https://generativelanguage.googleapis.com"
# The SDK's own choice is /v1beta before 3.0 and /v1 since; this one has always taken tools.
_API = "v1beta"
# A call of ours is some 60 tokens; a plan of several, a few hundred.
MOST_ANSWER_TOKENS = 1_024
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_SETUP_WRONG = frozenset({401, 403, 404})
_SETUP = "Check LEO_GEMINI_API_KEY, LEO_GEMINI_MODEL and LEO_GEMINI_URL."
_LATER = "It is asked again, or another arbiter chooses."


class Gemini:
    """One model of the Gemini API, as `engine.think.contract.Model`. `url` None is Google's own."""

    def __init__(self, *, api_key: str, model: str, url: str | None = None, price: Price | None = None) -> None:
        self.arbiter = Arbiter.GEMINI
        self.model = model
        self._api_key, self._url = api_key, url or GOOGLE
        self._price = price or Price(0.0, 0.0)
        # Our own client: which one the SDK takes depends on what else is installed, and so do its errors.
        self._http = httpx.AsyncClient(timeout=None)  # nosec B113  # noqa: S113 - each question brings its own time
        self._opening: asyncio.Task[genai.Client] | None = None

    def __repr__(self) -> str:
        return f"Gemini(model={self.model!r})"

    async def choose(self, question: Question, *, within_s: float) -> Answer:
        """Ask for one of the question's calls."""
        names = sorted({call.name for call in question.calls})
        told = [
            f"{place}: {call.name} {canonical(call.arguments).decode()}" for place, call in enumerate(question.calls)
        ]
        text = "\n".join((question.context, "The calls that may be made:", *told))
        given, prompt_hash, took_ms = await self._ask(
            text, question.instructions, [tool for tool in question.tools if tool.name in names], within_s
        )
        calls = _calls(given)
        place = next((place for place, call in enumerate(question.calls) if [call] == calls), None)
        if place is None:
            raise ModelRefused(f"{self.model} made no call that is allowed.", remedy=_LATER)
        return Answer(place=place, prompt_hash=prompt_hash, latency_ms=took_ms, **self._spent(given))

    async def call(self, request: Request, *, within_s: float) -> Reply:
        """Turn words into calls of the request's tools."""
        text = f"{request.context}\n\n{request.text}" if request.context else request.text
        given, prompt_hash, took_ms = await self._ask(text, request.instructions, request.tools, within_s)
        calls = _calls(given)
        raw = canonical([[call.name, call.arguments] for call in calls]).decode()
        return Reply(raw=raw, calls=tuple(calls), prompt_hash=prompt_hash, latency_ms=took_ms, **self._spent(given))

    async def load(self) -> None:
        """Import the SDK, which takes two seconds that the first question would otherwise lose."""
        await self._opened()

    async def close(self) -> None:
        if self._opening is not None:
            (await self._opening).close()
        await self._http.aclose()

    async def _ask(
        self, text: str, instructions: str, tools: Sequence[Tool], within_s: float
    ) -> tuple["types.GenerateContentResponse", bytes, float]:
        client = await self._opened()
        prompt = {
            "model": self.model,
            "instructions": instructions,
            "text": text,
            "tools": [[tool.name, tool.description, tool.parameters] for tool in tools],
        }
        prompt_hash = hashlib.sha256(canonical(prompt)).digest()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(within_s):
                given = await client.aio.models.generate_content(
                    model=self.model, contents=text, config=_config(self.model, instructions, tools)
                )
        except TimeoutError:
            raise
        except httpx.HTTPError as error:
            raise ModelUnavailable(f"Gemini cannot be reached: {type(error).__name__}.", remedy=_SETUP) from error
        except ValueError as error:
            raise ModelUnavailable("Gemini answered with something that is no JSON.", remedy=_SETUP) from error
        except Exception as error:
            raise translated(error) from error  # anything that is not the SDK's error is raised unchanged
        return given, prompt_hash, (time.perf_counter() - started) * 1000

    async def _opened(self) -> "genai.Client":
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        # A question whose time runs out while it waits leaves the import to the next one.
        return await asyncio.shield(self._opening)

    def _open(self) -> "genai.Client":
        from google import genai  # noqa: PLC0415 - it takes two seconds, for who asks Gemini alone
        from google.genai import types  # noqa: PLC0415

        # Everything is given explicitly: what is left out, the SDK reads from the environment, which could send a key
        # to another address.
        options = types.HttpOptions(base_url=self._url, api_version=_API, httpx_async_client=self._http)
        return genai.Client(vertexai=False, api_key=self._api_key, http_options=options)

    def _spent(self, given: "types.GenerateContentResponse") -> dict[str, Any]:
        usage = given.usage_metadata
        prompt = (usage.prompt_token_count or 0) if usage else 0
        answer = ((usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)) if usage else 0
        return {
            "model": f"{self.model}@{given.model_version}" if given.model_version else self.model,
            "prompt_tokens": prompt,
            "answer_tokens": answer,
            "cost": self._price.of(prompt_tokens=prompt, answer_tokens=answer),
        }


def _config(model: str, instructions: str, tools: Sequence[Tool]) -> "types.GenerateContentConfig":
    """Say how to answer.

    It sets no timeout: the SDK would tell the server, which refuses any below ten seconds
    (https://github.com/livekit/agents/issues/3723).
    """
    from google.genai import types  # noqa: PLC0415 - see above

    declared = [
        types.FunctionDeclaration(
            name=tool.name, description=tool.description, parameters_json_schema=dict(tool.parameters)
        )
        for tool in tools
    ]
    thinking: types.ThinkingConfig | None = None
    # 2.5 takes a thinking budget, 3 a thinking level, and each refuses the other's. Of 3, Flash-Lite goes down to
    # "minimal", others only to "low" (3.7 Flash: https://github.com/BerriAI/litellm/discussions/36799).
    if model.startswith("gemini-2.5"):
        thinking = types.ThinkingConfig(thinking_budget=0)
    elif model.startswith("gemini-3"):
        level = types.ThinkingLevel.MINIMAL if "flash-lite" in model else types.ThinkingLevel.LOW
        thinking = types.ThinkingConfig(thinking_level=level)
    return types.GenerateContentConfig(
        system_instruction=instructions,
        tools=[types.Tool(function_declarations=declared)],
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=[tool.name for tool in tools]
            )
        ),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        max_output_tokens=MOST_ANSWER_TOKENS,
        # Later ones ignore it: https://ai.google.dev/gemini-api/docs/models/gemini-3.5-flash-lite
        temperature=0.0 if model.startswith("gemini-2") else None,
        thinking_config=thinking,
    )


def _calls(given: "types.GenerateContentResponse") -> list[Call]:
    """Read the calls; raises ModelRefused if there are none: blocked, text instead, or a malformed call."""
    calls = [Call(one.name, dict(one.args or {})) for one in given.function_calls or () if one.name]
    if calls:
        return calls
    feedback = given.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise ModelRefused(f"Gemini blocked the prompt: {feedback.block_reason.value}.", remedy=_LATER)
    reason = given.candidates[0].finish_reason if given.candidates else None
    raise ModelRefused(f"Gemini made no call: {reason.value if reason else 'no candidate'}.", remedy=_LATER)


def translated(error: Exception) -> ModelUnavailable:
    """Give our error for one of the SDK's; any other error is raised again.

    Google's own words are left out, because they may repeat what was sent.
    """
    from google.genai import errors  # noqa: PLC0415 - see above

    if not isinstance(error, errors.APIError):
        raise error
    details = _details(error.details)
    said = f"Gemini answered {error.code} {error.status or ''}".rstrip() + "."
    if error.code in _BUSY:
        return ModelUnavailable(
            said,
            remedy=_LATER,
            retry_after=_retry_after(details),
            is_spent=error.code == HTTPStatus.TOO_MANY_REQUESTS and _is_per_day(details),
        )
    # A wrong key or name stays wrong, so no other question need be asked.
    is_setup = error.code in _SETUP_WRONG or any(one.get("reason") == "API_KEY_INVALID" for one in details)
    return ModelRefused(said, remedy=_SETUP, is_spent=is_setup)


def _details(given: Any) -> list[Mapping[str, Any]]:
    error = given.get("error", {}) if isinstance(given, Mapping) else {}
    listed = error.get("details", []) if isinstance(error, Mapping) else []
    return [one for one in listed if isinstance(one, Mapping)]


def _retry_after(details: Sequence[Mapping[str, Any]]) -> float | None:
    """Read RetryInfo, which the SDK does not look at (https://github.com/googleapis/python-genai/issues/1875)."""
    for one in details:
        found = _DELAY.fullmatch(str(one.get("retryDelay", "")))
        if found:
            return float(found[1])
    return None


def _is_per_day(details: Sequence[Mapping[str, Any]]) -> bool:
    quotas = [violation for one in details for violation in one.get("violations", ()) if isinstance(violation, Mapping)]
    return any("perday" in str(one.get("quotaId", "")).lower() for one in quotas)
