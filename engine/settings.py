"""Every setting of LEO Activation, read once from the environment (`LEO_` and the name below).

Nothing else in the project reads the environment for a setting; a command builds one `Settings` and passes it down.
`.env` files are not read: what holds is what `env` prints.
"""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rules.errors import Misconfigured

PREFIX = "LEO_"
POSTGRES_SCHEMES = ("postgresql", "postgres")
REDIS_SCHEMES = ("redis", "rediss", "unix")

Port = Annotated[int, Field(ge=0, le=65535)]
Quota = Annotated[int, Field(ge=0, le=10_000_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseSettings):
    """All settings; frozen. Durations end in `_s` and are seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(default=Path(".leo"), validate_default=True)
    """Where embedded servers, logs, run files and generated secrets are; relative to the current directory."""
    database_url: SecretStr | None = None
    """Your own PostgreSQL 16+ with AGE and pgvector, as the role `leo_app`; then nothing is embedded."""
    admin_database_url: SecretStr | None = None
    """The same server as a superuser, for `leo db bootstrap` and `upgrade`; `database_url` if absent."""
    database_pooler: Literal["none", "transaction"] = "none"
    """What stands in front of the database: `transaction` is PgBouncer in that mode, whose sessions keep nothing."""
    replica_url: SecretStr | None = None
    """A streaming replica that pages, traces and the explorer read from; the primary if absent or too late."""
    replica_lag_s: Seconds = 5.0
    """How late the replica may be and still be read from."""
    redis_url: SecretStr | None = None
    """Your own Redis 6.2+; then none is embedded."""

    platform_key: SecretStr | None = None
    """The key that may create tenants; generated below `home` if absent."""
    webhook_secret: SecretStr | None = None
    """Signs the sandbox's callbacks; generated below `home` if absent."""
    credential_key: SecretStr | None = None
    """Encrypts provider credentials at rest (32 bytes, URL-safe base64); generated below `home` if absent.

    While the key is being changed, several separated by commas: the first encrypts, all of them decrypt.
    """

    api_host: str = "127.0.0.1"
    api_port: Port = 0
    """0: 8765 if it is free, otherwise another port that this LEO_HOME keeps; likewise the next two (8725, 8780)."""
    drain_s: Annotated[float, Field(ge=0, le=600)] = 1.0
    """How long an API that is told to end says so at /readyz while it still answers everything."""
    public_url: str | None = None
    """Where people reach the API from outside, for unsubscribe links and webhooks; the API's own address if absent."""
    allowed_hosts: str | None = None
    """What channels may call inside our own network, comma-separated: mail.inside:25, 10.20.0.0/16.

    Otherwise they reach only the Internet; the sandbox of this installation can always be called.
    """
    sandbox_smtp_port: Port = 0
    sandbox_http_port: Port = 0

    model_url: str | None = None
    """Where `leo model` serves FunctionGemma, such as http://127.0.0.1:8790; without it that arbiter does not exist."""
    model_token: SecretStr | None = None
    """The token that `leo model` demands; derived from the credential key if absent."""
    model_host: str = "127.0.0.1"
    model_port: Port = 8790
    functiongemma_model: Path | None = None
    """The GGUF file that `leo model` loads."""
    model_threads: Annotated[int, Field(ge=1, le=256)] | None = None
    """How many threads it computes with; one per core if absent."""
    gemini_api_key: SecretStr | None = None
    """The key of the Gemini API; without it that arbiter does not exist."""
    gemini_model: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")] = "gemini-3.5-flash-lite"
    """2.5-flash-lite is open only to accounts that used it before; this one is named as what follows it."""
    gemini_url: str | None = None
    """Another address of the Gemini API, such as a proxy's; Google's own if absent."""
    model_at_once: Annotated[int, Field(ge=1, le=256)] = 4
    """How many questions one process asks one model at the same time."""
    embedding_model: Annotated[str, Field(pattern=r"^[\w.-]{1,100}$")] | None = None
    """The Gemini model that embeds templates and tasks, such as gemini-embedding-001; local embeddings if absent."""
    rate_per_key: Quota = 120_000
    """Requests a minute with one API key, over all processes; 0: no limit. The other three likewise."""
    rate_per_address: Quota = 6_000
    """Requests a minute from one address to what needs no key: callbacks, links in messages, a site's inbox."""
    rate_refused: Quota = 120
    """Refused credentials a minute from one address; beyond it not even the platform's key is looked at."""
    rate_replies: Quota = 20
    """Replies a minute from one visitor of a web site."""
    trusted_proxies: str = "127.0.0.1"
    """Proxies before the API whose X-Forwarded-For and -Proto are believed: addresses and networks, with commas."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    trace_url: str | None = None
    """Where traces go, over OTLP and HTTP, such as http://127.0.0.1:4318; nothing is traced if absent."""
    trace_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of the traces beginning here that are taken."""
    metrics_port: Annotated[int, Field(ge=1, le=65534)] | None = None
    """Where the realtime worker serves its own metrics, and the bulk worker one port higher; nowhere if absent."""
    metrics_host: str = "127.0.0.1"
    metrics_token: SecretStr | None = None
    """What a reader of /metrics has to send; without it they are served to this machine only."""

    database_connect_timeout_s: Seconds = 5.0
    database_statement_timeout_s: Seconds = 60.0
    database_pool_min: Annotated[int, Field(ge=0, le=100)] = 1
    database_pool_max: Annotated[int, Field(ge=1, le=1000)] = 10
    server_start_timeout_s: Seconds = 60.0

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 - resolve() would follow a link the user chose

    @field_validator("database_url", "admin_database_url", "replica_url")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _checked(value, schemes=POSTGRES_SCHEMES, example="postgresql://leo_app:secret@host:5432/leo")

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        return _checked(value, schemes=REDIS_SCHEMES, example="redis://:secret@host:6379/0")

    @field_validator("model_url", "gemini_url", "trace_url")
    @classmethod
    def _http_url(cls, value: str | None) -> str | None:
        if value is not None and not _is_http(value):
            raise ValueError("a URL such as http://127.0.0.1:8790")
        return value

    @field_validator("public_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        """Refuse what would make every link in every message lead nowhere; paths are put behind it."""
        if value is not None and not _is_http(value):
            raise ValueError("a URL with http:// or https://, such as https://leo.example")
        return value and value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: str) -> str:
        """Refuse what the HTTP server would take for a name that no proxy has, and say nothing."""
        for one in value.split(","):
            if one.strip() != "*" and not _is_place(one.strip()):
                raise ValueError("addresses and networks with commas between, such as 10.0.0.7, 10.1.0.0/16")
        return value

    @field_validator("gemini_api_key", "model_token", "metrics_token")
    @classmethod
    def _header(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what no HTTP header may contain: the library would quote it in its error."""
        if value is not None and not re.fullmatch(r"[\x20-\x7e]+", value.get_secret_value()):
            raise ValueError("a key on one line, of plain characters")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _admin_goes_with_database(self) -> Self:
        if self.admin_database_url is not None and self.database_url is None:
            raise ValueError("LEO_ADMIN_DATABASE_URL is set but LEO_DATABASE_URL, the same server as leo_app, is not")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Build from the environment, `overrides` first; raises Misconfigured naming the variable, never its value."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            reason = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
            if not first["loc"]:  # each setting is valid, but they do not fit each other
                raise Misconfigured(f"{reason}.", remedy="Set both or neither.") from error
            name = PREFIX + str(first["loc"][0]).upper()
            raise Misconfigured(
                f"The setting {name} is wrong: it should be {reason.partition(', unable')[0]}.",
                remedy=f"Correct {name} in the environment or unset it to use its default.",
            ) from error

    def environment(self) -> dict[str, str]:
        """Give the settings as environment variables for a process we start, with secrets in plain text."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {PREFIX + name.upper(): _text(value) for name, value in values if value is not None}


def _checked(value: SecretStr | None, *, schemes: tuple[str, ...], example: str) -> SecretStr | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value.get_secret_value())
        port = parts.port  # raises where it is no number
    except ValueError:
        raise ValueError(f"a URL such as {example}") from None
    if parts.scheme not in schemes or port == 0:
        raise ValueError(f"a URL such as {example}")
    return value


def _is_http(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_place(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def unknown_variables(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """LEO_ variables that no setting reads, each with the closest existing one; otherwise a typo would go unnoticed."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    given = sorted(name for name in (os.environ if environment is None else environment) if name.startswith(PREFIX))
    return {name: next(iter(difflib.get_close_matches(name, known, n=1)), None) for name in given if name not in known}
