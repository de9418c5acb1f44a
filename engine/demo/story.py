"""What the demo plays: segments, templates, policy and campaigns, as data.

There are two stories: generated Vietnamese customers who are offered a discount, some of whom abandon a basket
meanwhile; and the customers of a real e-mail test, who are sent again what they were sent then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from engine.demo import hillstrom, people

WINDOW = timedelta(days=7)
QUIET_HALF = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Template:
    key: str
    channel: str
    subject: str | None
    body_text: str
    body_html: str | None = None
    locale: str = "vi"


@dataclass(frozen=True, slots=True)
class Campaign:
    key: str
    name: str
    templates: tuple[Template, ...]
    segment: str | None = None
    trigger_type: str | None = None
    control_share: float = 0.0
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """`segments` maps a key to its name and rule."""

    name: str
    segments: Mapping[str, tuple[str, Mapping[str, Any]]]
    campaigns: Sequence[Campaign]
    policy: Mapping[str, Any]


_FOOTER = '<p><small><a href="{{ unsubscribe_url }}">Ngừng nhận thư</a></small></p>'

OFFER_EMAIL = Template(
    key="uu-dai-thang",
    channel="email",
    subject="[QC] {{ profile.name }} ơi, ưu đãi hạng {{ profile.attributes.tier }} của bạn",
    body_text="Chào {{ profile.name }},\n\nTặng bạn ưu đãi 15% sau {{ profile.attributes.orders }} đơn hàng.\n\n"
    "Ngừng nhận thư: {{ unsubscribe_url }}\n",
    body_html="<p>Chào {{ profile.name }},</p><p>Bạn có ưu đãi <b>15%</b> ở {{ profile.attributes.city }}.</p>"
    + _FOOTER,
)
OFFER_TELEGRAM = Template(
    key="uu-dai-thang",
    channel="telegram",
    subject=None,
    body_text="[QC] {{ profile.name }} ơi, hạng {{ profile.attributes.tier }} được giảm 15% hôm nay.",
)
CART_TELEGRAM = Template(
    key="gio-hang",
    channel="telegram",
    subject=None,
    body_text="{{ profile.name }} ơi, giỏ hàng {{ event.attributes.items }} món vẫn đang chờ bạn.",
)
CART_EMAIL = Template(
    key="gio-hang",
    channel="email",
    subject="[QC] {{ profile.name }} ơi, giỏ hàng của bạn vẫn còn",
    body_text="Chào {{ profile.name }},\n\nGiỏ hàng {{ event.attributes.items }} món đang chờ bạn.\n\n"
    "Ngừng nhận thư: {{ unsubscribe_url }}\n",
    body_html="<p>Giỏ hàng <b>{{ event.attributes.items }}</b> món đang chờ bạn, {{ profile.name }}.</p>" + _FOOTER,
)


def _policy(now: datetime) -> dict[str, Any]:
    """Give the demo's policy: quiet hours around the present moment in California, so that some people always wait.

    California is 14 or 15 hours behind Vietnam, so the two are never quiet at the same time.
    """
    there = now.astimezone(ZoneInfo(people.ABROAD))
    return {
        "quiet_hours": {"start": f"{there - QUIET_HALF:%H:%M}", "end": f"{there + QUIET_HALF:%H:%M}"},
        "caps": [{"limit": 2, "days": 7, "scope": "overall"}, {"limit": 1, "days": 1, "scope": "campaign"}],
        "required_consent": True,
    }


def vietnamese(now: datetime) -> Story:
    """Give the story of the generated customers."""
    return Story(
        name="Cửa hàng Hoa Sen",
        segments={
            "than-thiet": ("Khách hàng thân thiết", {"all": []}),
            "yeu-ca-phe": ("Yêu cà phê", {"all": [{"attribute": "favourite", "is": "ca-phe"}]}),
        },
        campaigns=(
            Campaign(
                key="uu-dai-thang-nay",
                name="Ưu đãi tháng này",
                segment="than-thiet",
                templates=(OFFER_EMAIL, OFFER_TELEGRAM),
                control_share=0.1,
            ),
            Campaign(
                key="nhac-gio-hang",
                name="Nhắc giỏ hàng",
                trigger_type="cart_abandoned",
                templates=(CART_TELEGRAM, CART_EMAIL),
                priority=10,
            ),
        ),
        policy=_policy(now),
    )


def email_test() -> Story:
    """Give the story of the real e-mail test: one campaign per arm; everybody in its control group is held back."""

    def template(arm: str) -> Template:
        key = arm.partition(" ")[0].lower()
        return Template(
            key=f"merchandise-{key}",
            channel="email",
            subject=f"New {key}'s merchandise for you",
            body_text=f"This week's {key}'s merchandise has come in.\n\nUnsubscribe: {{{{ unsubscribe_url }}}}\n",
            locale="en",
        )

    keys = {arm: arm.lower().replace(" ", "-") for arm in hillstrom.ARMS}
    return Story(
        name="MineThatData e-mail test",
        segments={keys[arm]: (arm, {"all": [{"attribute": "arm", "is": arm}]}) for arm in hillstrom.ARMS},
        campaigns=tuple(
            Campaign(
                key=f"test-{keys[arm]}",
                name=arm,
                segment=keys[arm],
                templates=(template("Womens E-Mail" if arm == hillstrom.CONTROL else arm),),
                control_share=1.0 if arm == hillstrom.CONTROL else 0.0,
            )
            for arm in hillstrom.ARMS
        ),
        policy={"quiet_hours": None, "caps": [], "required_consent": True},
    )
