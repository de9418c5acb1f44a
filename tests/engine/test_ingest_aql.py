"""The queries as ArangoDB takes them: every bind variable that one declares is given, and no other."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import pytest

from engine.credentials import Vault
from engine.db import Database
from engine.embedded import Servers
from engine.ingest.arango import Arango, query
from engine.ingest.sync import Mode
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.cdp import connect, keys, new_cdp, take

NAMES = sorted(one.name.removesuffix(".aql") for one in files("engine.ingest").joinpath("aql").iterdir())
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
# @@name stands for a collection, and is given as "@name".
VARIABLE = re.compile(r"@(@?\w+)")


def declared(name: str) -> set[str]:
    return set(VARIABLE.findall(COMMENT.sub("", query(name))))


@pytest.mark.parametrize("name", NAMES)
def test_a_query_begins_with_its_marker_and_holds_no_value(name: str) -> None:
    assert query(name).startswith(f"/* leo:{name} */\n")
    assert "cdp_" not in COMMENT.sub("", query(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_query_names_the_fields_that_it_gives(name: str) -> None:
    returned = re.findall(r"RETURN (\S+)", COMMENT.sub("", query(name)))
    assert returned
    # A whole document of LEO CDP has some 190 fields.
    assert not [one for one in returned if re.fullmatch(r"[stmpe]", one) and "KEEP" not in query(name)]


def test_no_metrics_are_every_event() -> None:
    """The emulator answers so; ArangoDB does because each filter says it: nothing is IN an empty list."""
    asked = COMMENT.sub("", query("events_changed"))
    assert asked.count("@metric IN") == asked.count("(@metrics == [] OR e.@metric IN @metrics)") == 3


async def test_each_variable_that_is_declared_is_given_and_no_other(
    db: Database, tenant: Tenant, servers: Servers, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, set[frozenset[str]]] = {}
    ask = Arango._ask

    def listening(self: Arango, name: str, bound: Mapping[str, Any]) -> list[Any]:
        given.setdefault(name, set()).add(frozenset(bound))
        return ask(self, name, bound)

    monkeypatch.setattr(Arango, "_ask", listening)
    cdp = new_cdp(sandbox)
    await cdp.make(20, events=5)
    vault = Vault(servers.secrets.credential_key)
    await take(db, await connect(db, vault, tenant, cdp), Mode.FULL)
    await cdp.change({"op": "remove", "key": (await keys(db, tenant))[0]})
    await take(db, await connect(db, vault, tenant, cdp), Mode.FULL)
    assert {name: {frozenset(declared(name))} for name in NAMES} == given
