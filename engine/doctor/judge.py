"""What is right and what is wrong with a PostgreSQL server, judged from a document of facts.

Pure: nothing is asked here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

OLDEST_POSTGRES = 160_000
GRAPH_BORDER_AGE = (1, 7)  # docs/database.md: row security in Cypher, READ ONLY and casts to json begin there
ROLES = ("leo_owner", "leo_app", "leo_router")
PRELOADING_ROLES = ("leo_owner", "leo_app")


class State(StrEnum):
    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; if `wrong`, there is always a remedy."""

    area: str
    state: State
    text: str
    remedy: str = ""


def is_well(findings: Sequence[Finding]) -> bool:
    return all(finding.state is not State.WRONG for finding in findings)


def judge(facts: Mapping[str, Any], *, expected: int | None = None) -> list[Finding]:
    """Judge what `server_facts` of doctor.sql gave, with `schema_version` added; pure."""
    return [
        *_judge_server(facts),
        *_judge_extensions(facts),
        *_judge_roles(facts),
        *_judge_schema(facts, expected),
    ]


def _judge_server(facts: Mapping[str, Any]) -> list[Finding]:
    area, found = "postgresql", []
    text = f"PostgreSQL {facts['version']}, database {facts['database']}, as {facts['login']}"
    if facts["version_num"] < OLDEST_POSTGRES:
        found.append(
            Finding(area, State.WRONG, f"{text}: too old.", "Use PostgreSQL 16 or later, or unset LEO_DATABASE_URL.")
        )
    else:
        found.append(Finding(area, State.OK, f"{text}."))
    if facts["encoding"] != "UTF8":
        found.append(
            Finding(area, State.WRONG, f"The database is encoded in {facts['encoding']}.", "Create it with UTF8.")
        )
    if facts["is_superuser"]:
        text = f"LEO_DATABASE_URL logs in as the superuser {facts['login']}; leo takes on the role leo_app in it."
        remedy = "Better: log in as leo_app there, and give the superuser in LEO_ADMIN_DATABASE_URL."
        found.append(Finding(area, State.NOTE, text, remedy))
    return found


def _judge_extensions(facts: Mapping[str, Any]) -> list[Finding]:
    area, found = "extensions", []
    available, installed = facts.get("available") or {}, facts.get("installed") or {}
    for name, product in (("age", "Apache AGE"), ("vector", "pgvector")):
        if name in installed:
            found.append(Finding(area, State.OK, f"{product} {installed[name]}."))
        elif name in available:
            text = f"{product} {available[name]} is on the server but not in this database."
            found.append(Finding(area, State.WRONG, text, "Run: leo db bootstrap"))
        else:
            remedy = f"Install {product} on it, or unset LEO_DATABASE_URL to use the embedded one."
            found.append(Finding(area, State.WRONG, f"The server does not offer {product}.", remedy))
    if "age" in installed and numbers(installed["age"]) < GRAPH_BORDER_AGE:
        text = (
            f"Apache AGE {installed['age']} is older than 1.7: row security does not reach into Cypher, a read-only "
            "transaction does not stop Cypher's SET and DELETE, and there is no cast from agtype to json."
        )
        found.append(
            Finding(
                area, State.NOTE, text, "Use PostgreSQL 17 or 18 with AGE 1.7 where tenants do not trust each other."
            )
        )
    if "pgcrypto" in installed:
        found.append(Finding(area, State.OK, f"pgcrypto {installed['pgcrypto']}."))
    else:
        text = "pgcrypto is not there; nothing needs it, PostgreSQL's own sha256() and gen_random_uuid() serve."
        found.append(Finding(area, State.NOTE, text))
    return found


def _judge_roles(facts: Mapping[str, Any]) -> list[Finding]:
    area, found = "roles", []
    roles = facts.get("roles") or {}
    missing = [name for name in ROLES if name not in roles]
    if missing:
        found.append(
            Finding(area, State.WRONG, f"The role {', '.join(missing)} does not exist.", "Run: leo db bootstrap")
        )
    for name, role in roles.items():
        powers = [word for word in ("superuser", "bypassrls") if role[word]]
        if powers:
            text = f"The role {name} has {' and '.join(powers)}: row security does not bind it."
            found.append(Finding(area, State.WRONG, text, f"Run: ALTER ROLE {name} NOSUPERUSER NOBYPASSRLS"))
    everywhere = facts.get("database_settings") or []
    settings = {name: (roles.get(name) or {}).get("settings") or [] for name in PRELOADING_ROLES if name in roles}
    settings |= {facts["login"]: facts.get("login_settings") or []}  # a role entered only by SET ROLE preloads nothing
    for name, own in settings.items():
        is_loaded = facts["is_age_loaded"] and name == facts["login"]
        if not is_loaded and not any("age" in _preloaded(setting) for setting in [*everywhere, *own]):
            text = f"Sessions of {name} do not preload the library age, so Cypher fails in them."
            remedy = f"Run: leo db bootstrap, or ALTER ROLE {name} SET session_preload_libraries = 'age'"
            found.append(Finding(area, State.WRONG, text, remedy))
    if not found:
        found.append(Finding(area, State.OK, f"{', '.join(ROLES)} exist, bound by row security, with age preloaded."))
    leaky = sorted(name for name, is_proof in (facts.get("leakproof") or {}).items() if not is_proof)
    if leaky and not missing:
        text = f"Not marked LEAKPROOF: {', '.join(leaky)}; indexes that use them are ignored under row security."
        found.append(
            Finding(area, State.NOTE, text, "Run leo db bootstrap as a superuser; a managed server may refuse.")
        )
    return found


def _judge_schema(facts: Mapping[str, Any], expected: int | None) -> list[Finding]:
    version = facts.get("schema_version")
    if version is None:
        return [Finding("schema", State.WRONG, "schema.sql has not been applied here.", "Run: leo db upgrade")]
    if expected is not None and version < expected:
        text = f"The schema is of version {version}, this release needs {expected}."
        return [Finding("schema", State.WRONG, text, "Run: leo db upgrade")]
    if expected is not None and version > expected:
        text = f"The schema is of version {version}, newer than the {expected} this release knows."
        return [Finding("schema", State.WRONG, text, "Update LEO Activation to the release that made it.")]
    return [Finding("schema", State.OK, f"Version {version}.")]


def _preloaded(setting: str) -> set[str]:
    """Give the libraries that a setting "name=value" of a role or database preloads."""
    name, _, value = setting.partition("=")
    if name not in {"session_preload_libraries", "local_preload_libraries"}:
        return set()
    return {word.strip().strip('"').rpartition("/")[2] for word in value.split(",")}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
