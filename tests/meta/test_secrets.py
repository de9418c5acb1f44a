"""No credential stands in the repository: shapes of providers' keys, and what is too random beside a telling name."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from tests.meta.tree import files, text

# Shapes that providers give their credentials, so that a scanner can find them. Split, or this file would be found.
SHAPES: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE" + r" KEY-----\s*\n?[A-Za-z0-9+/=\s]{64,}"),
    "an API key of ours": re.compile(r"\bleo_[0-9a-f]{8}_[A-Za-z0-9_-]{43}\b"),
    "AWS": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "Google": re.compile(r"\bAIza[0-9A-Za-z_-]{35}\b"),
    "GitHub": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,})\b"),
    "Slack": re.compile(r"\bxox[abpr]-[0-9A-Za-z-]{20,}"),
    "SendGrid": re.compile(r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b"),
    "Stripe": re.compile(r"\b[sr]k_live_[0-9A-Za-z]{20,}\b"),
    "Telegram": re.compile(r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}\b"),
    "Facebook": re.compile(r"\bEAA[0-9A-Za-z]{60,}\b"),
    "a JSON web token": re.compile(r"\beyJ[0-9A-Za-z_-]{20,}\.eyJ[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"),
    "a password in a URL": re.compile(
        r"\b(?:postgres(?:ql)?|rediss?|https?|amqp|mongodb)://[^\s/:@'\"{}<>$]+:([^\s/@'\"{}<>$]{6,})@"
    ),
}
# A name that tells, an equals sign or a colon, and a value in quotes.
NAMED = re.compile(
    r"""(?i)["']?[\w-]*(?:secret|token|passw(?:or)?d|api_?key|private_?key|credential)[\w-]*["']?\s*[:=]\s*["']([A-Za-z0-9+/_=-]{20,})["']"""
)
# Bits a letter: 32 hex digits have up to 4, words of a language about 3.5 over so few letters.
RANDOM_BITS = 3.9
# What looks like one and opens nothing, and why.
KNOWN: Mapping[str, str] = {
    "tests/engine/test_db.py": "a password that must not come up in an error",
    "tests/engine/test_settings.py": "a password with signs that a URL has to quote",
}
# Passwords of examples.
WORDS = frozenset({"secret", "password"})
# Hashes of packages, and what is no text.
SKIPPED = ("uv.lock", "package-lock.json", ".png", ".gz")


def bits(value: str) -> float:
    """Shannon's entropy of a text, in bits a letter."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


def found(content: str) -> Iterator[str]:
    for kind, shape in SHAPES.items():
        yield from (
            f"{kind}: {match[0][:24]}" for match in shape.finditer(content) if match[match.re.groups] not in WORDS
        )
    yield from (f"random: {match[1][:24]}" for match in NAMED.finditer(content) if bits(match[1]) >= RANDOM_BITS)


def test_no_credential_stands_in_the_repository() -> None:
    hits = {name: list(found(text(name))) for name in files() if not name.endswith(SKIPPED)}
    assert {name: told for name, told in hits.items() if told and name not in KNOWN} == {}
    assert {name for name in KNOWN if hits[name]} == KNOWN.keys(), "an exception that nothing needs any more"


RANDOM = "q7Zt1Xw9Rk3Lp5Vb2Nm8Jd4Hf6Gs0Yc_aUeTiOoWlQx"
EXAMPLES: Mapping[str, str] = {
    "a private key": f"-----BEGIN PRIVATE{' '}KEY-----\n{RANDOM.replace('_', '/') * 2}\n",
    "an API key of ours": f"leo_0a1b2c3d_{RANDOM}",
    "AWS": "AKIA" + "IOSFODNN7EXAMPLE",
    "Google": "AIza" + RANDOM[:35],
    "GitHub": "ghp_" + RANDOM.replace("_", "")[:36],
    "Slack": "xoxb-" + RANDOM.replace("_", "-"),
    "SendGrid": f"SG.{RANDOM[:22]}.{RANDOM}",
    "Stripe": "sk_live_" + RANDOM.replace("_", ""),
    "Telegram": f"123456789:AA{RANDOM[:33]}",
    "Facebook": "EAA" + RANDOM.replace("_", "") * 2,
    "a JSON web token": f"eyJ{RANDOM}.eyJ{RANDOM}.{RANDOM}",
    "a password in a URL": f"postgresql://leo_app:{RANDOM[:12]}@db.example/leo",
    "random": f'webhook_secret = "{RANDOM}"',
}


@pytest.mark.parametrize("kind", [*SHAPES, "random"])
def test_a_credential_would_be_found(kind: str) -> None:
    assert any(told.startswith(kind) for told in found(f"x = {EXAMPLES[kind]}\n"))
    assert not list(found('secret = "a_visitor_key_of_a_test_is_no_secret"\npassword: str | None = None\n'))
