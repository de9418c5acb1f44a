"""E-mail through SendGrid."""

from rules.words import Channel
from tests.channels.samples.sample import HTML, WEBHOOK_SECRET, Sample

API_KEY = "SG.the-secret-of-an-account"
SENDGRID = Sample(
    channel=Channel.EMAIL,
    provider="sendgrid",
    settings={
        "api_key": API_KEY,
        "base_url": "http://127.0.0.1:{http_port}",
        "sender": "Cửa hàng Ánh Dương <no-reply@leo.example>",
        "webhook_secret": WEBHOOK_SECRET,
    },
    secrets=(API_KEY, WEBHOOK_SECRET),
    content={
        "address": "anh.nguyen@example.com",
        "subject": "Ưu đãi mùa thu cho Ánh",
        "html": HTML,
        "unsubscribe_url": "https://leo.example/u/t0ken",
    },
)
