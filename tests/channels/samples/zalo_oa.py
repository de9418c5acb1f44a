"""Zalo's consultation messages."""

from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

ACCESS_TOKEN = "zalo-access-token-of-the-account"
APP_SECRET = "zalo-secret-of-the-app"
REFRESH_TOKEN = "zalo-refresh-token-of-the-account"
USER_ID = "2512523625412515"
ZALO_OA = Sample(
    channel=Channel.ZALO_OA,
    provider="oa",
    settings={
        "access_token": ACCESS_TOKEN,
        "base_url": "http://127.0.0.1:{http_port}",
        "webhook_secret": WEBHOOK_SECRET,
    },
    more={"app_id": "1234567890", "app_secret": APP_SECRET, "refresh_token": REFRESH_TOKEN, "proof": True},
    secrets=(ACCESS_TOKEN, WEBHOOK_SECRET, APP_SECRET, REFRESH_TOKEN),
    content={"address": USER_ID},
)
