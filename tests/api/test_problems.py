"""What is refused, and how it is said: RFC 9457 for every error, and nothing half-written."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api.app import app_with
from api.envelope import BODY_LIMIT
from api.problems import MEDIA_TYPE
from api.services import Services
from engine.lines import JsonLines
from rules import errors
from tests.api.story import ok

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "remedy", "request_id"}


def _problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    document: dict[str, object] = answer.json()
    assert document.keys() >= MEMBERS
    assert document["status"] == status
    assert document["request_id"] == answer.headers["X-Request-ID"]
    assert document["remedy"]
    return document


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "body.one.type"),
        ({"type": ""}, "body.one.type"),
        ({"type": "visit", "occurred_at": "yesterday"}, "body.one.occurred_at"),
        ({"type": "visit", "occurred_at": "2026-05-01T09:00:00"}, "body.one.occurred_at"),
        ({"type": "visit", "attributes": []}, "body.one.attributes"),
        ({"type": "visit", "profle": "kh-1"}, "body.one.profle"),
        ({"type": "vi\x00sit"}, "body.one.type"),
        ([{"type": "visit"}, {"type": 7}], "body.many.1.type"),
        ([], "body.many"),
    ],
)
async def test_a_malformed_event_names_its_field(caller: httpx.AsyncClient, event: object, field: str) -> None:
    document = _problem(await caller.post("/events", json=event), 422)
    assert field in [error["field"] for error in document["errors"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "visit", "profile": "nobody"},
        {"type": "visit", "occurred_at": "2999-01-01T00:00:00Z"},
        {"type": "visit", "attributes": {"a": "nul\x00"}},
    ],
)
async def test_of_a_list_with_one_wrong_event_nothing_is_stored(
    caller: httpx.AsyncClient, event: dict[str, object]
) -> None:
    _problem(await caller.post("/events", json=[{"type": "visit", "ext_id": "good-1"}, event]), 422)
    stored = await ok(await caller.post("/events", json={"type": "visit", "ext_id": "good-1"}))
    assert stored["events"][0]["duplicate"] is False


async def test_what_is_no_json_is_told(caller: httpx.AsyncClient) -> None:
    for content in (b"{", b"", b"\xff\xfe", b"[" * 100_000):
        answer = await caller.post("/events", content=content, headers={"Content-Type": "application/json"})
        _problem(answer, answer.status_code)
        assert answer.status_code in {400, 422}


async def test_a_template_with_an_unknown_variable_is_refused_by_name(caller: httpx.AsyncClient) -> None:
    body = {"key": "t", "channel": "email", "subject": "s", "body_text": "Hi {{ customer.name }}"}
    document = _problem(await caller.post("/templates", json=body), 422)
    assert "customer.name" in str(document["detail"])
    assert (await ok(await caller.get("/templates")))["items"] == []


async def test_a_policy_or_rule_that_cannot_be_read_is_refused_by_name(caller: httpx.AsyncClient) -> None:
    body = {"key": "c", "name": "c", "policy": {"quiet_hours": {"start": "25:00", "end": "08:00"}}}
    assert "quiet_hours" in str(_problem(await caller.post("/campaigns", json=body), 422)["detail"])
    segment = {"key": "s", "name": "s", "rule": {"any": [{"attribute": "city", "is": "a", "in": ["b"]}]}}
    assert "rule.any[0]" in str(_problem(await caller.post("/segments", json=segment), 422)["detail"])


async def test_a_campaign_that_ends_before_it_starts_is_refused(caller: httpx.AsyncClient) -> None:
    body = {"key": "c", "name": "c", "starts_at": "2026-05-02T00:00:00Z", "ends_at": "2026-05-01T00:00:00Z"}
    assert "before it starts" in str(_problem(await caller.post("/campaigns", json=body), 422)["detail"])


async def test_unknown_addresses_and_methods_are_problems_too(anybody: httpx.AsyncClient) -> None:
    assert _problem(await anybody.get("/nowhere"), 404)["code"] == "not_found"
    answer = await anybody.delete("/events")
    assert _problem(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "POST"
    _problem(await anybody.get("/trace/moon/1"), 401)


@pytest.mark.parametrize(
    "path", ["/campaigns/0", "/campaigns/x", f"/campaigns/{2**48}", "/profiles?limit=501", "/profiles?after=-1"]
)
async def test_numbers_out_of_range_are_refused(caller: httpx.AsyncClient, path: str) -> None:
    _problem(await caller.get(path), 422)


async def test_a_body_over_one_megabyte_is_refused_whatever_its_sender_declares(caller: httpx.AsyncClient) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 65_536 + 1):
            yield b" " * 65_536

    for content in (b" " * (BODY_LIMIT + 1), in_pieces()):
        answer = await caller.post("/events", content=content, headers={"Content-Type": "application/json"})
        assert _problem(answer, 413)["code"] == "too_large"


async def test_a_request_keeps_its_callers_id_where_it_is_usable(anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get("/healthz", headers={"X-Request-ID": "checkout-7"})).headers[
        "X-Request-ID"
    ] == "checkout-7"
    for unusable in ("a b", "x" * 129, "<script>"):
        given = (await anybody.get("/healthz", headers={"X-Request-ID": unusable})).headers["X-Request-ID"]
        assert given != unusable
        assert len(given) == 32


def _failing_app(services: Services) -> FastAPI:
    app = app_with(services)

    async def fail(kind: str) -> None:
        if kind == "misconfigured":
            raise errors.Misconfigured("The password postgres-secret is wrong.", remedy="Change it.")
        if kind == "unavailable":
            raise errors.Unavailable("10.0.0.7:5432 is down.", remedy="Start it.")
        raise ZeroDivisionError("secret-detail")

    app.add_api_route("/fail/{kind}", fail)
    return app


@pytest.mark.parametrize(("kind", "status"), [("unforeseen", 500), ("misconfigured", 500), ("unavailable", 503)])
async def test_a_failure_of_ours_tells_its_id_and_nothing_of_the_inside(
    services: Services,
    kind: str,
    status: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caplog.handler, "formatter", JsonLines())
    transport = httpx.ASGITransport(_failing_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.example") as client:
        answer = await client.get(f"/fail/{kind}", headers={"X-Request-ID": "look-me-up"})
    _problem(answer, status)
    for secret in ("secret", "10.0.0.7", "Traceback", "ZeroDivision"):
        assert secret not in answer.text
    assert "look-me-up" in caplog.text
    assert (answer.headers.get("Retry-After") is not None) == (status == 503)


async def test_every_error_of_ours_has_a_status() -> None:
    from api.problems import status_of  # noqa: PLC0415 - beside what it is about

    def tree(kind: type[errors.LeoError]) -> list[type[errors.LeoError]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in tree(child))]

    for kind in tree(errors.LeoError):
        assert status_of(kind.__new__(kind)) >= 400


async def test_health_says_what_lives_and_what_is_away(anybody: httpx.AsyncClient) -> None:
    assert await ok(await anybody.get("/healthz")) == {"status": "ok"}
    assert await ok(await anybody.get("/readyz")) == {"status": "ready", "database": "ok", "redis": "ok", "reasons": []}
    assert (await ok(await anybody.get("/")))["docs"] == "/docs"
