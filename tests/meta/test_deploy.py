"""deploy/ agrees with the code: what it names exists, and nothing that it runs may do more than it needs."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine.cli.app import COMMANDS
from engine.cli.processes import SANDBOX_HTTP, SANDBOX_SMTP, WorkerLane
from engine.metrics.catalogue import METRICS
from engine.processes.table import PORTS
from engine.settings import PREFIX, Settings
from engine.worker.port import OFFSET
from tests.meta.tree import ROOT

DEPLOY = ROOT / "deploy"
# What looks at metrics is held to them in tests of its own.
LOOKING_ON = {"grafana", "prometheus"}
FILES = [path for path in sorted(DEPLOY.rglob("*")) if path.is_file() and not LOOKING_ON & set(path.parts)]
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
API_PORT, POOLER_PORT, METRICS_PORT = PORTS["api_port"][1], 6432, 9108
# The oldest that is still looked after.
KUBERNETES_VERSION = "1.33"
# `on` and `no` that are no booleans, keys that are there twice, tabs; an expression of an alert is as long as it is.
YAML_RULES = "{extends: default, rules: {line-length: disable, document-start: disable, comments: disable}}"
# Others' own.
KNOWN_PORTS = {API_PORT, POOLER_PORT, METRICS_PORT, SANDBOX_SMTP, SANDBOX_HTTP, 5432, 6379, 9090, 80, 443, 465, 587, 53}
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(_text(path)) if document]


def _compose() -> dict[str, Any]:
    (document,) = _documents(DEPLOY / "compose" / "compose.yaml")
    services: dict[str, Any] = document["services"]
    return services


def _pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in KUBERNETES:
        for document in _documents(path):
            if document["kind"] in {"Deployment", "Job"}:
                yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def _commands() -> Iterator[tuple[str, list[str]]]:
    for name, service in _compose().items():
        if service.get("image") == "leo-activation:local":
            yield f"compose: {name}", service["command"]
    for name, pod in _pods():
        yield f"kubernetes: {name}", pod["containers"][0]["args"]
    for path in (DEPLOY / "systemd").glob("*.service"):
        (words,) = re.findall(r"^ExecStart=/opt/leo/bin/leo (.*)$", _text(path), re.MULTILINE)
        yield f"systemd: {path.name}", words.replace("%i", "bulk").split()


@pytest.mark.parametrize(("where", "words"), list(_commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_command_exists(where: str, words: list[str]) -> None:
    assert words[0] in COMMANDS, where
    if words[0] == "worker":
        assert words[1] == "--lane"
        assert words[2] in set(WorkerLane), where


def test_every_lane_runs_everywhere() -> None:
    lanes = {(where.partition(":")[0], words[2]) for where, words in _commands() if words[0] == "worker"}
    for kind in ("compose", "kubernetes"):
        assert {lane for found, lane in lanes if found == kind} == set(WorkerLane)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_setting_exists(path: Path) -> None:
    named = set(re.findall(r"\bLEO_[A-Z][A-Z_]*[A-Z]\b", _text(path)))
    assert named - SETTINGS == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_port_is_one_that_something_listens_on(path: Path) -> None:
    written = re.findall(r"(?:[\w}]:|[Pp]ort[: ]+|EXPOSE |port = |_PORT=)(\d{2,5})\b(?!:\d\d)", _text(path))
    assert {int(port) for port in written} - KNOWN_PORTS == set()


def test_prometheus_asks_workers_where_the_hosts_file_has_them_tell() -> None:
    (document,) = _documents(DEPLOY / "prometheus" / "prometheus.yml")
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    told = _text(DEPLOY / "systemd" / "leo.env.example")
    assert f"LEO_METRICS_PORT={METRICS_PORT}\n" in told
    assert asked["leo-worker"] == [f"127.0.0.1:{METRICS_PORT + offset}" for offset in OFFSET.values()]
    assert asked["leo-api"] == [f"127.0.0.1:{API_PORT}"]


def test_every_metric_that_scales_exists() -> None:
    named = set(re.findall(r"\bleo_[a-z_]+(?=\{)", _text(DEPLOY / "kubernetes" / "scaling.yaml")))
    assert named
    assert named <= METRICS.keys()


def test_the_pooler_is_in_the_mode_that_processes_are_told_of() -> None:
    read = ConfigParser(inline_comment_prefixes=(";",), strict=True)
    read.read(DEPLOY / "pgbouncer" / "pgbouncer.ini")
    assert read["pgbouncer"]["pool_mode"] == "transaction"
    assert int(read["pgbouncer"]["listen_port"]) == POOLER_PORT
    told = _compose()["api"]["environment"]
    assert (told["LEO_DATABASE_POOLER"], f":{POOLER_PORT}/" in told["LEO_DATABASE_URL"]) == ("transaction", True)


@pytest.mark.parametrize(("name", "pod"), list(_pods()), ids=lambda each: each if isinstance(each, str) else "")
def test_a_pod_may_do_no_more_than_it_needs(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert (context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"]) == (False, True)
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    secrets = {source["secretRef"]["name"] for source in container["envFrom"] if "secretRef" in source}
    assert secrets == ({"leo-admin"} if name == "leo-migrate" else {"leo"})


def test_a_container_of_compose_may_do_no_more_than_it_needs() -> None:
    for name, service in _compose().items():
        assert not service.get("privileged"), name
        if service.get("image") == "leo-activation:local":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
            admin = "LEO_ADMIN_DATABASE_URL" in service["environment"]
            assert admin is (name == "migrate"), name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


def test_what_a_service_waits_for_is_there() -> None:
    services = _compose()
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name


def test_the_image_is_no_root_and_its_packages_are_the_locked_ones() -> None:
    text = _text(DEPLOY / "Dockerfile")
    final = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    syncs = re.findall(r"^RUN uv sync (.*)$", text, re.MULTILINE)
    assert syncs
    assert all("--frozen" in options for options in syncs)
    assert "RUN npm ci " in text
    pinned = re.search(r"^UV_VERSION := (\S+)$", _text(ROOT / "Makefile"), re.MULTILINE)
    assert pinned is not None
    assert f"uv=={pinned[1]}" in text
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((ROOT / name).exists() for name in source.split()), source


def test_the_manifests_are_put_together_by_kustomize() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which carries Kustomize, is not installed here")
    argv = ["kubectl", "kustomize", str(DEPLOY / "kubernetes")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - argv is ours
    assert done.returncode == 0, done.stderr
    made = [document for document in yaml.safe_load_all(done.stdout) if document]
    given = [document for path in KUBERNETES for document in _documents(path)]
    wanted = {(one["kind"], one["metadata"]["name"]) for one in given if one["kind"] not in {"Kustomization", "Secret"}}
    assert {(one["kind"], one["metadata"]["name"]) for one in made} == wanted
    assert {one["metadata"].get("namespace") for one in made if one["kind"] != "Namespace"} == {"leo"}


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("Dockerfile")), ids=lambda path: path.parent.name)
def test_an_image_is_made_as_hadolint_wants_it(path: Path) -> None:
    assert _said_by("hadolint", str(path)) == (0, "")


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_knows_every_field_of_a_manifest(path: Path) -> None:
    others = ("kustomize.config.k8s.io/", "keda.sh/")  # whose schemas are not Kubernetes' own
    for document in _documents(path):
        if not document["apiVersion"].startswith(others):
            kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


def test_compose_knows_every_field_of_its_file() -> None:
    path = str(DEPLOY / "compose" / "compose.yaml")
    assert _said_by("check-jsonschema", "--quiet", "--builtin-schema", "vendor.compose-spec", path) == (0, "")


def test_no_key_of_a_yaml_file_is_there_twice_or_means_something_else() -> None:
    assert _said_by("yamllint", "--strict", "--config-data", YAML_RULES, str(DEPLOY)) == (0, "")


def _said_by(program: str, *words: str) -> tuple[int, str]:
    """Run a program of the development packages; give its exit code and all that it printed."""
    argv = [str(Path(sys.executable).with_name(program)), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - argv is ours
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda path: path.name)
def test_systemd_reads_its_units(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed here")
    # As it is installed, but for the program, which is not there.
    copy = tmp_path / unit.name
    copy.write_text(_text(unit).replace("/opt/leo/bin/leo", "/bin/true"), encoding="utf-8")
    argv = ["systemd-analyze", "verify", "--man=no", str(copy)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - argv is ours
    assert (done.returncode, done.stderr) == (0, "")
