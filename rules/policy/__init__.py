"""A policy: the versioned rules under which a campaign decides. It is a document (JSON or YAML), never code.

{"zone": "Asia/Ho_Chi_Minh",                 where no person says otherwise
 "required_consent": true,                    a purpose that `purposes` does not name needs a granted consent
 "purposes": {"order": "contract"},           legal basis: consent, contract, legal_obligation, legitimate_interest
 "eligibility": [{"name": "Adults", "when": {"attribute": "age", "at_least": 18}, "for": {"channels": ["email"]}}],
 "applicability": [], "suitability": [],      the same; `when` is a condition of the segment language
 "quiet_hours": {"start": "21:00", "end": "08:00"},   in the person's zone; null: none
 "sending_hours": [{"from": "07:00", "to": "22:00", "channels": ["zalo_template"], "source": "Decree 91/2020"}],
 "windows": [{"channel": "facebook", "hours": 24, "except": {"purposes": ["order"]}}],   since the person was heard
 "caps": [{"limit": 3, "days": 7, "scope": "overall"}, {"limit": 1, "per": "day", "channels": ["email"]}],
 "yields": {"minutes": 60},                   to a campaign of higher priority that is due; null: never
 "control_share": 0.0,                        of all people, held back from every campaign
 "costs": {"zalo_template": 300},             of one message, in the tenant's money
 "arbitration": {"order": ["functiongemma", "score"], "within_ms": 2000, "budget": {"hours": 8, "cost": 10}},
 "weights": {"channel": {"email": 1.0}, "engagement": 1.0, "fatigue": 0.2, "interest": 0.5, "do_nothing": 0.0}}
"""

from rules.consent import Basis
from rules.policy.default import DEFAULT_POLICY, OTHER_CHANNELS_WEIGHT
from rules.policy.parts import (
    Arbitration,
    Cap,
    CapScope,
    Period,
    QuietHours,
    Requirement,
    Scope,
    SendingHours,
    Weights,
    Window,
)
from rules.policy.policy import Policy
from rules.policy.read import LAYERS, LONGEST_CAP
from rules.policy.values import LARGEST_NUMBER, MOST_LETTERS, MOST_PARTS

__all__ = [
    "DEFAULT_POLICY",
    "LARGEST_NUMBER",
    "LAYERS",
    "LONGEST_CAP",
    "MOST_LETTERS",
    "MOST_PARTS",
    "OTHER_CHANNELS_WEIGHT",
    "Arbitration",
    "Basis",
    "Cap",
    "CapScope",
    "Period",
    "Policy",
    "QuietHours",
    "Requirement",
    "Scope",
    "SendingHours",
    "Weights",
    "Window",
]
