"""Zalo's template messages, by phone number."""

from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample
from tests.channels.samples.zalo_oa import ACCESS_TOKEN, APP_SECRET, REFRESH_TOKEN

ZALO_TEMPLATE = Sample(
    channel=Channel.ZALO_TEMPLATE,
    provider="zbs",
    settings={
        "access_token": ACCESS_TOKEN,
        "base_url": "http://127.0.0.1:{http_port}",
        "business_url": "http://127.0.0.1:{http_port}",
        "webhook_secret": WEBHOOK_SECRET,
    },
    more={"app_id": "1234567890", "app_secret": APP_SECRET, "refresh_token": REFRESH_TOKEN, "proof": True},
    secrets=(ACCESS_TOKEN, WEBHOOK_SECRET, APP_SECRET, REFRESH_TOKEN),
    content={
        "address": "+84912345678",
        "data": {
            "template_id": "203972",
            "template_data": {"customer": "Nguyễn Thị Ánh", "offer": "Ưu đãi 20% < 3 ngày & miễn phí ship.", "days": 3},
        },
    },
)
