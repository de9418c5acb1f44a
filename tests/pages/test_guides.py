"""Whoever types what a guide says, on servers of his own with the records it speaks of, sees it happen."""

import json
from pathlib import Path

import pytest

from tests.pages.context import Context
from tests.pages.reading import shell_commands
from tests.pages.site import NEW_DATABASE, Site, cloned, type_on

RULE = {"all": [{"attribute": "city", "is": "Huế"}]}
SEGMENT = {"key": "vip-hue", "name": "Khách quý ở Huế", "rule": RULE}
HUE = {"rule.json": json.dumps(RULE, ensure_ascii=False), "vip-hue.json": json.dumps(SEGMENT, ensure_ascii=False)}
SNAPSHOTS = {
    "4711": "SELECT min(snapshot_id) FROM segment_snapshot",
    "4822": "SELECT max(snapshot_id) FROM segment_snapshot",
}
POLICY = Context(
    files={"policy.yaml": "caps:\n  - {limit: 2, days: 7}\n"},
    fill={
        "default 4": "SELECT 'default ' || max(version) FROM policy",
        "--policy-version 4": "SELECT '--policy-version ' || max(version) FROM policy",
    },
)
SOMEBODYS = "the host is somebody else's: tests/engine/test_sync_cli.py reads an emulated ArangoDB by the same commands"
FAULTS = {
    "leo bench chaos": "tests/engine/test_chaos.py kills everything with fewer messages; whole, it takes minutes",
    "leo bench faults": "tests/engine/test_faults.py brings each fault about with fewer messages",
}
BENCHMARKS = {
    **FAULTS,
    "leo bench": "tests/engine/test_bench.py runs each with less work; whole, it takes minutes",
    "leo bench pages": "tests/api/console/test_bench_pages.py looks at fewer pages",
    "leo bench scale": "tests/engine/test_scale.py runs each of its parts with less work; whole, it takes long",
}
# The page leaves to its reader where the servers are, and says in a comment how a key is made.
HOSTS = {
    "LEO_DATABASE_URL=postgresql://leo_app:secret@db.example:5432/leo": ":",
    "LEO_REDIS_URL=redis://:secret@redis.example:6379/0": ":",
    "LEO_CREDENTIAL_KEY=...       # python": "LEO_CREDENTIAL_KEY=$(python",
    '.decode())"': '.decode())")',
    "LEO_API_PORT=8765": "LEO_API_PORT=0",
}
QUICK = {
    ".venv/bin/leo": "leo",
    "export LEO_DATABASE_URL=postgresql://leo_app:secret@db.example:5432/leo": ":",
}
PAGES: dict[str, Context] = {
    "docs/audit.md": Context(
        before={"": "leo audit seal"},
        fill={"123456": "SELECT min(decision_id) FROM decision"},
        prints={"leo audit verify": "whole"},
    ),
    "docs/benchmarks.md": Context(elsewhere=BENCHMARKS),
    "docs/comparison.md": Context(
        elsewhere={"make setup": "it fetches packages", "leo bench compare": BENCHMARKS["leo bench"]}
    ),
    "docs/database.md": Context(
        fill={
            "export LEO_DATABASE_URL=postgresql://leo_app:secret@db.example:5432/leo": ":",
            "export LEO_ADMIN_DATABASE_URL=postgresql://postgres:secret@db.example:5432/leo": ":",
        }
    ),
    "docs/delivery.vi.md": Context(
        fill={"9001": "SELECT min(delivery_id) FROM delivery_log WHERE status = 'uncertain'"},
    ),
    "docs/evaluation.md": Context(
        elsewhere={
            "leo eval intents --model functiongemma": "tests/engine/test_functiongemma_process.py has a smaller model",
            "leo eval intents --model gemini": "tests/engine/test_evaluation.py gives it a Gemini that costs nothing",
        }
    ),
    "docs/explain.md": Context(
        fill={"601": "SELECT min(decision_id) FROM decision"},
        prints={"leo why-not kh-000042 uu-dai-thang": "city is"},
    ),
    "docs/faults.md": Context(elsewhere=FAULTS),
    "docs/graph.md": Context(),
    "docs/identity.md": Context(),
    "docs/ingest.md": Context(
        elsewhere={"leo sources add arango": SOMEBODYS},
        before={"leo sources check cdp": "leo sources add sandbox --key cdp"},
    ),
    "docs/load.md": Context(elsewhere={"make load": "`.ci/run` runs the smoke stage; the others take minutes"}),
    "docs/observe.md": Context(
        elsewhere={
            "promtool": "tests/meta/test_alerts.py runs it with these files where it is installed",
            "prometheus": "tests/meta/test_alerts.py has promtool read the file",
        }
    ),
    "docs/operations/archive.md": Context(),
    "docs/operations/backup.md": Context(
        before={"leo restore backups/2026-03-01": NEW_DATABASE},
        elsewhere={"pg_basebackup": "tests/engine/test_backup_physical.py restores from such a copy, to a moment"},
    ),
    "docs/operations/deploy.md": Context(
        fill={
            **HOSTS,
            "export LEO_DATABASE_URL=postgresql://leo_app:secret@db.example:5432/leo": ":",
            "export LEO_ADMIN_DATABASE_URL=postgresql://postgres:secret@db.example:5432/leo": ":",
            "/etc/leo/leo.env": "leo.env",
            "/etc/leo": "settings",
            "/etc/systemd/system/": "units/",
        },
        before={
            "": "set -a; mkdir units; HERE=$LEO_DATABASE_URL",
            # What every host has the same is set by then.
            "LEO_DATABASE_URL=postgresql://leo_app:secret@pgbouncer": "leo doctor",
            # The steps of two hosts begin anew, past PgBouncer.
            "leo db bootstrap": "LEO_DATABASE_URL=$HERE; unset LEO_DATABASE_POOLER LEO_REPLICA_URL LEO_REPLICA_LAG_S",
        },
        elsewhere={
            "docker compose": "no engine for containers is here: tests/meta/test_deploy.py reads what it takes",
            "kubectl": "no cluster is here: tests/meta/test_deploy.py reads what it takes",
            "make setup": "`.ci/run` runs it",
            "UV_PROJECT_ENVIRONMENT": "it fetches packages",
            "useradd": "it makes an account of the machine",
            "export PATH=/opt/leo/bin": "the program is elsewhere here",
            "install -d -m 0700 -o 10001": "it gives a directory to an account of the containers",
            "set -a": "the file's addresses are examples",
            "systemctl": "tests/meta/test_deploy.py has systemd read the units",
            "curl http://127.0.0.1:8765/readyz": "tests/api/test_process.py asks one that runs",
        },
    ),
    "docs/policy.md": POLICY,
    "docs/policy.vi.md": POLICY,
    "docs/privacy.md": Context(prints={"leo profile erase": "Erased"}),
    "docs/quickstart.md": Context(
        fill={
            **QUICK,
            "export LEO_ADMIN_DATABASE_URL=postgresql://postgres:secret@db.example:5432/leo": ":",
            "export LEO_REDIS_URL=redis://:secret@redis.example:6379/0": ":",
        },
        elsewhere={
            "make": "`.ci/run` runs setup, demo and test; clean removes what the tests run in",
            ".venv/bin/leo up": "tests/engine/test_cli.py runs it in the foreground and ends it",
        },
    ),
    "docs/quickstart.vi.md": Context(
        fill={".venv/bin/leo": "leo"},
        elsewhere={
            "make": "`.ci/run` runs it; clean removes what the tests run in",
            ".venv/bin/leo up": "tests/engine/test_cli.py runs it in the foreground and ends it",
        },
    ),
    "docs/segments.md": Context(files=HUE, fill=SNAPSHOTS),
    "docs/segments.vi.md": Context(files=HUE, fill=SNAPSHOTS),
    "docs/tasks.md": Context(fill={"901": "SELECT min(task_id) FROM agent_task WHERE status = 'awaiting_approval'"}),
    "docs/trace.md": Context(
        fill={"KH-0001": "kh-000001", "1001": "SELECT min(decision_id) FROM decision"},
        prints={"leo trace KH-0001": "decision"},
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_guide_does_what_it_says(page: str, seeded: Site, tmp_path: Path) -> None:
    with cloned(seeded) as site:
        assert type_on(site, tmp_path / "here", shell_commands(page), PAGES[page]) == []
