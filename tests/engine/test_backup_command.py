"""`leo backup` and `leo restore` as an operator runs them: everything is lost but the backup and the keys."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import embedded
from engine.cli import run
from tests.engine.embedded_places import open_directory, settings_for


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with open_directory() as path:
        monkeypatch.setenv("LEO_HOME", str(path))
        for name in ("LEO_DATABASE_URL", "LEO_ADMIN_DATABASE_URL", "LEO_REDIS_URL"):
            monkeypatch.delenv(name, raising=False)
        yield path


def test_an_installation_comes_back_from_its_backup_and_its_keys(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, keys, people = tmp_path / "kept", tmp_path / "keys.json", tmp_path / "people.csv"
    people.write_text("ext_id,name,email\nkh-1,An,an@shop.example\nkh-2,Bình,binh@shop.example\n", encoding="utf-8")
    assert run(["db", "upgrade"]) == 0
    for slug in ("hoa_sen", "sao_mai"):
        assert run(["tenants", "create", slug, "--name", slug]) == 0
        assert run(["import", str(people), "--tenant", slug]) == 0
    assert run(["backup", str(kept)]) == 0
    assert "secrets.json" in capsys.readouterr().out
    shutil.copy(home / "secrets.json", keys)

    embedded.erase(settings_for(home))
    home.mkdir()
    home.chmod(0o755)
    shutil.copy(keys, home / "secrets.json")

    assert run(["restore", str(kept), "--check"]) == 0
    capsys.readouterr()
    assert run(["restore", str(kept), "--json"]) == 0
    restored = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(restored["tenants"]) == {"hoa_sen", "sao_mai"}
    assert restored["missing_keys"] == []
    assert run(["graph", "verify"]) == 0
    for slug in ("hoa_sen", "sao_mai"):
        assert run(["audit", "verify", "--tenant", slug]) == 0
        assert run(["profile", "export", "kh-2", "--tenant", slug]) == 0
    assert "Bình" in capsys.readouterr().out
    assert run(["restore", str(kept)]) == 1
    assert "holds tables already" in capsys.readouterr().err
    assert run(["db", "hold"]) == 0
