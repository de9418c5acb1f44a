"""`leo bench` measures on a database of its own, says what it measured, and leaves nothing behind."""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
import pytest

from engine.bench import NAMES, archive, compare, decide, functiongemma, ledger
from engine.bench.decide import batches_among
from engine.bench.tenant import BATCH
from engine.bench.throwaway import PREFIX, database
from engine.cli import run
from rules.errors import Unavailable
from tests.engine import tiny_model
from tests.engine.acting import values
from tests.engine.embedded_places import ROOT

pytestmark = pytest.mark.usefixtures("leo")
LEO = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); from engine.cli import main; main()"]


def left(admin_url: str) -> set[str]:
    """Databases of benchmarks, and every role."""
    with psycopg.connect(admin_url) as connection:
        found = values(
            connection, "SELECT datname FROM pg_database WHERE datname LIKE %s", PREFIX.replace("_", r"\_") + "%"
        )
        return {*found, *values(connection, "SELECT rolname FROM pg_roles")}


def test_without_a_name_they_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)


def test_an_unknown_name_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "nosuch"]) == 2
    assert "There is no benchmark 'nosuch'" in capsys.readouterr().err


@pytest.mark.parametrize("people", [BATCH, 2 * BATCH, 20 * BATCH, 2_000 * BATCH])
def test_every_size_of_deciding_has_a_batch_to_measure_and_people_for_it(people: int) -> None:
    assert 1 <= batches_among(people) <= people // BATCH


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("dispatch", {"per_s", "baseline_per_s", "rss_mb"}),
        (
            "listeners",
            {f"{of}{name}" for of in ("", "baseline_") for name in ("p50_ms", "p99_ms", "idle_cores")},
        ),
        ("mirror", {"on_per_s", "off_per_s", "one_on_us", "one_off_us"}),
        (
            "segment",
            {"refresh_s_10k", "first_fill_s_10k"}
            | {f"one_profile_{which}_{size}" for which in ("ms", "p95_ms") for size in ("100", "10k")},
        ),
        (
            "realtime",
            {"p50_ms", "p99_ms", "most_ms", "events_per_s", "bulk_deliveries", "quiet_p50_ms", "quiet_p99_ms"},
        ),
        ("smtp", {"per_s", "baseline_per_s", "rss_mb"}),
        ("snapshot", {"ms_10", "s_1k", "growth_per_member", "baseline_ms_10"}),
        ("sync", {"batch100_p50_ms", "batch100_p99_ms", "per_s", "baseline_per_s", "unchanged_rows_written", "rss_mb"}),
        ("trace", {"p50_ms_200", "p95_ms_200", "p50_ms_2k", "p95_ms_2k"}),
    ],
)
def test_a_benchmark_ends_with_one_json_object_and_leaves_nothing(
    admin_url: str, capsys: pytest.CaptureFixture[str], name: str, figures: set[str]
) -> None:
    size = {
        "dispatch": "500",
        "listeners": "20",
        "mirror": "1000",
        "realtime": "1000",
        "segment": "10000",
        "smtp": "300",
        "snapshot": "1000",
        "sync": "300",
        "trace": "2000",
    }[name]
    measured(admin_url, capsys, name, figures, size)


def measured(
    admin_url: str, capsys: pytest.CaptureFixture[str], name: str, figures: set[str], size: str
) -> Mapping[str, float]:
    """Run a benchmark as its page says, with another size, and give its figures."""
    before = left(admin_url)
    assert run(["bench", name, "--json", "--n", size]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out.splitlines()[-1])
    assert list(document) == ["name", "n", "figures", "baseline", "ratio"]
    assert document["name"] == name
    assert document["figures"].keys() == figures
    # Bulk steps back, and events for a second may be all that a busy machine has time for.
    assert document["figures"].pop("bulk_deliveries", 0) >= 0
    assert document["figures"].pop("unchanged_rows_written", 0) == 0
    assert all(value > 0 for value in [*document["figures"].values(), document["ratio"]])
    assert "met: " in shown.err
    assert left(admin_url) == before
    return dict(document["figures"])


# The least that these do takes half a minute, so what they measure in between is made smaller too.


def test_deciding_is_measured_at_two_sizes_and_one_by_one(
    admin_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "GROWTH", 4)
    monkeypatch.setattr(decide, "SINGLES", 20)
    figures = {"per_s", "per_s_500", "realtime_p50_ms", "realtime_p99_ms", "growth_2k_over_500"}
    found = measured(admin_url, capsys, "decide", figures, "2000")
    assert found["realtime_p50_ms"] <= found["realtime_p99_ms"]


def test_sealing_and_recomputing_are_measured(
    admin_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "WARM_UP", 0)
    found = measured(admin_url, capsys, "ledger", {"append_cost_share", "verify_per_s", "records"}, "1000")
    assert found["records"] > 1_000


def test_the_archive_is_measured_beside_the_same_work_without_it(
    admin_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"OLD": 2_500, "PEOPLE": 2_500, "BATCHES": 1, "WARM_UP": 1, "CLAIMS": 2, "CLAIM_WARM_UP": 1}
    for name, number in {**few, "TRACES": 10, "TRACE_WARM_UP": 1}.items():
        monkeypatch.setattr(archive, name, number)
    costs = {"decide_per_s", "claim_ms", "trace_ms", "compare_s", "tables_mb", "graph_mb", "person_ms"}
    figures = {f"{name}_{state}" for name in costs for state in ("without", "live", "archived")}
    figures |= {f"growth_{name}" for name in ("decide", "claim", "trace", "compare", "tables", "graph")}
    figures |= {"archive_mb_archived", "moved_per_s", "exported_per_s", "checked_per_s", "export_mb"}
    found = measured(admin_url, capsys, "archive", figures, "2500")
    assert found["tables_mb_archived"] < found["tables_mb_live"]
    assert found["graph_mb_archived"] < found["graph_mb_live"]


def test_a_campaign_is_compared_with_what_one_would_write_instead(
    admin_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "ANSWER_S", 0.005)
    monkeypatch.setattr(compare, "IS_LATE", (True,))
    # A second longer than Celery keeps from others what a killed worker held.
    monkeypatch.setattr(compare, "QUIET_S", 6.0)
    for name, number in {"PEOPLE": 100, "WARM_UP": 1, "SAMPLES": 10}.items():
        monkeypatch.setattr(compare.journeys, name, number)
    before = left(admin_url)
    assert run(["bench", "compare", "--json", "--n", "100"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    ways = ("leo", "celery_late", "loop")
    found = document["figures"]
    assert found.keys() == {
        *(f"{way}_{what}" for way in ways for what in ("per_s", "lost", "doubled", "uncertain")),
        *(f"journeys_{by}_p{share}_ms" for by in ("graph", "joins") for share in (50, 95)),
    }
    assert all(found[f"{way}_per_s"] > 0 for way in ways)
    assert found["leo_doubled"] == 0
    # It has no list of whom it has sent to, so that it begins again.
    assert found["loop_doubled"] > 0
    assert left(admin_url) == before


@pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None,
    reason="llama-cpp-python is not installed: make setup EXTRAS=functiongemma",
)
def test_choosing_by_functiongemma_is_measured(
    admin_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the smallest model there is: writing the true shape takes 290 MB."""

    def write(path: Path, *, words: object) -> Path:
        assert words
        return tiny_model.write(path)

    monkeypatch.setattr("engine.bench.weightless.write", write)
    monkeypatch.setattr(functiongemma, "REMEMBERED", 500)
    speeds = {"p50_s", "p95_s", "memo_ms", "prefill_tok_s", "decode_tok_s"}
    found = measured(admin_url, capsys, "functiongemma", {*speeds, "prompt_tokens", "calls"}, "10")
    assert found["calls"] == 12


def test_without_json_it_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "mirror", "--n", "50"]) == 0
    shown = capsys.readouterr().out
    assert "on_per_s" in shown
    assert "met: " in shown


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_benchmark_that_is_ended_leaves_nothing(admin_url: str, number: signal.Signals) -> None:
    before = left(admin_url)
    # Rounds long enough to be seen at work.
    argv = [*LEO, "bench", "mirror", "--n", "1000000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        deadline = time.monotonic() + 120
        while not _measures(admin_url) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _measures(admin_url)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode in {130, 128 + number}
    assert b"Traceback" not in said
    assert left(admin_url) == before


def _measures(admin_url: str) -> bool:
    """Both tenants are there: the rounds go on."""
    with psycopg.connect(admin_url) as connection:
        found = values(
            connection,
            "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE %s AND query LIKE %s",
            PREFIX.replace("_", r"\_") + "%",
            "%INSERT INTO cdp_profiles%",
        )
    return bool(found[0])


def test_an_error_inside_leaves_nothing_either(admin_url: str) -> None:
    before = left(admin_url)
    with pytest.raises(ZeroDivisionError), database(admin_url):
        _ = 1 / 0
    assert left(admin_url) == before


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(Unavailable), database("postgresql://nobody@127.0.0.1:1/leo"):
        pass
