"""Who and what the pages speak of by name, made over the API as a reader would have made them before."""

import re
import time
from typing import Any

import httpx

from tests.pages.site import Site

SETTLE_S = 90.0
PEOPLE = [
    {
        "ext_id": "kh-1",
        "name": "Nguyễn Thị Lan",
        "attributes": {"city": "Huế", "tier": "gold", "orders": 12},
        "addresses": [{"channel": "email", "value": "lan@khach.example"}],
        "consents": [{"channel": None, "granted": True, "at": "2026-01-01T09:00:00+07:00"}],
    },
    {
        "ext_id": "mai",
        "name": "Trần Thị Mai",
        "attributes": {"city": "Huế", "tier": "gold", "orders": 3},
        "addresses": [{"channel": "email", "value": "mai.tran@khach.example"}],
        "consents": [{"channel": None, "granted": True, "at": "2026-01-01T09:00:00+07:00"}],
    },
    # One person twice: the web site's visitor and the Zalo follower have one telephone number.
    {"ext_id": "web-77", "name": "Lê Hà", "addresses": [{"channel": "zalo_template", "value": "+84905550077"}]},
    {"ext_id": "zalo-9", "name": "Lê Thu Hà", "addresses": [{"channel": "zalo_template", "value": "+84905550077"}]},
]
HUE = {"all": [{"attribute": "city", "is": "Huế"}]}
OFFER = {
    "key": "uu-dai",
    "channel": "email",
    "subject": "{{ profile.name }} ơi, tuần này giảm 20%",
    "body_text": "Chào {{ profile.name }}.\n\nNgừng nhận thư: {{ unsubscribe_url }}\n",
}
# What cannot be had by waiting: messages that ended badly, callbacks about nobody, work that was put off.
HARM = [
    """
    WITH made AS (
        SELECT delivery_id, row_number() OVER (ORDER BY key = 'tet' DESC, delivery_id) AS place
        FROM delivery_log JOIN campaign USING (tenant_id, campaign_id) WHERE delivery_log.status = 'sent')
    UPDATE delivery_log l SET status = (ARRAY['uncertain', 'dead', 'failed', 'uncertain', 'queued'])[place],
                              class = CASE WHEN place < 5 THEN 'provider_down' END, attempts = 6, setbacks = 6,
                              due_at = CASE WHEN place < 5 THEN due_at ELSE now() + interval '1 hour' END
    FROM made WHERE made.delivery_id = l.delivery_id AND place <= 5
    """,
    """
    WITH kept AS (SELECT callback_id, row_number() OVER (ORDER BY callback_id) AS place FROM callback)
    UPDATE callback c SET status = (ARRAY['unknown', 'unreadable'])[place] FROM kept
    WHERE kept.callback_id = c.callback_id AND place <= 2
    """,
    """
    INSERT INTO outbox (tenant_id, topic, payload, attempts, due_at, error)
    SELECT tenant_id, 'cdp.outcome', '{}', 9, 'infinity', 'the observer was away' FROM tenant
    """,
]

UNSETTLED = """
    SELECT (SELECT count(*) FROM delivery_log WHERE status IN ('queued', 'sending'))
         + (SELECT count(*) FROM run_batch WHERE status = 'pending' AND due_at < now() + interval '1 hour')
         + (SELECT count(*) FROM agent_task WHERE status <> 'awaiting_approval')
"""


def key_in(demo: str) -> str:
    found = re.search(r"with the key (leo_[\w-]+)", demo)
    assert found is not None
    return found[1]


def address_in(demo: str) -> str:
    found = re.search(r"in a browser: (\S+)/ with", demo)
    assert found is not None
    return found[1]


def seed(site: Site, address: str) -> None:
    """Bring in the people, say whom and what is meant, and let one campaign write."""
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {site.key}"}, timeout=30) as api:
        _post(api, "/profiles", PEOPLE)
        segment = {"key": "vip-hue", "name": "Khách quý ở Huế", "rule": HUE}
        _post(api, "/segments", segment)
        template_id = _post(api, "/templates", OFFER)["template_id"]
        _post(api, f"/templates/{template_id}/approve", {})
        for key, name in (("tet", "Tết"), ("uu-dai-thang", "Ưu đãi tháng")):
            plan = {"key": key, "name": name, "segment": "vip-hue", "template_ids": [template_id]}
            own = {"policy": {"quiet_hours": None}} if key == "tet" else {}
            made = _post(api, "/campaigns", {**plan, **own})
            if key == "tet":
                _post(api, f"/campaigns/{made['campaign_id']}/activate", {})
        # Nobody can count whom it will reach, so a task that is to start it waits for a human.
        welcome = {"key": "chao-mung", "name": "Chào mừng", "trigger_type": "signed_up", "template_ids": [template_id]}
        _post(api, "/campaigns", welcome)
        start = [{"name": "activate_campaign", "arguments": {"campaign": "chao-mung"}}]
        for key in ("first", "second"):
            _post(api, "/activate/agent", {"calls": start, "locale": "vi", "key": key})
    _until_settled(site)


def _post(api: httpx.Client, path: str, document: Any) -> Any:
    answer = api.post(path, json=document)
    assert answer.is_success, f"{path}: {answer.text}"
    return answer.json()


def _until_settled(site: Site) -> None:
    ends = time.monotonic() + SETTLE_S
    while site.ask(UNSETTLED) != "0":
        assert time.monotonic() < ends, "the seeded campaign does not settle"
        time.sleep(0.2)


def harm(site: Site) -> None:
    for statement in HARM:
        site.change(statement)
