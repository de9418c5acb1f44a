"""The few sentences that sum a decision up, in English and Vietnamese; each gate with what it asks."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from rules.conditions import Language
from rules.words import Arbiter, Channel, DeliveryStatus, Gate

EN, VI = Language.EN, Language.VI


class Said(StrEnum):
    """What can be said of a decision as a whole."""

    SEND = "send"
    WAIT = "wait"
    NOTHING = "nothing"
    NOTHING_CHOSEN = "nothing_chosen"


_SENTENCES: Final[Mapping[Said, Mapping[Language, str]]] = {
    Said.SEND: {
        EN: "{person} gets {template} by {channel} from campaign {campaign}: {arbiter} chose it among {count} "
        "that were allowed.",
        VI: "{person} nhận {template} qua {channel} từ chiến dịch {campaign}: {arbiter} chọn trong {count} phương án "
        "được phép.",
    },
    Said.WAIT: {
        EN: "{person} gets nothing from campaign {campaign} before {until}: {gate}.",
        VI: "{person} chưa nhận gì từ chiến dịch {campaign} trước {until}: {gate}.",
    },
    Said.NOTHING: {
        EN: "{person} gets nothing from campaign {campaign}: {gate}.",
        VI: "{person} không nhận gì từ chiến dịch {campaign}: {gate}.",
    },
    Said.NOTHING_CHOSEN: {
        EN: "{person} gets nothing from campaign {campaign}: {arbiter} chose to do nothing among {count} that "
        "were allowed.",
        VI: "{person} không nhận gì từ chiến dịch {campaign}: {arbiter} chọn không làm gì trong {count} phương án được "
        "phép.",
    },
}

# What is true of somebody whom a gate stops, as the end of a sentence.
_STOPPED: Final[Mapping[Gate, Mapping[Language, str]]] = {
    Gate.NOT_APPROVED: {EN: "no template is approved", VI: "chưa có mẫu tin nào được duyệt"},
    Gate.UNKNOWN_PROFILE: {
        EN: "the profile was merged into another or deleted",
        VI: "hồ sơ đã được gộp vào hồ sơ khác hoặc bị xoá",
    },
    Gate.CONSENT: {EN: "there is no consent or other legal basis", VI: "không có sự đồng ý hay cơ sở pháp lý khác"},
    Gate.SUPPRESSION: {EN: "the person is on the suppression list", VI: "người này nằm trong danh sách không liên hệ"},
    Gate.UNREACHABLE: {EN: "there is no valid address", VI: "không có địa chỉ hợp lệ"},
    Gate.INCOMPLETE: {
        EN: "a value that the template needs is missing",
        VI: "thiếu dữ liệu mà mẫu tin cần",
    },
    Gate.DUPLICATE: {
        EN: "the same person or address is written to already",
        VI: "đã gửi cho cùng người hoặc cùng địa chỉ này",
    },
    Gate.ELIGIBILITY: {EN: "a rule of eligibility does not hold", VI: "không thoả quy tắc về quyền được nhận"},
    Gate.APPLICABILITY: {EN: "a rule of applicability does not hold", VI: "không thoả quy tắc về sự phù hợp lúc này"},
    Gate.SUITABILITY: {EN: "a rule of suitability does not hold", VI: "không thoả quy tắc về lợi ích của khách"},
    Gate.CAMPAIGN_WINDOW: {EN: "it is outside the campaign's time", VI: "ngoài thời gian của chiến dịch"},
    Gate.CONTROL_GROUP: {EN: "the person is in the control group", VI: "người này thuộc nhóm đối chứng"},
    Gate.BUDGET: {EN: "the campaign's budget is used up", VI: "chiến dịch đã hết ngân sách"},
    Gate.FREQUENCY_CAP: {EN: "the person has had enough messages", VI: "người này đã nhận đủ số tin cho phép"},
    Gate.PRIORITY: {
        EN: "a campaign of higher priority comes first",
        VI: "chiến dịch ưu tiên cao hơn được gửi trước",
    },
    Gate.PROVIDER_WINDOW: {
        EN: "the provider's time to answer is over",
        VI: "đã quá thời hạn trả lời mà nhà cung cấp cho phép",
    },
    Gate.SENDING_HOURS: {EN: "it is outside the hours of sending", VI: "ngoài khung giờ được gửi"},
    Gate.QUIET_HOURS: {EN: "it is quiet hours where the person is", VI: "đang là giờ không làm phiền nơi người này ở"},
}

# How a message ended without arriving: by its status, or by why it was not let out.
_ENDED: Final[Mapping[str, Mapping[Language, str]]] = {
    "consent_withdrawn": {
        EN: "the person withdrew consent before it left",
        VI: "khách đã rút lại sự đồng ý trước khi tin được gửi đi",
    },
    "suppressed": {
        EN: "the person or the address was suppressed before it left",
        VI: "khách hoặc địa chỉ đã vào danh sách không liên hệ trước khi tin được gửi đi",
    },
    "address_not_valid": {
        EN: "the address was not valid any more when it was to leave",
        VI: "địa chỉ không còn dùng được khi đến lượt gửi",
    },
    "person_gone": {
        EN: "the profile was merged or deleted before it left",
        VI: "hồ sơ đã bị gộp hoặc xoá trước khi tin được gửi đi",
    },
    "merged": {
        EN: "the profile was merged into another before it left",
        VI: "hồ sơ đã được gộp vào hồ sơ khác trước khi tin được gửi đi",
    },
    DeliveryStatus.FAILED: {EN: "it was refused for good", VI: "tin bị từ chối hẳn"},
    DeliveryStatus.DEAD: {EN: "it was given up after several attempts", VI: "đã thử nhiều lần không được"},
    DeliveryStatus.EXPIRED: {EN: "its time was over before it could leave", VI: "quá hạn trước khi kịp gửi"},
    DeliveryStatus.CANCELLED: {
        EN: "its campaign or run was ended before it left",
        VI: "chiến dịch hoặc lượt chạy đã bị huỷ trước khi tin được gửi đi",
    },
}
_NO_MESSAGE: Final[Mapping[Language, str]] = {EN: "there is no message of it", VI: "không có tin nào được tạo"}

_CHANNELS: Final[Mapping[Channel, str]] = {
    Channel.EMAIL: "email",
    Channel.ZALO_OA: "Zalo OA",
    Channel.ZALO_TEMPLATE: "Zalo ZNS",
    Channel.FACEBOOK: "Messenger",
    Channel.TELEGRAM: "Telegram",
    Channel.APP_PUSH: "app push",
    Channel.WEB_PUSH: "web push",
    Channel.CHAT: "chat",
}


_ARBITERS: Final[Mapping[Arbiter, Mapping[Language, str]]] = {
    Arbiter.SCORE: {EN: "the score", VI: "bộ chấm điểm"},
    Arbiter.FUNCTIONGEMMA: {EN: "FunctionGemma", VI: "FunctionGemma"},
    Arbiter.GEMINI: {EN: "Gemini", VI: "Gemini"},
    Arbiter.LEARNED: {EN: "the learned model", VI: "mô hình học được"},
}


def say(what: Said, language: Language, **words: object) -> str:
    """Give the sentence with its words filled in."""
    return _SENTENCES[what][language].format(**words)


def stopped_by(gate: Gate, language: Language) -> str:
    """Say what is so where a gate stops somebody."""
    return _STOPPED[gate][language]


def ended_as(status: str | None, code: str | None, language: Language) -> str:
    """Say how a message ended; the code says more than the status where it is our own. No status: there is none."""
    if status == DeliveryStatus.CANCELLED and code is not None and code in _ENDED:
        return _ENDED[code][language]
    return _NO_MESSAGE[language] if status is None else _ENDED[status][language]


def channel_name(channel: Channel) -> str:
    """Give the name that people know a channel by; it is the same in both languages."""
    return _CHANNELS[channel]


def arbiter_name(arbiter: Arbiter | None, language: Language) -> str:
    """Give the words for who chose; empty where nobody had to."""
    return "" if arbiter is None else _ARBITERS[arbiter][language]


def moment(at: datetime, zone: str, language: Language) -> str:
    """Say an instant in the clock of a zone, 2026-06-02 08:00 (Asia/Ho_Chi_Minh); UTC where there is no such zone."""
    try:
        clock = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        clock = ZoneInfo("UTC")
    shape = "%d/%m/%Y %H:%M" if language is VI else "%Y-%m-%d %H:%M"
    return f"{at.astimezone(clock).strftime(shape)} ({clock.key})"
