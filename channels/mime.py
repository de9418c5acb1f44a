"""Writing a mail, purely: the same arguments give the same bytes, and every line obeys RFC 5322.

Written by hand because the standard library draws a random boundary and takes about ten times as long; the tests read
every mail back with the standard library's parser.
"""

import base64
import re
from collections.abc import Mapping, Sequence

CRLF = "\r\n"
# RFC 2047: an encoded word has at most 75 characters, 12 of them for its frame; 60 of base64 carry 45 bytes.
WORD_OCTETS = 45
# Header lines are not folded here, so a longer text (998 are allowed) is written as encoded words.
PLAIN_HEADER = 200
# One boundary for all mails, checked against the content: "=_" occurs in no base64 or quoted-printable text, and a
# parser that caches its expressions by boundary (Python's does) reads a mail in half the time.
BOUNDARY = "=_LEO_Activation"
PLAIN_BODY = re.compile(r"[\t\n\x20-\x7e]*")


def header(name: str, value: str) -> str:
    """Give one header line, unfolded, or folded between encoded words."""
    return f"{name}: {encoded(value)}{CRLF}"


def encoded(text: str) -> str:
    """Give the text as it is if it is ASCII, otherwise as RFC 2047 encoded words."""
    if text.isascii() and text.isprintable() and "=?" not in text and len(text) <= PLAIN_HEADER:
        return text
    words = (base64.b64encode(piece).decode() for piece in _pieces(text))
    return f"{CRLF} ".join(f"=?utf-8?B?{word}?=" for word in words)


def mailbox(name: str, address: str) -> str:
    """Give `name <address>` for a header; the address is ASCII and already checked."""
    if not name:
        return address
    if name.isascii() and name.isprintable() and "=?" not in name and len(name) <= PLAIN_HEADER:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encoded(name)}{CRLF} <{address}>"


def compose(headers: Sequence[str], *, text: str | None, html: str | None) -> bytes:
    """Join written header lines and the bodies; text comes before HTML, the richest last (RFC 2046)."""
    bodies = [(kind, body) for kind, body in (("plain", text), ("html", html)) if body is not None]
    parts = [_part(kind, body) for kind, body in bodies]
    start = "".join(headers) + f"MIME-Version: 1.0{CRLF}"
    if len(parts) == 1:
        return (start + parts[0]).encode("ascii")
    kind = f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"{CRLF}{CRLF}'
    joined = "".join(f"--{BOUNDARY}{CRLF}{part}" for part in parts)
    return f"{start}{kind}{joined}--{BOUNDARY}--{CRLF}".encode("ascii")


def _part(kind: str, body: str) -> str:
    lines = body.replace(CRLF, "\n").replace("\r", "\n").removesuffix("\n")
    is_plain = PLAIN_BODY.fullmatch(lines) is not None and max(map(len, lines.split("\n"))) <= PLAIN_HEADER
    if is_plain and BOUNDARY not in lines:
        return _headers(kind, "7bit") + lines.replace("\n", CRLF) + CRLF
    content = base64.encodebytes(lines.replace("\n", CRLF).encode("utf-8", "replace")).decode("ascii")
    return _headers(kind, "base64") + content.replace("\n", CRLF)


def _headers(kind: str, encoding: str) -> str:
    values: Mapping[str, str] = {
        "Content-Type": f'text/{kind}; charset="utf-8"',
        "Content-Transfer-Encoding": encoding,
    }
    return "".join(f"{name}: {value}{CRLF}" for name, value in values.items()) + CRLF


def _pieces(text: str) -> list[bytes]:
    """Cut between characters, because each encoded word must decode by itself."""
    pieces = [b""]
    for letter in text:
        octets = letter.encode("utf-8", "replace")
        if len(pieces[-1]) + len(octets) > WORD_OCTETS:
            pieces.append(b"")
        pieces[-1] += octets
    return pieces
