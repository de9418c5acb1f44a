"""Whoever types what docs/cli.md gives for a command gets what it says, where there is what it speaks of."""

import json
from pathlib import Path

import pytest

from tests.pages.context import Context
from tests.pages.reading import blocks, shell_commands
from tests.pages.site import NEW_DATABASE, Site, cloned, type_on

PAGE = "docs/cli.md"
RULE = {"all": [{"attribute": "city", "is": "Huế"}]}
SEGMENT = json.dumps({"key": "vip-hue", "name": "Khách quý ở Huế", "rule": RULE}, ensure_ascii=False)
QUERYBUILDER = {
    "condition": "AND",
    "rules": [{"id": "livingCity", "field": "livingCity", "type": "string", "operator": "equal", "value": "Huế"}],
}
PEOPLE = "ext_id,name,email\nkh-9001,An,an@shop.example\nkh-9002,Bình,binh@shop.example\n"
POLICY = "caps:\n  - {limit: 2, days: 7}\n"
PLAN = [{"name": "do_nothing", "arguments": {"reason": "Nobody is meant."}}]
NETWORK = "the host is somebody else's: tests/engine/test_sync_cli.py adds, checks and reads an ArangoDB of the sandbox"
# The key of this site, kept where a generated one would be.
OWN_KEY = """
mkdir -p $LEO_HOME && python3 -c 'import json, os
path = os.environ["LEO_HOME"] + "/secrets.json"
kept = json.load(open(path)) if os.path.exists(path) else {}
json.dump({**kept, "credential_key": os.environ["LEO_CREDENTIAL_KEY"]}, open(path, "w"))'
unset LEO_CREDENTIAL_KEY
"""

SECTIONS: dict[str, Context] = {
    "leo demo": Context(
        elsewhere={
            "leo demo": "every page here begins with what it left, and `.ci/run` runs `make demo`",
            "leo demo --customers": "tests/engine/test_demo.py plays such a file",
        },
    ),
    "leo tenants": Context(
        fill={"hoa_sen 17": "SELECT 'hoa_sen ' || min(api_key_id) FROM api_key WHERE name = 'web shop'"},
        typed={"leo tenants drop": "y\n"},
        prints={"leo tenants list": "hoa_sen", "leo tenants keys": "web shop"},
    ),
    "leo import": Context(
        fill={"hoa_sen": "demo_1"},
        files={"people.csv": PEOPLE, "people.jsonl": '{"ext_id": "kh-9003", "name": "Chi"}\n'},
    ),
    "leo sources": Context(
        files={"token": "an-observer-token"},
        before={
            "leo sources list": "leo sources remove sandbox; leo sources add sandbox --key cdp",
            "leo sources report": "leo sources add sandbox --key cdp",
        },
        elsewhere={"leo sources add arango": NETWORK},
    ),
    "leo stuck": Context(
        fill={
            "run 801": "SELECT 'run ' || max(run_id) FROM campaign_run",
            "batch 901": "SELECT 'batch ' || max(batch_id) FROM run_batch WHERE status = 'pending'",
            "message 9001": "SELECT 'message ' || max(delivery_id) FROM delivery_log WHERE status = 'queued'",
            "outbox 950": "SELECT 'outbox ' || max(outbox_id) FROM outbox",
        },
        prints={"leo stuck log": "the CDP is back"},
    ),
    "leo sync": Context(before={"": "leo sources add sandbox"}),
    "leo segments": Context(
        files={
            "vip-hue.json": SEGMENT,
            "rule.json": json.dumps(RULE, ensure_ascii=False),
            "rules.json": json.dumps(QUERYBUILDER, ensure_ascii=False),
            "once.json": SEGMENT.replace("vip-hue", "once"),
        },
        before={"leo segments archive": "leo segments save once.json"},
        fill={"archive vip-hue": "archive once"},
    ),
    "leo snapshot": Context(
        fill={
            "4711": "SELECT min(snapshot_id) FROM segment_snapshot",
            "4822": "SELECT max(snapshot_id) FROM segment_snapshot",
        },
    ),
    "leo profile": Context(typed={"leo profile erase": "y\n"}),
    "leo identity": Context(fill={"4711": "SELECT min(duplicate_id) FROM duplicate WHERE status = 'proposed'"}),
    "leo policy": Context(
        files={"policy.yaml": POLICY},
        fill={
            "default 4": "SELECT 'default ' || max(version) FROM policy",
            "--version 4": "SELECT '--version ' || max(version) FROM policy",
        },
    ),
    "leo credentials": Context(before={"leo credentials new-key": OWN_KEY}),
    "leo channels": Context(
        fill={"newsletter": "email", "renew zalo": "renew email"},
        elsewhere={"leo channels zalo-connect": "Zalo is asked: tests/engine/test_consents.py asks its emulator"},
    ),
    "leo templates": Context(fill={"251": "SELECT template_id FROM message_template WHERE key = 'uu-dai'"}),
    "leo campaigns": Context(prints={"leo campaigns start": "is active"}),
    "leo decisions": Context(fill={"8123": "SELECT max(decision_id) FROM decision"}),
    "leo task": Context(
        files={"plan.json": json.dumps(PLAN)},
        fill={
            "512": "SELECT max(task_id) FROM agent_task",
            "approve 512": "SELECT 'approve ' || min(task_id) FROM agent_task WHERE status = 'awaiting_approval'",
            "reject 512": "SELECT 'reject ' || min(task_id) FROM agent_task WHERE status = 'awaiting_approval'",
        },
        prints={"leo task list": "activate_campaign"},
    ),
    "leo deadletters": Context(
        fill={
            "--campaign 12": "SELECT '--campaign ' || campaign_id FROM campaign WHERE key = 'tet'",
            # Those that failed may have been queued again by the command before.
            "9001 9002": "SELECT max(delivery_id) FROM delivery_log WHERE status = 'uncertain'",
            "resolve 9001": "SELECT 'resolve ' || min(delivery_id) FROM delivery_log WHERE status = 'uncertain'",
        },
    ),
    "leo eval": Context(
        elsewhere={"leo eval intents": "tests/engine/test_evaluation.py gives it a Gemini that costs nothing"}
    ),
    "leo export": Context(),
    "leo graph": Context(),
    "leo cypher": Context(files={"mine.cypher": "MATCH (p:Profile) WHERE p.profile_id IN $ids RETURN p.ext_id\n"}),
    "leo audit": Context(
        before={"leo audit proof": "leo audit seal"}, fill={"123456": "SELECT min(decision_id) FROM decision"}
    ),
    "leo callbacks": Context(
        fill={"7101": "SELECT min(callback_id) FROM callback", "E-mail": "email"},
        files={"bounce.eml": "From: a@b.example\n\nnothing\n"},
    ),
    "leo bench": Context(
        fill={"mirror --json": "mirror --n 500 --json", "bench trace": "bench trace --n 500"},
        elsewhere={"leo bench chaos": "tests/engine/test_chaos.py kills everything with fewer messages"},
    ),
    "leo load": Context(
        elsewhere={"leo load": "`.ci/run` runs `make load STAGE=smoke`; stress goes on until something breaks"}
    ),
    "leo model": Context(
        elsewhere={
            "LEO_FUNCTIONGEMMA_MODEL": "it has 290 MB; tests/engine/test_functiongemma_process.py runs a small one"
        }
    ),
    "leo restore": Context(
        before={"": "leo backup backups/2026-03-01", "leo restore backups/2026-03-01": NEW_DATABASE}
    ),
}


@pytest.mark.parametrize("section", sorted({block.section for block in blocks(PAGE)}))
def test_the_command_line_does_what_its_page_says(section: str, seeded: Site, tmp_path: Path) -> None:
    with cloned(seeded) as site:
        commands = shell_commands(PAGE, section)
        assert type_on(site, tmp_path / "here", commands, SECTIONS.get(section, Context())) == []
