"""What everything that speaks to Zalo as an Official Account shares: settings, the call, the answer, the events.

Zalo answers errors with HTTP 200 and a negative number, so the body is looked at first. It has no idempotency key, so
an attempt without an answer stays uncertain.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from channels import facts
from channels.answers import accepted, call, refused
from channels.callbacks import zalo
from channels.contract import Fault, Incoming, Receipt, Request, Response, fault_receipt
from channels.documents import part, text_of, whole_number
from channels.egress import ANYWHERE, Egress
from channels.facts import ProviderFacts
from channels.http import HttpClient
from channels.options import Options
from channels.waits import seconds_until
from rules.errors import Misconfigured
from rules.words import Channel

DELIVERY_HEADER = "X-LEO-Delivery"


class ZaloAccount:
    """An Official Account of a tenant; the adapters below add what they send.

    Settings: access_token or refresh_token (or both), app_id and app_secret (needed to renew the token), base_url
    (https://openapi.zalo.me), business_url (https://business.openapi.zalo.me), oauth_url
    (https://oauth.zaloapp.com), proof (false), timeout_s (15), connections (32), webhook_secret.
    """

    channel: ClassVar[Channel]
    deduplicates: ClassVar[bool] = False

    def __init__(
        self, settings: Mapping[str, Any], *, clock: Callable[[], float] = time.time, egress: Egress = ANYWHERE
    ) -> None:
        """Raise Misconfigured for a wrong, missing or unknown setting."""
        options = Options(self.channel, settings)
        self._refresh_token = options.optional_secret("refresh_token")
        self._token = options.optional_secret("access_token") if self._refresh_token else options.secret("access_token")
        self._app_id = options.optional_text("app_id")
        self._app_secret = options.optional_secret("app_secret")
        self._base_url = options.text("base_url", "https://openapi.zalo.me").rstrip("/")
        self._business_url = options.text("business_url", "https://business.openapi.zalo.me").rstrip("/")
        options.text("oauth_url", "https://oauth.zaloapp.com")
        has_proof = options.flag("proof", default=False)
        timeout_s = options.number("timeout_s", 15.0, least=0.05, most=600.0)
        connections = options.integer("connections", 32, least=1, most=500)
        self._webhook_secret = options.optional_secret("webhook_secret")
        self._read(options)
        options.finish()
        if (self._refresh_token or has_proof) and not (self._app_id and self._app_secret):
            raise Misconfigured(
                f"The channel {self.channel} lacks its setting app_id or app_secret, which renew its token.",
                remedy="Give both, as Zalo's page for developers shows them.",
            )
        self._http = HttpClient(
            egress=egress, connections=connections, connect_timeout_s=min(5.0, timeout_s / 2), total_timeout_s=timeout_s
        )
        given = (self._token, self._refresh_token, self._app_secret, self._webhook_secret)
        self._secrets = [secret for secret in given if secret]
        self._headers = self._authorized(has_proof=has_proof)
        self._clock = clock

    def _read(self, options: Options) -> None:
        """Read the settings that only one adapter has."""

    def _authorized(self, *, has_proof: bool) -> dict[str, str]:
        headers = {"access_token": self._token.reveal()} if self._token else {}
        if has_proof and self._token and self._app_secret:
            key, token = self._app_secret.reveal().encode(), self._token.reveal().encode()
            headers["appsecret_proof"] = hmac.new(key, token, hashlib.sha256).hexdigest()
        return headers

    def _facts(self, ids: Mapping[str, str]) -> ProviderFacts:  # noqa: ARG002 - a template may go to the other host
        """Give the table of codes to read an answer with: each of Zalo's two hosts has its own."""
        return facts.load("zalo_oa")

    def _host(self, request: Request) -> str:  # noqa: ARG002 - a template may go to the other host
        return self._base_url

    async def send(self, request: Request) -> Response:
        """Call Zalo once; see the protocol. Without a token nothing is sent."""
        if not self._token:
            body = {"cause": "no_token", "detail": "The channel has no access token yet: it is renewed first."}
            return Response(status=0, body=body, ids=request.ids, fault=Fault.NEVER_LEFT)
        headers = {**request.headers, **self._headers}
        return await call(self._http, self._host(request) + request.target, request, body=request.body, headers=headers)

    def parse(self, response: Response) -> Receipt:
        """Read the answer by `error`; `provider_id` is Zalo's message id, which its events name."""
        if (unanswered := fault_receipt(response)) is not None:
            return unanswered
        body = response.body if isinstance(response.body, Mapping) else {}
        code = whole_number(body.get("error"))
        if code == 0 and response.status == HTTPStatus.OK:
            return _accepted(part(body, "data"), response)
        stage = "zalo" if code else "http"
        number = code or response.status
        text = text_of(body, "message") if body else str(response.body)
        answer = self._facts(response.ids).classify(code=number, text=text, stage=stage)
        return refused(
            response,
            answer,
            code=str(number),
            detail=text,
            secrets=self._secrets,
            wait_s=seconds_until(answer.wait, self._clock()) if answer and answer.wait else None,
            is_refusal=(code or 0) < 0,
        )

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check the `mac` of an event; raises SignatureInvalid."""
        secrets = [secret for secret in (self._webhook_secret, self._app_secret) if secret]
        zalo.verify(headers, body, app_id=self._app_id or "", secrets=secrets, now=self._clock())

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Incoming]:  # noqa: ARG002
        """Read one event of Zalo's webhook; events that we have no word for give nothing."""
        return zalo.read(body, now=self._clock())

    async def aclose(self) -> None:
        await self._http.aclose()


def _accepted(data: Mapping[str, Any], response: Response) -> Receipt:
    message_id = text_of(data, "message_id") or text_of(data, "msg_id") or None
    quota = data.get("quota")
    raw = {"message_id": message_id, "quota": quota if isinstance(quota, dict) else None}
    return accepted(response, provider_id=message_id, raw=raw)
