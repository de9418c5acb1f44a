"""The inbox on a web site."""

from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

VISITOR_KEY = "the_key_of_an_inbox_0123456789abcdef"
INBOX = Sample(
    channel=Channel.CHAT,
    provider="inbox",
    settings={
        "visitor_key": VISITOR_KEY,
        "base_url": "http://127.0.0.1:{http_port}",
        "inbox": "site",
        "webhook_secret": WEBHOOK_SECRET,
    },
    secrets=(VISITOR_KEY, WEBHOOK_SECRET),
    content={"address": "khách-42", "subject": "Ưu đãi mùa thu"},
)
