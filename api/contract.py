"""The contract: this API's OpenAPI document, which `python -m api.contract --check` compares with docs/openapi.json."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.envelope import REQUEST_ID_HEADER
from api.problems import MEDIA_TYPE
from api.schemas.base import Problem, ProblemError, Texts

FILE = Path("docs/openapi.json")
DESCRIPTION = """\
Each request is one transaction of one tenant. Every error is a problem document (RFC 9457) with a `code` that stays, a
sentence and a remedy. Send an `Idempotency-Key` with a POST and repeat it as you like: the work is done once, and for a
day the same answer is given again, with `Idempotency-Replayed: true`. A request that failed leaves nothing, so its key
can be used again. Lists come in pages: ask again with the `next` of the page before."""
TAGS = [
    {"name": "tenants", "description": "Tenants and their API keys."},
    {"name": "channels", "description": "Where messages go through: mail relays, bots."},
    {"name": "profiles", "description": "People: addresses, consents, attributes, relations."},
    {"name": "events", "description": "What happened; it may make a campaign decide at once."},
    {"name": "segments", "description": "Rules, who satisfies them, and immutable snapshots of that."},
    {"name": "data", "description": "What LEO CDP calls by itself."},
    {"name": "templates", "description": "Content for one channel, versioned, approved before use."},
    {"name": "campaigns", "description": "Goal, people, templates, policy and window; what starts and stops it."},
    {"name": "policies", "description": "The rules under which campaigns decide: drafted, compared, switched on."},
    {"name": "tasks", "description": "What an agent is asked, what it means to do, and who lets it."},
    {"name": "decisions", "description": "What was decided for whom, every reason, and the journey around it."},
    {
        "name": "deliveries",
        "description": "Messages that did not arrive, as far as anybody knows; to settle them.",
    },
    {"name": "cypher", "description": "The tenant's graph, asked in Cypher: read-only, bounded, recorded."},
    {"name": "operations", "description": "How the work stands: lanes, what is stuck, channels."},
    {"name": "inbox", "description": "The inbox on a web site: messages as they come, what was seen, replies."},
    {"name": "webhooks", "description": "What providers tell."},
    {"name": "unsubscribe", "description": "The link in every message."},
    {"name": "health", "description": "Whether it lives and can work."},
]
_STATUSES = {
    "400": "The body cannot be read as JSON.",
    "401": "No key, or none that we know.",
    "403": "The key has not the scope.",
    "404": "There is no such record in this tenant.",
    "409": "The record's state forbids it, or the same request is being worked on.",
    "412": "It is not what `If-Match` or `If-None-Match` said: somebody saved it in between.",
    "408": "The body did not come in time.",
    "413": "The body is larger than 1 MB.",
    "422": "Something that was sent is wrong; `errors` names the fields.",
    "429": "Asked more often than allowed; `Retry-After` says when to ask again.",
    "503": "A server that is needed cannot be used now; try again.",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in _STATUSES.items()
}
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: leo_..."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in another header."},
    "platformKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Platform-Key",
        "description": "The operator's key, LEO_PLATFORM_KEY.",
    },
}
_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Any 1 to 255 printable characters, new for each new request.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "example": "order-90017-welcome",
    },
    "RequestId": {
        "name": REQUEST_ID_HEADER,
        "in": "header",
        "required": False,
        "description": "Your id of the request, given back and written to the log; made where it is left out.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "example": "checkout-7f3a",
    },
}
_HAS_NO_ERRORS = frozenset({"landing", "isAlive"})


def document(app: FastAPI) -> dict[str, Any]:
    """Give the OpenAPI document of the application."""
    whole = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        tags=app.openapi_tags,
        routes=app.routes,
    )
    components = whole["components"]
    components["securitySchemes"] = _SCHEMES
    components["parameters"] = _PARAMETERS
    for model in (Problem, ProblemError, Texts):
        components["schemas"][model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"][model.__name__].pop("$defs", None)
    for path in whole["paths"].values():
        for method, operation in path.items():
            _complete(method, operation)
    return whole


def _complete(method: str, operation: dict[str, Any]) -> None:
    """Add to one operation what holds for all operations of its kind."""
    for name in ("x-secret", "x-key-field"):
        operation.pop(name, None)
    is_ours = "x-needs" in operation
    shared = ["RequestId", "IdempotencyKey"] if is_ours and method == "post" else ["RequestId"]
    operation["parameters"] = operation.get("parameters", []) + [
        {"$ref": f"#/components/parameters/{name}"} for name in shared
    ]
    responses = operation["responses"]
    unneeded = set(_STATUSES) if operation["operationId"] in _HAS_NO_ERRORS else set()
    if operation["operationId"] == "isReady":
        unneeded.add("429")
    if not is_ours:
        unneeded |= {"403", "409"}
    if method == "get":
        unneeded |= {"408", "409", "413"}
    if method == "get" or "requestBody" not in operation:
        unneeded.add("400")
    if not any(one.get("name") == "If-Match" for one in operation["parameters"]):
        unneeded.add("412")
    for status in unneeded:
        responses.pop(status, None)


def text(app: FastAPI) -> str:
    """Give the document as it is committed."""
    return json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the contract, or compare it with the committed one; exit code 1 if they differ."""
    from api.app import create_app  # noqa: PLC0415 - the application knows its contract, not the other way round

    parser = argparse.ArgumentParser(prog="python -m api.contract", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help=f"fail where {FILE} is not what the API is")
    parser.add_argument("--write", action="store_true", help=f"write {FILE}")
    chosen = parser.parse_args()
    now = text(create_app())
    if chosen.write:
        FILE.write_text(now, encoding="utf-8")
        return 0
    if not chosen.check:
        sys.stdout.write(now)
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == now:
        return 0
    sys.stderr.write(f"{FILE} is not what the API is. Where the change is meant: make openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
