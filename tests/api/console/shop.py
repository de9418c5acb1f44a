"""A small shop that the console's tests look at: people, channels that lead to the sandbox, campaigns that have run."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from api.services import Services
from channels.contract import Incoming
from engine.archive import archive_old
from engine.campaigns import connect_channel
from engine.decide import decide_batch, put_off
from engine.dispatch import dispatch_due
from engine.outcomes import record_outcomes
from engine.tasks import Desk, work_next
from rules.words import Channel, Lane, OutcomeType
from tests.api.story import ALWAYS_AWAKE, ok
from tests.channels.sandbox_process import SandboxProcess
from tests.conftest import Tenant
from tests.engine.ledger import sealed
from tests.engine.world import World

EVIL = '<img src=x onerror="document.title=1"><script>document.title = 2</script>'
EVIL_KEY = "kh/<b>'\"&?#%"
HTML = """<div style="font-family: sans-serif; color: #134e4a">
<h2 style="margin: 0">{{ profile.name }} ơi, giỏ hàng vẫn còn đây</h2>
<p>Bạn để quên <b>{{ event.attributes.product }}</b>. Cửa hàng giữ cho bạn đến hết hôm nay.</p>
<p><a style="background: #0f766e; color: #fff; padding: 8px 14px; border-radius: 6px" href="https://shop.example">
Quay lại giỏ hàng</a></p>
<p style="font-size: 12px"><a href="{{ unsubscribe_url }}">Ngừng nhận tin</a></p></div>"""
REASONS_TO_ANSWER = (OutcomeType.DELIVERED, OutcomeType.READ, OutcomeType.CLICKED, OutcomeType.BOUGHT)


def person(key: str, name: str, *, email: str | None = None, agreed: bool = True, **attributes: Any) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(days=900)).isoformat()
    return {
        "ext_id": key,
        "name": name,
        "attributes": attributes,
        "addresses": [] if email is None else [{"channel": "email", "value": email}],
        "consents": [{"channel": None, "purpose": "marketing", "granted": True, "at": at}] if agreed else [],
    }


PEOPLE = [
    person("kh-000042", "Trần Thị Mai", email="mai.tran@khach.example", city="Huế", tier="vàng", orders=7),
    person("kh-000043", "Nguyễn Văn Lâm", email="lam.nguyen@khach.example", city="Huế", agreed=False),
    person("kh-000044", "Phạm Thu Hà", city="Huế"),
    person(EVIL_KEY, EVIL, email="evil@khach.example", city="Huế", note=EVIL),
    *[person(f"kh-1{n:05}", f"Khách Hàng {n}", email=f"khach{n}@khach.example", city="Huế") for n in range(40)],
]


class Shop:
    """One tenant whose channel leads to the sandbox; it decides and sends when it is told to."""

    def __init__(self, services: Services, tenant: Tenant, caller: httpx.AsyncClient) -> None:
        self._services = services
        self._tenant = tenant
        self.caller = caller
        self.campaigns: dict[str, int] = {}

    @property
    def tenant_id(self) -> UUID:
        return self._tenant.tenant_id

    async def open(self, sandbox: SandboxProcess) -> None:
        settings = {"host": "127.0.0.1", "port": sandbox.smtp_port, "tls": "none", "sender": "Hoa Sen <s@shop.example>"}
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute("UPDATE tenant SET name = 'Cửa hàng Hoa Sen'")
            await connect_channel(
                conn, self._services.vault, tenant_id=self.tenant_id, kind="email", name="mail", settings=settings
            )
        await ok(await self.caller.post("/profiles", json=PEOPLE))
        rule = {"all": [{"attribute": "city", "is": "Huế"}]}
        await ok(await self.caller.post("/segments", json={"key": "hue", "name": "Khách ở Huế", "rule": rule}))
        basket = await self._template("gio-hang", "{{ profile.name }} ơi, giỏ hàng vẫn còn", body_html=HTML)
        offer = await self._template("uu-dai", "Ưu đãi tháng này cho {{ profile.name }}")
        await self._campaign("nhac-gio-hang", "Nhắc giỏ hàng", basket, trigger_type="cart_abandoned")
        await self._campaign("uu-dai-hue", "Ưu đãi cho khách Huế", offer, segment="hue", control_share=0.2)

    async def _template(self, key: str, subject: str, **more: Any) -> int:
        body = {"key": key, "channel": "email", "subject": subject, **more}
        body["body_text"] = "Chào {{ profile.name }}.\nNgừng nhận: {{ unsubscribe_url }}"
        made = await ok(await self.caller.post("/templates", json=body))
        # Saving refuses scripts; one that got in all the same must not run where somebody looks at the message.
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute(
                "UPDATE message_template SET body_html = body_html || %s WHERE template_id = %s",
                ("<script>parent.document.title = 3</script>", made["template_id"]),
            )
        await ok(await self.caller.post(f"/templates/{made['template_id']}/approve"))
        return int(made["template_id"])

    async def _campaign(self, key: str, name: str, template_id: int, **more: Any) -> None:
        body = {"key": key, "name": name, "template_ids": [template_id], "policy": ALWAYS_AWAKE, **more}
        made = await ok(await self.caller.post("/campaigns", json=body))
        self.campaigns[key] = made["campaign_id"]

    async def activate(self, key: str) -> None:
        await ok(await self.caller.post(f"/campaigns/{self.campaigns[key]}/activate"))

    async def abandon_basket(self, profile: str = "kh-000042") -> None:
        event = {"type": "cart_abandoned", "profile": profile, "ext_id": f"gio-{profile}"}
        await ok(await self.caller.post("/events", json={**event, "attributes": {"product": "Trà sen Huế"}}))

    async def work(self) -> None:
        """Do what the workers do: decide what is due, then send what is due."""
        await self.decide()
        for lane in Lane:
            while (await self._send(lane)).is_full:
                pass

    async def decide(self, now: datetime | None = None) -> None:
        async with self._services.db.transaction(self.tenant_id) as conn:
            found = await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending' ORDER BY batch_id")
            batches = [row["batch_id"] for row in await found.fetchall()]
        for batch_id in batches:
            async with self._services.db.transaction(self.tenant_id) as conn:
                await decide_batch(conn, tenant_id=self.tenant_id, batch_id=batch_id, now=now or datetime.now(UTC))

    async def _send(self, lane: Lane) -> Any:
        services = self._services
        return await dispatch_due(services.db, services.adapters, tenant_id=self.tenant_id, lane=lane, owner="test")

    async def retire(self, template_id: int) -> None:
        """Have a template be used no more."""
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute("UPDATE message_template SET status = 'retired' WHERE template_id = %s", (template_id,))

    async def archive(self) -> None:
        """Decide and send what is due as if it were long ago, seal that, and move it into the archive."""
        await self.decide(datetime.now(UTC) - timedelta(days=500))
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute("UPDATE delivery_log SET status = 'sent', attempts = 1, sent_at = queued_at")
        await sealed(World(self._services.db, self._tenant))
        moved = await archive_old(self._services.db, tenant_id=self.tenant_id, days=400)
        assert moved is not None
        assert moved.deliveries

    async def needs_approval(self) -> None:
        """Let agents reach nobody without a human."""
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute("""UPDATE tenant SET settings = '{"approval": {"people": 0}}'""")

    async def lose_a_message(self) -> None:
        """Decide, and have a worker die between the call and its answer."""
        await self.decide()
        async with self._services.db.transaction(self.tenant_id) as conn:
            await conn.execute("UPDATE delivery_log SET status = 'uncertain', class = 'uncertain', code = 'timeout'")

    async def browse(self) -> None:
        """Have people come by touchpoints, in a few ways, and some of them buy."""
        ways = [
            ("Quảng cáo Facebook", "Trang chủ", "Trà sen Huế", "Giỏ hàng"),
            ("Quảng cáo Facebook", "Trang chủ", "Mứt gừng"),
            ("Tìm trên Google", "Trà sen Huế", "Giỏ hàng"),
            ("Bản tin tháng 5", "Trang chủ", "Blog pha trà"),
            ("Zalo OA", "Giỏ hàng"),
            ("Cửa hàng Huế",),
        ]
        began = datetime.now(UTC) - timedelta(days=20)
        people = []
        for place, one in enumerate(PEOPLE):
            way = ways[(place * place + place // 3) % len(ways)]
            visits = [
                {
                    "kind": "ENGAGED",
                    "key": name,
                    "name": name,
                    "occurred_at": (began + timedelta(hours=hour)).isoformat(),
                }
                for hour, name in enumerate(way)
            ]
            product = "Trà sen Huế 100 g" if place % 2 else "Mứt gừng 200 g"
            bought = {"kind": "BOUGHT", "key": product, "name": product, "occurred_at": datetime.now(UTC).isoformat()}
            buys = "Giỏ hàng" in way and place % 4
            people.append({"ext_id": one["ext_id"], "relations": [*visits, *([bought] if buys else [])]})
        await ok(await self.caller.post("/profiles", json=people))

    async def put_off(self) -> None:
        """Have what is due fail to be decided, as a worker does whose policy cannot be read."""
        async with self._services.db.transaction(self.tenant_id) as conn:
            for row in await (await conn.execute("SELECT batch_id FROM run_batch WHERE status = 'pending'")).fetchall():
                await put_off(conn, batch_id=row["batch_id"], until=datetime.now(UTC) + timedelta(minutes=5))

    async def work_on_tasks(self) -> None:
        async def ring(*_: Any) -> None: ...

        desk = Desk(self._services.db, None, ring, owner="test")
        await work_next(desk, tenant_id=self.tenant_id, now=datetime.now(UTC))

    async def answer(self, *types: OutcomeType, profile: str | None = None) -> None:
        """Have the people who were written to react, one or all."""
        async with self._services.db.transaction(self.tenant_id) as conn:
            found = await conn.execute(
                "SELECT encode(l.event_id, 'hex') AS event FROM delivery_log l JOIN cdp_profiles p USING (profile_id) "
                "WHERE l.status = 'sent' AND coalesce(p.ext_id = %s, true)",
                (profile,),
            )
            events = [row["event"] for row in await found.fetchall()]
            at = datetime.now(UTC)
            incoming = [
                Incoming(
                    type=kind, at=at + timedelta(seconds=place), delivery_ref=event, provider_id=f"{event}{kind}",
                    address=None, raw={"value": 420_000} if kind is OutcomeType.BOUGHT else {},
                )
                for event in events
                for place, kind in enumerate(types)
            ]  # fmt: skip
            await record_outcomes(
                conn, tenant_id=self.tenant_id, channel_id=None, incoming=incoming, channel=Channel.EMAIL
            )
