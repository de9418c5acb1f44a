"""Messages of a Facebook Page."""

from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

PAGE_ID = "104500000000001"
PSID = "6001234567890123"
PAGE_TOKEN = "EAAB-token-of-the-page"
FACEBOOK_SECRET = "facebook-secret-of-the-app"
USER_TOKEN = "EAAB-token-of-the-administrator"
FACEBOOK = Sample(
    channel=Channel.FACEBOOK,
    provider="page",
    settings={
        "page_id": PAGE_ID,
        "access_token": PAGE_TOKEN,
        "base_url": "http://127.0.0.1:{http_port}",
        "webhook_secret": WEBHOOK_SECRET,
    },
    more={"app_id": "1234567890", "app_secret": FACEBOOK_SECRET, "user_token": USER_TOKEN, "verify_token": "let-me-in"},
    secrets=(PAGE_TOKEN, WEBHOOK_SECRET, FACEBOOK_SECRET, USER_TOKEN, "let-me-in"),
    content={"address": PSID},
)
