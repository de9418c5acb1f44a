"""Asking ArangoDB: the fixed queries of aql/, through python-arango; its faults are told once and outlived.

A fault is one log line and another try, later each time; what no retry can heal is Misconfigured at once. Every answer
is JSON in composed form (NFC), and what is read of it holds no NUL and no half of a character: PostgreSQL can store it.
"""

import asyncio
import logging
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, cast

from arango.client import ArangoClient
from arango.cursor import Cursor
from arango.exceptions import ArangoServerError
from arango.http import DefaultHTTPClient
from arango.response import Response

from engine.ingest import unread
from engine.ingest.unread import Unread
from engine.pause import uncollected
from rules.errors import LeoError, Misconfigured, Unavailable

TRIES = 6
BACKOFF_S = 0.5
TIMEOUT_S = 30.0
# The most documents that one answer carries: of more the cursor brings the rest.
BATCH = 5_000

_UNAVAILABLE = 503
_CURSOR_GONE = 1600
_NO_COLLECTION = 1203
_NO_DATABASE = 1228
_REFUSED = frozenset({401, 403})
_BUSY = frozenset({408, 410, 429, 500, 502, 503, 504})
# What ASCII and U+00C0 to U+01BF begin with in UTF-8, and what every character beyond ASCII goes on with.
_NEAR, _GOES_ON = bytes((*range(0x80), *range(0xC3, 0xC7))), bytes(range(0x80, 0xC0))
log = logging.getLogger(__name__)


class _Broken(Exception):
    """An answer that is none, and how, after the server's name. No ValueError: python-arango would swallow that."""


class _Http(DefaultHTTPClient):
    """Looks for no proxy, no netrc and no certificates in the environment: a source says itself how it is reached."""

    def create_session(self, host: str) -> Any:
        session = super().create_session(host)
        session.trust_env = False
        return session

    def send_request(
        self,
        session: Any,
        method: str,
        url: str,
        headers: Any = None,
        params: Any = None,
        data: Any = None,
        auth: Any = None,
    ) -> Response:
        """Give the answer as bytes: its JSON is read from them without making a text and bytes of that again."""
        given = {"headers": headers, "params": params, "data": data, "auth": auth}
        answer = session.request(method=method, url=url, timeout=self.request_timeout, **given)
        return Response(method, answer.url, answer.headers, answer.status_code, answer.reason, answer.content)


class Arango:
    """One database of an ArangoDB. `mended` counts the texts that had to be changed before they could be stored."""

    def __init__(
        self,
        url: str,
        *,
        database: str,
        username: str,
        password: str,
        timeout_s: float = TIMEOUT_S,
        backoff_s: float = BACKOFF_S,
        tries: int = TRIES,
        ca_file: str | None = None,
    ) -> None:
        self.mended = 0
        self._place = f"{url.rstrip('/')}/_db/{database}"
        self._url, self._database, self._username = url, database, username
        self._timeout_s, self._backoff_s, self._tries = timeout_s, backoff_s, tries
        self._client = ArangoClient(
            hosts=url,
            http_client=_Http(request_timeout=timeout_s, retry_attempts=0, pool_maxsize=4),
            verify_override=ca_file,
            resolver_max_tries=1,
            # Of bytes, which our own client gives it, not of text.
            deserializer=cast("Any", self._read),
        )
        self._db = self._client.db(database, username=username, password=password, verify=False)

    async def ask(self, name: str, **values: Any) -> list[Any]:
        """Give what the query aql/<name>.aql answers; a value "@people" is named `at_people`.

        Raises Misconfigured where the server refuses us or has no such database, Unavailable after the last try.
        """
        # An answer of 20,000 keys takes 15 ms to read, in which a loop would serve nobody else.
        return await asyncio.to_thread(self._read_all, await self.ask_unread(name, **values))

    async def ask_unread(self, name: str, **values: Any) -> list[Unread]:
        """The same, each item of the answer not read yet."""
        bound = {f"@{key[3:]}" if key.startswith("at_") else key: value for key, value in values.items()}
        for tried in range(1, self._tries + 1):
            try:
                # The socket's timeout is for each read; this one is for an answer that drips.
                async with asyncio.timeout(self._timeout_s * 2):
                    return await asyncio.to_thread(self._ask, name, bound)
            except (ArangoServerError, OSError, _Broken, TypeError, KeyError) as error:
                fault = self._translated(error, name)
                if tried == self._tries or not fault.retryable:
                    raise fault from error
                wait_s = self._backoff_s * 2 ** (tried - 1)
                log.warning("%s Asking again in %g s (%d of %d).", fault.message, wait_s, tried, self._tries - 1)
                await asyncio.sleep(wait_s)
        raise AssertionError

    def read(self, one: Unread) -> Any:
        """Read an item of an answer; raises Unavailable where it is no JSON."""
        try:
            mended = unread.read(one)
        except ValueError as error:
            raise self._fault("gave a document that is no JSON") from error
        self.mended += mended.texts
        return mended.value

    def _read_all(self, found: Sequence[Unread]) -> list[Any]:
        with uncollected():
            return [self.read(one) for one in found]

    def close(self) -> None:
        self._client.close()

    def _ask(self, name: str, bound: Mapping[str, Any]) -> list[Unread]:
        cursor = cast("Cursor", self._db.aql.execute(query(name), bind_vars=dict(bound), batch_size=BATCH))
        try:
            found = list(cursor.batch() or ())
            while cursor.has_more():
                found.extend(cursor.fetch()["batch"])
        except BaseException:
            _close(cursor)
            raise
        return found

    def _read(self, body: bytes) -> Any:
        if not body.isascii() and not _is_vietnamese(body):
            text = body.decode(errors="replace")
            if not unicodedata.is_normalized("NFC", text):
                body = unicodedata.normalize("NFC", text).encode()
        try:
            with uncollected():
                value = unread.open_answer(body)
        except ValueError as error:
            if body.lstrip().startswith(b"{"):
                raise _Broken("broke its answer off in the middle") from error
            return body.decode(errors="replace")  # a proxy's page: the status says what it is
        if isinstance(value, dict) and value.get("errorNum") == _UNAVAILABLE:
            # python-arango takes this one for a lost connection, and would not say which it was.
            raise _Broken(f"answered {_UNAVAILABLE}")
        return value

    def _translated(self, error: Exception, name: str) -> LeoError:
        if isinstance(error, ArangoServerError):
            return self._answered(error, name)
        if isinstance(error, TimeoutError):
            return self._fault(f"did not answer in time ({name})")
        if isinstance(error, _Broken):
            return self._fault(f"{error} ({name})")
        if isinstance(error, OSError):
            # Those of requests, which python-arango lets through: subclasses of OSError, told apart by their names.
            if type(error).__name__ == "ChunkedEncodingError":
                return self._fault(f"broke its answer off in the middle ({name})")
            timed_out = "Timeout" in type(error).__name__
            return self._fault(f"did not answer in time ({name})" if timed_out else "cannot be reached")
        return Misconfigured(
            f"What answers at {self._url} is no ArangoDB.", remedy="Give the right URL, under the same key."
        )

    def _answered(self, error: ArangoServerError, name: str) -> LeoError:
        if error.error_code == _CURSOR_GONE:
            return self._fault(f"had dropped the cursor ({name})")
        if error.http_code in _REFUSED:
            return Misconfigured(
                f"ArangoDB at {self._place} refuses the user {self._username!r} with this password.",
                remedy="Give the right one: leo sources add arango --key ... with the same key.",
            )
        if error.error_code == _NO_DATABASE:
            return Misconfigured(
                f"ArangoDB at {self._url} has no database {self._database!r}.",
                remedy="Give the right one with --database, under the same key.",
            )
        if error.error_code == _NO_COLLECTION:
            return Misconfigured(
                f"ArangoDB at {self._place} misses a collection that {name} reads: {error.error_message}.",
                remedy="Name the right one in the field map, or false where there is none.",
            )
        if error.http_code in _BUSY:
            return self._fault(f"answered {error.http_code} ({name})")
        return Misconfigured(
            f"ArangoDB at {self._place} does not take {name}: {error.http_code}, {error.error_message}.",
            remedy="It has to be 3.11 or later; check the field map's names of fields.",
        )

    def _fault(self, what: str) -> Unavailable:
        return Unavailable(f"ArangoDB at {self._place} {what}.", remedy="See that it runs, and where: the URL.")


def _is_vietnamese(body: bytes) -> bool:
    """Tell whether a UTF-8 text is of ASCII, U+00C0 to U+01BF and U+1E80 to U+1EFF alone, which are all composed (NFC).

    A fifth of what it takes to decode it and to ask of each character; of other texts nothing is said.
    """
    beyond = body.translate(None, _NEAR)
    for begin in (b"\xe1\xba", b"\xe1\xbb"):
        beyond = beyond.replace(begin, b"")
    return not beyond.translate(None, _GOES_ON)


def _close(cursor: Cursor) -> None:
    """Free what the server keeps for an answer nobody waits for any more; it does so itself after half a minute."""
    try:
        cursor.close(ignore_missing=True)
    except (ArangoServerError, OSError, _Broken):
        log.debug("A cursor could not be closed.")


@cache
def query(name: str) -> str:
    """Give the text of aql/<name>.aql."""
    return files("engine.ingest").joinpath("aql", f"{name}.aql").read_text(encoding="utf-8")
