"""What passes between a worker and the process that runs the model: JSON documents, and the token they share."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from engine.embedded.home import load_secrets
from engine.settings import Settings
from engine.think.contract import Answer, Call, Question, Reply, Request, Tool

# A question with 63 calls and full tools is about 30 kB.
LARGEST = 1_048_576
LONGEST_S = 120.0
MOST_NESTED = 16


def token_of(settings: Settings) -> str:
    """Give the token of LEO_MODEL_TOKEN, otherwise the one derived from this LEO_HOME's credential key."""
    if settings.model_token is not None:
        return settings.model_token.get_secret_value()
    key = load_secrets(settings).credential_key.encode()
    return hmac.new(key, b"leo model", hashlib.sha256).hexdigest()


def question_document(question: Question, within_s: float) -> dict[str, Any]:
    """Write a question, with the seconds that it may take."""
    return {
        "tools": [_tool_document(tool) for tool in question.tools],
        "instructions": question.instructions,
        "context": question.context,
        "calls": [_call_document(call) for call in question.calls],
        "within_s": within_s,
    }


def request_document(request: Request, within_s: float) -> dict[str, Any]:
    """Write a request, with the seconds that it may take."""
    return {
        "tools": [_tool_document(tool) for tool in request.tools],
        "instructions": request.instructions,
        "context": request.context,
        "text": request.text,
        "within_s": within_s,
    }


def read_question(document: Mapping[str, Any]) -> tuple[Question, float]:
    """Read what `question_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
    asked = Question(
        tools=tuple(_tool(one) for one in document["tools"]),
        instructions=_text(document["instructions"]),
        context=_text(document["context"]),
        calls=tuple(_call(one) for one in document["calls"]),
    )
    return asked, _seconds(document)


def read_request(document: Mapping[str, Any]) -> tuple[Request, float]:
    """Read what `request_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
    asked = Request(
        tools=tuple(_tool(one) for one in document["tools"]),
        instructions=_text(document["instructions"]),
        context=_text(document["context"]),
        text=_text(document["text"]),
    )
    return asked, _seconds(document)


def answer_document(answer: Answer) -> dict[str, Any]:
    """Write an answer."""
    return {"place": answer.place, "probabilities": list(answer.probabilities), **_spent_document(answer)}


def reply_document(reply: Reply) -> dict[str, Any]:
    """Write a reply."""
    return {"raw": reply.raw, "calls": [_call_document(call) for call in reply.calls], **_spent_document(reply)}


def read_answer(document: Mapping[str, Any]) -> Answer:
    """Read what `answer_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
    return Answer(
        place=document["place"],
        probabilities=tuple(float(one) for one in document["probabilities"]),
        **_spent(document),
    )


def read_reply(document: Mapping[str, Any]) -> Reply:
    """Read what `reply_document` wrote; raises KeyError, TypeError or ValueError on anything else."""
    return Reply(raw=_text(document["raw"]), calls=tuple(_call(one) for one in document["calls"]), **_spent(document))


def _spent_document(given: Answer | Reply) -> dict[str, Any]:
    return {
        "model": given.model,
        "prompt_hash": given.prompt_hash.hex(),
        "latency_ms": given.latency_ms,
        "prompt_tokens": given.prompt_tokens,
        "answer_tokens": given.answer_tokens,
    }


def _spent(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "model": _text(document["model"]),
        "prompt_hash": bytes.fromhex(document["prompt_hash"]),
        "latency_ms": float(document["latency_ms"]),
        "prompt_tokens": int(document["prompt_tokens"]),
        "answer_tokens": int(document["answer_tokens"]),
    }


def _tool_document(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _tool(document: Mapping[str, Any]) -> Tool:
    return Tool(_text(document["name"]), _text(document["description"]), _schema(document["parameters"]))


def _schema(document: Mapping[str, Any], nested: int = 0) -> dict[str, Any]:
    """Check the parts of JSON Schema that are rendered and used for leading; the rest is not looked at."""
    if nested > MOST_NESTED:
        raise ValueError(f"a schema is nested more than {MOST_NESTED} times")
    for inner in (*document.get("properties", {}).values(), *([document["items"]] if "items" in document else ())):
        _schema(inner, nested + 1)
    for name in ("enum", "required"):
        if not isinstance(document.get(name, []), list):
            raise TypeError(f"{name} is a list")
    return dict(document)


def _call_document(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": dict(call.arguments)}


def _call(document: Mapping[str, Any]) -> Call:
    return Call(_text(document["name"]), dict(document["arguments"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {type(value).__name__}")
    return value


def _seconds(document: Mapping[str, Any]) -> float:
    seconds = float(document["within_s"])
    if not 0.0 < seconds <= LONGEST_S:
        raise ValueError(f"within_s is more than 0 and at most {LONGEST_S:g}")
    return seconds
