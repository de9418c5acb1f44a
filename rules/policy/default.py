"""The default policy: mild, and lawful in Vietnam."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

OTHER_CHANNELS_WEIGHT = 1.0

_DECREE_91 = "Decree 91/2020/ND-CP, article 13: advertising messages to a phone only from 7:00 to 22:00"
_ZALO_HOURS = "Zalo OA: promotion only from 6:00 to 21:59 (error -234)"
_ZALO_WINDOW = "Zalo OA API: consultation messages within 7 days after the person's last interaction (error -230)"
_MESSENGER_WINDOW = "Messenger Platform policy: within 24 hours after the person's last action"

# Breakfast to sunset and three messages a week, far inside what Decree 91/2020 allows (messages from 7 to 22 o'clock,
# three a day); what the law and the providers say stands as data beside it, for who sets quiet hours to null.
DEFAULT_POLICY: Mapping[str, Any] = MappingProxyType(
    {
        "zone": "Asia/Ho_Chi_Minh",
        "required_consent": True,
        "purposes": {},
        "eligibility": [],
        "applicability": [],
        "suitability": [],
        "quiet_hours": {"start": "21:00", "end": "08:00"},
        "sending_hours": [
            {"from": "07:00", "to": "22:00", "channels": ["zalo_template"], "source": _DECREE_91},
            {"from": "06:00", "to": "22:00", "channels": ["zalo_oa"], "source": _ZALO_HOURS},
        ],
        "windows": [
            {"channel": "zalo_oa", "hours": 168, "source": _ZALO_WINDOW},
            {"channel": "facebook", "hours": 24, "source": _MESSENGER_WINDOW},
        ],
        "caps": [{"limit": 1, "days": 1, "scope": "overall"}, {"limit": 3, "days": 7, "scope": "overall"}],
        "yields": {"minutes": 60},
        "control_share": 0.0,
        "costs": {},
        "fallback": None,
        "arbitration": {"order": ["score"], "within_ms": 2000, "budget": {}},
        "weights": {
            "channel": {"telegram": 1.2, "email": 1.0},
            "engagement": 1.0,
            "fatigue": 0.2,
            "interest": 0.5,
            "do_nothing": 0.0,
        },
    }
)
