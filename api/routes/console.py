"""The console's files: the page for browsers that open `/`, and what it loads, under names that contain their hash.

Everything is read once and kept; a name that is not part of the build is never looked for on the disk.
"""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import MappingProxyType

from fastapi import APIRouter, Request, Response

from api.console import BUILT
from rules.errors import NotFound

router = APIRouter(include_in_schema=False)

START = "index.html"
# Shows the HTML of messages in a frame of its own, which may have inline styles but no scripts.
FRAME = "message.html"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".map": "application/json",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_FRAME_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_SMALLEST = 1_000
_NOT_BUILT = (
    "The console has not been built yet: run make console, then load this page again. "
    "/ Trang quản trị chưa được dựng: hãy chạy make console rồi tải lại trang này.\n"
)


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    packed: bytes | None
    media_type: str
    tag: str


def is_wanted(request: Request) -> bool:
    """Whether the request comes from a browser that wants a page, and not from a program that wants JSON."""
    return "text/html" in request.headers.get("Accept", "")


def start(request: Request) -> Response:
    """Give the page that everything starts from, or say that there is none."""
    file = _files(_stamp()).get(START)
    if file is None:
        headers = {"Cache-Control": "no-store", "Vary": "Accept", **_HEADERS}
        return Response(_NOT_BUILT, HTTPStatus.SERVICE_UNAVAILABLE, headers, "text/plain; charset=utf-8")
    return _answer(request, file, policy=_POLICY, keep=_ASK_AGAIN)


@router.get("/console/{name}")
async def asset(name: str, request: Request) -> Response:
    """Give one of the console's files."""
    file = _files(_stamp()).get(name)
    if file is None or name == START:
        raise NotFound(f"The console has no file {name!r}.", remedy="Load the page again: it may have been rebuilt.")
    if name == FRAME:
        return _answer(request, file, policy=_FRAME_POLICY, keep=_ASK_AGAIN)
    return _answer(request, file, policy=_POLICY, keep=_FOR_GOOD)


def _answer(request: Request, file: File, *, policy: str, keep: str) -> Response:
    headers = {
        **_HEADERS,
        "Content-Security-Policy": policy,
        "Cache-Control": keep,
        "ETag": file.tag,
        "Vary": "Accept, Accept-Encoding",
    }
    if request.headers.get("If-None-Match") == file.tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.packed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _stamp() -> int:
    """Give a stamp that changes with every build."""
    try:
        return (BUILT / START).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _files(stamp: int) -> Mapping[str, File]:
    if not stamp:
        return MappingProxyType({})
    built = (path for path in BUILT.iterdir() if path.suffix in _TYPES)
    return MappingProxyType({path.name: _file(path.read_bytes(), _TYPES[path.suffix]) for path in built})


def _file(content: bytes, media_type: str) -> File:
    packed = gzip.compress(content, mtime=0) if len(content) > _SMALLEST else None
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return File(content, packed, media_type, tag)
