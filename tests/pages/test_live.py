"""Whoever posts what the pages give to a LEO that runs gets an answer that is none of an error."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from api.work import PLATFORM_HEADER
from engine.embedded.home import Home
from tests.pages.context import Context
from tests.pages.reading import shell_commands
from tests.pages.site import Site, cloned, running, type_on

# The private key of RFC 8292's example, and a public one of SendGrid's kind: what stands in for "...".
VAPID = "TGZWxIdsFAlnCRCD8vzJMaAA9xnKo5qWwWrkHRNhk6w"
SENDGRID = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4C"
    "wrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPTnlvFYPAZFceEu/1FwCM/QmGUhA=="
)
GOOGLE_S = '{"type": "service_account", "project_id": "...", "...": "..."}'
SERVICE_ACCOUNT = json.dumps(
    {
        "type": "service_account",
        "project_id": "hoa-sen",
        "client_email": "leo@hoa-sen.example",
        "private_key_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    }
)
SCOPES = ["read", "write", "activate", "admin"]
API, SANDBOX, TELEGRAM = "http://127.0.0.1:8765", "http://127.0.0.1:8780", "https://api.telegram.org"
# A mail that comes back about nothing of ours: it is read, and believed in nothing.
MAIL = "From: mailer-daemon@relay.example\nTo: bounce@shop.example\nSubject: Undelivered\n\nNobody lives here.\n"
# One tenant, and a relay of its own that signs what it tells.
RELAY = """
leo sources add sandbox --key cdp
export SECRET=a-secret-of-the-relay
KEY=$(curl -sS $API/channels -H "Authorization: Bearer $OWNER" -H 'Content-Type: application/json' -d '{
  "kind": "email", "name": "E-mail",
  "settings": {"host": "smtp.example", "sender": "a@b.example", "webhook_secret": "a-secret-of-the-relay"}}' |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["webhook"].rsplit("/", 1)[1])')
"""
# Who is to have an inbox has an address of the channel.
VISITOR = """
curl -sS $API/profiles -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -d '{
  "ext_id": "kh-1", "addresses": [{"channel": "chat", "value": "kh-1"}]}'
"""
ZALO = Context(
    elsewhere={"leo channels zalo-connect": "Zalo is asked: tests/engine/test_consents.py asks its emulator"}
)
ALONE: dict[str, Context] = {
    "docs/outcomes.md": Context(
        fill={"7101": "SELECT min(callback_id) FROM callback", "<64 hex digits>": "0" * 64},
        files={"mail.eml": MAIL, "token": "an-observer-token"},
        before={"": RELAY},
    ),
}
PAGES: dict[str, Context] = {
    "docs/api.md": Context(
        fill={
            "KEY=leo_...": "KEY=$KEY",
            "2369": "SELECT max(template_id) FROM message_template",
            "2371": "SELECT max(campaign_id) FROM campaign",
        },
        prints={"leo_api $API/trace": "mai"},
    ),
    "docs/channels/app-push.md": Context(fill={GOOGLE_S: SERVICE_ACCOUNT}),
    "docs/channels/app-push.vi.md": Context(fill={GOOGLE_S: SERVICE_ACCOUNT}),
    "docs/channels/chat.md": Context(
        fill={"<openssl rand -hex 32>": "0123456789abcdef" * 4, "101": "SELECT max(channel_id) FROM channel"},
        before={"curl -X POST $API/channels/101": VISITOR},
        prints={"curl -X POST $API/channels/101": "token"},
    ),
    "docs/channels/chat.vi.md": Context(fill={"<openssl rand -hex 32>": "0123456789abcdef" * 4}),
    "docs/channels/email.md": Context(fill={"MFkw...": SENDGRID}),
    "docs/channels/email.vi.md": Context(fill={"MFkw...": SENDGRID}),
    "docs/channels/facebook.md": Context(fill={'"page_id": "..."': '"page_id": "100200300"'}),
    "docs/channels/facebook.vi.md": Context(fill={'"page_id": "..."': '"page_id": "100200300"'}),
    "docs/channels/telegram.md": Context(
        before={'curl "https://api.telegram.org': f"TOKEN=123456:{'A' * 35}"},
        prints={'curl "https://api.telegram.org': "Webhook was set"},
    ),
    "docs/channels/telegram.vi.md": Context(),
    "docs/channels/web-push.md": Context(fill={'"vapid_private_key": "..."': f'"vapid_private_key": "{VAPID}"'}),
    "docs/channels/web-push.vi.md": Context(fill={'"vapid_private_key": "..."': f'"vapid_private_key": "{VAPID}"'}),
    "docs/channels/zalo-oa.md": ZALO,
    "docs/channels/zalo-oa.vi.md": ZALO,
    "docs/channels/zalo-template.md": Context(),
    "docs/channels/zalo-template.vi.md": Context(),
    "docs/explorer.md": Context(),
    "docs/metrics.md": Context(prints={"curl": "leo_"}),
}


@dataclass(frozen=True, slots=True)
class Live:
    site: Site
    address: str


@pytest.fixture(scope="module")
def live(seeded: Site) -> Iterator[Live]:
    with cloned(seeded) as site, running(site) as address:
        yield Live(site, address)


def given(site: Site, address: str, page: str) -> dict[str, str]:
    """A tenant for this page alone, its key, and where the API is, under the names the pages use."""
    slug = re.sub(r"\W", "_", page.removeprefix("docs/").removesuffix(".md"))
    owner = {PLATFORM_HEADER: site.servers.secrets.platform_key}
    with httpx.Client(base_url=address, headers=owner, timeout=30) as platform:
        made = platform.post("/tenants", json={"slug": slug, "name": page})
        key = platform.post(f"/tenants/{slug}/keys", json={"name": "pages", "scopes": SCOPES})
    assert made.is_success, made.text
    assert key.is_success, key.text
    return {"KEY": key.json()["secret"], "API": address}


def context_of(page: str, live: Live) -> Context:
    """Give the page's context where API and sandbox may have had to take other ports; the sandbox is Telegram too."""
    context, text = PAGES[page], "".join(command.text for command in shell_commands(page))
    sandbox = f"http://127.0.0.1:{Home(live.site.home).port('sandbox_http_port')}"
    here = {API: live.address, SANDBOX: sandbox, TELEGRAM: sandbox}
    return replace(context, fill={**context.fill, **{name: at for name, at in here.items() if name in text}})


@pytest.mark.parametrize("page", PAGES)
def test_what_is_posted_is_taken(page: str, live: Live, tmp_path: Path) -> None:
    variables = given(live.site, live.address, page)
    commands = shell_commands(page)
    assert type_on(live.site, tmp_path / "here", commands, context_of(page, live), **variables) == []


@pytest.mark.parametrize("page", ALONE)
def test_commands_and_calls_of_one_tenant_are_taken(page: str, seeded: Site, tmp_path: Path) -> None:
    with cloned(seeded) as site, running(site) as address:
        commands = shell_commands(page)
        assert type_on(site, tmp_path / "here", commands, ALONE[page], API=address, OWNER=site.key) == []
