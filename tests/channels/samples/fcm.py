"""App push over Firebase Cloud Messaging."""

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from channels.contract import ReceiptStatus
from rules.words import Channel
from tests.channels.samples.sample import WEBHOOK_SECRET, Sample

PRIVATE_KEY = (
    rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)
SERVICE_ACCOUNT = {
    "type": "service_account",
    "project_id": "hoa-sen",
    "private_key_id": "k1",
    "private_key": PRIVATE_KEY,
    "client_email": "leo@hoa-sen.iam.gserviceaccount.com",
    "token_uri": "https://oauth2.googleapis.com/token",
}
FCM = Sample(
    channel=Channel.APP_PUSH,
    provider="fcm",
    settings={
        "service_account": SERVICE_ACCOUNT,
        "base_url": "http://127.0.0.1:{http_port}",
        "token_url": "http://127.0.0.1:{http_port}/google/token",
        "webhook_secret": WEBHOOK_SECRET,
    },
    secrets=(PRIVATE_KEY, WEBHOOK_SECRET),
    content={"address": "fGx1:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx_9Z", "subject": "Ưu đãi mùa thu"},
    # The token is asked for first: a silent Google never saw the message.
    silent=ReceiptStatus.RETRY,
    refusal="cannot carry carousel",
)
