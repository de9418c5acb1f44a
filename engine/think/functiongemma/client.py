"""FunctionGemma as a worker sees it: a model behind HTTP, in the `leo model` process."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx

from engine.think.contract import Answer, ModelRefused, ModelUnavailable, Question, Reply, Request
from engine.think.functiongemma import wire
from rules.words import Arbiter

_CONNECT_S = 1.0
# The server counts its own time; the extra wait is for the way there and back.
_BEYOND_S = 0.5
_RUN = "See that it runs: leo model. LEO_MODEL_URL says where."
_UNNAMED = "functiongemma"
_FAILED, _TIMEOUT = 500, 504
T = TypeVar("T", Answer, Reply)


class ServedFunctionGemma:
    """One `leo model`, as `engine.think.contract.Model`."""

    def __init__(self, url: str, *, token: str) -> None:
        self.arbiter = Arbiter.FUNCTIONGEMMA
        self._name = _UNNAMED
        self._http = httpx.AsyncClient(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, follow_redirects=False
        )

    def __repr__(self) -> str:
        return f"ServedFunctionGemma({str(self._http.base_url)!r})"

    @property
    def model(self) -> str:
        """It contains the hash of the file; before that was asked for, it is only the name."""
        return self._name

    async def learn(self) -> None:
        """Ask which model it is; raises ModelUnavailable."""
        document = await self._send("GET", "/health", None, within_s=_CONNECT_S)
        if not isinstance(named := document.get("model"), str):
            raise ModelUnavailable("What answered is no leo model.", remedy=_RUN)
        self._name = named

    async def choose(self, question: Question, *, within_s: float) -> Answer:
        return await self._ask(
            "/choose", wire.question_document(question, _bounded(within_s)), within_s, wire.read_answer
        )

    async def call(self, request: Request, *, within_s: float) -> Reply:
        return await self._ask("/call", wire.request_document(request, _bounded(within_s)), within_s, wire.read_reply)

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(
        self, path: str, document: Mapping[str, Any], within_s: float, read: Callable[[Mapping[str, Any]], T]
    ) -> T:
        given = await self._send("POST", path, document, within_s=within_s)
        try:
            read_back = read(given)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable("What answered is no leo model.", remedy=_RUN) from error
        self._name = read_back.model
        return read_back

    async def _send(
        self, method: str, path: str, document: Mapping[str, Any] | None, *, within_s: float
    ) -> Mapping[str, Any]:
        timeout = httpx.Timeout(within_s + _BEYOND_S, connect=_CONNECT_S)
        try:
            response = await self._http.request(method, path, json=document, timeout=timeout)
        except httpx.ReadTimeout as error:
            raise TimeoutError("leo model did not answer in time") from error
        except httpx.HTTPError as error:
            raise ModelUnavailable(f"leo model cannot be reached: {type(error).__name__}.", remedy=_RUN) from error
        given = _document(response)
        if response.is_success and given:
            return given
        raise _failure(response, str(given.get("message", "")))


def _document(response: httpx.Response) -> Mapping[str, Any]:
    """Give the object that came; an empty one for anything else."""
    try:
        given = response.json()
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


def _failure(response: httpx.Response, said: str) -> Exception:
    if not said:
        return ModelUnavailable(f"What answered with {response.status_code} is no leo model.", remedy=_RUN)
    if response.status_code == _TIMEOUT:
        return TimeoutError(said)
    if response.status_code < _FAILED:
        return ModelRefused(f"leo model refused: {said}", remedy=_RUN)
    after = response.headers.get("Retry-After", "")
    wait_s = float(after) if after.isdecimal() and after.isascii() else None
    return ModelUnavailable(f"leo model cannot answer now: {said}", remedy="It is asked again.", retry_after=wait_s)


def _bounded(within_s: float) -> float:
    return min(within_s, wire.LONGEST_S)
