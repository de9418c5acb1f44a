"""E-mail over SMTP."""

from channels.contract import ReceiptStatus
from rules.words import Channel
from tests.channels.samples.sample import HTML, WEBHOOK_SECRET, Sample

PASSWORD = 'p4ss"word-of-the-relay'
SMTP = Sample(
    channel=Channel.EMAIL,
    provider="smtp",
    settings={
        "host": "127.0.0.1",
        "port": "{smtp_port}",
        "tls": "none",
        "sender": "Cửa hàng Ánh Dương <no-reply@leo.example>",
        "webhook_secret": WEBHOOK_SECRET,
    },
    more={"username": "leo", "password": PASSWORD},
    secrets=(PASSWORD, WEBHOOK_SECRET),
    content={
        "address": "anh.nguyen@example.com",
        "subject": "Ưu đãi mùa thu cho Ánh",
        "html": HTML,
        "unsubscribe_url": "https://leo.example/u/t0ken",
    },
    # SMTP speaks first: a silent relay never saw the message.
    silent=ReceiptStatus.RETRY,
)
