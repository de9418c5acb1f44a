"""Settings: read from LEO_ variables, frozen, and wrong ones told in one sentence without their value."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.settings import Settings, unknown_variables
from rules.errors import Misconfigured


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LEO_DATABASE_URL", "mysql://app:hush@host/leo"),
        ("LEO_DATABASE_URL", "postgresql://app:hush@host:port/leo"),
        ("LEO_REDIS_URL", "http://:hush@host"),
        ("LEO_API_PORT", "hush"),
        ("LEO_API_PORT", "65536"),
        ("LEO_LOG_LEVEL", "hush"),
        ("LEO_DATABASE_STATEMENT_TIMEOUT_S", "-1"),
        ("LEO_GEMINI_URL", "hush"),
        ("LEO_MODEL_URL", "ftp://hush"),
        ("LEO_GEMINI_API_KEY", "hush\nhush"),
        ("LEO_GEMINI_MODEL", "models/hush"),
        ("LEO_PUBLIC_URL", "hush.example"),
        ("LEO_TRUSTED_PROXIES", "10.0.0.7 hush"),
        ("LEO_TRUSTED_PROXIES", "10.0.0.7/8,127.0.0.1"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_kept_quiet(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=name) as caught:
        Settings.load()
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_admin_url_alone_is_a_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEO_DATABASE_URL", raising=False)
    with pytest.raises(Misconfigured, match="LEO_DATABASE_URL, the same server as leo_app, is not"):
        Settings.load(admin_database_url="postgresql://postgres@host/leo")


def test_home_is_absolute_whatever_directory_comes_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEO_HOME", raising=False)
    assert Settings.load().home == tmp_path / ".leo"


def test_settings_pass_through_the_environment_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Settings.load(database_url="postgresql://leo_app:p%40ss@host/leo", api_port=1234, log_level="DEBUG")
    for name, value in before.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == before


def test_proxies_are_addresses_and_networks_and_links_have_one_slash() -> None:
    settings = Settings.load(trusted_proxies="127.0.0.1, 10.1.0.0/16,::1", public_url="https://leo.example/")
    assert settings.trusted_proxies == "127.0.0.1, 10.1.0.0/16,::1"
    assert settings.public_url == "https://leo.example"


def test_settings_are_frozen_and_hide_secrets() -> None:
    settings = Settings.load(platform_key="hush")
    assert "hush" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.api_port = 1  # type: ignore[misc]


def test_a_misspelt_variable_is_found() -> None:
    given = {"LEO_DATABSE_URL": "x", "LEO_HOME": "y", "PATH": "z", "LEO_ZZZZZZ": "w"}
    assert unknown_variables(given) == {"LEO_DATABSE_URL": "LEO_DATABASE_URL", "LEO_ZZZZZZ": None}
