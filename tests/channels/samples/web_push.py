"""Web push, with a VAPID key of one's own and through PushAlert."""

import json

from channels.sandbox.web_push import keys
from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

VAPID_KEY = "Dt1CLgQlkiaA-tmCkATyKZeoF1-Gtw1-gdEP6pOCqj4"
API_KEY = "the-secret-of-a-site"
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABlv7-_a"
SUBSCRIPTION = json.dumps({"endpoint": ENDPOINT, "expirationTime": None, "keys": keys()})
VAPID = Sample(
    channel=Channel.WEB_PUSH,
    provider="vapid",
    settings={
        "vapid_private_key": VAPID_KEY,
        "subject": "mailto:web@leo.example",
        "base_url": "http://127.0.0.1:{http_port}/push",
        "webhook_secret": WEBHOOK_SECRET,
    },
    secrets=(VAPID_KEY, WEBHOOK_SECRET),
    content={"address": SUBSCRIPTION, "subject": "Ưu đãi mùa thu"},
    arrives_at=ENDPOINT,
)
PUSHALERT = Sample(
    channel=Channel.WEB_PUSH,
    provider="pushalert",
    settings={
        "api_key": API_KEY,
        "base_url": "http://127.0.0.1:{http_port}/pushalert",
        "link": "https://leo.example/tin",
        "webhook_secret": WEBHOOK_SECRET,
    },
    secrets=(API_KEY, WEBHOOK_SECRET),
    content={"address": "S3a9f0c1", "subject": "Ưu đãi mùa thu"},
)
