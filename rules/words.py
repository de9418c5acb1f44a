"""The vocabulary as values: everything that the database stores as a word is defined here, once."""

from enum import StrEnum


class Channel(StrEnum):
    EMAIL = "email"
    ZALO_OA = "zalo_oa"
    ZALO_TEMPLATE = "zalo_template"
    FACEBOOK = "facebook"
    TELEGRAM = "telegram"
    APP_PUSH = "app_push"
    WEB_PUSH = "web_push"
    CHAT = "chat"


class Action(StrEnum):
    SEND = "send"
    WAIT = "wait"
    DO_NOTHING = "do_nothing"


class Arbiter(StrEnum):
    SCORE = "score"
    FUNCTIONGEMMA = "functiongemma"
    GEMINI = "gemini"
    LEARNED = "learned"


class Lane(StrEnum):
    REALTIME = "realtime"
    BULK = "bulk"


class Gate(StrEnum):
    """Why a candidate was refused or has to wait, in the order of the funnel."""

    NOT_APPROVED = "not_approved"
    UNKNOWN_PROFILE = "unknown_profile"
    CONSENT = "consent"
    SUPPRESSION = "suppression"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"
    DUPLICATE = "duplicate"
    ELIGIBILITY = "eligibility"
    APPLICABILITY = "applicability"
    SUITABILITY = "suitability"
    CAMPAIGN_WINDOW = "campaign_window"
    CONTROL_GROUP = "control_group"
    BUDGET = "budget"
    FREQUENCY_CAP = "frequency_cap"
    PRIORITY = "priority"
    PROVIDER_WINDOW = "provider_window"
    SENDING_HOURS = "sending_hours"
    QUIET_HOURS = "quiet_hours"


class DeliveryStatus(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DEAD = "dead"


class OutcomeType(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    CLICKED = "clicked"
    REPLIED = "replied"
    VISITED = "visited"
    BOUGHT = "bought"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class RunKind(StrEnum):
    SNAPSHOT = "snapshot"
    EVENT = "event"
    WAKE_UP = "wake_up"
    REQUEST = "request"
    MEMBERSHIP = "membership"
    FALLBACK = "fallback"


class RunStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class BatchStatus(StrEnum):
    PENDING = "pending"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskStatus(StrEnum):
    QUEUED = "queued"
    THINKING = "thinking"
    AWAITING_APPROVAL = "awaiting_approval"
    ACTING = "acting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class TemplateStatus(StrEnum):
    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


class Change(StrEnum):
    """What happened to a person's membership of a segment."""

    JOINED = "joined"
    LEFT = "left"


class Cause(StrEnum):
    """What made a segment's membership be brought up to date."""

    REQUEST = "request"
    SCHEDULE = "schedule"
    SNAPSHOT = "snapshot"
    EVENT = "event"
    SYNC = "sync"
