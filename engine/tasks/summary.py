"""What became of a task, in the asker's language: sentences filled in from results, never a model's prose."""

from collections.abc import Mapping
from typing import Any, Final

from engine.tasks.task import Task
from rules.conditions import Language
from rules.words import TaskStatus

EN, VI = Language.EN, Language.VI

# One sentence for each tool's result.
_DONE: Final[Mapping[str, Mapping[Language, str]]] = {
    "create_segment": {
        EN: "Segment {key} is saved: {size:,} people are in it.",
        VI: "Đã lưu phân khúc {key}: có {size:,} người.",
    },
    "preview_segment": {
        EN: "{count:,} people satisfy: {text}.",
        VI: "Có {count:,} người thoả: {text}.",
    },
    "schedule_refresh": {
        EN: "The schedule of segment {key} is set; it is refreshed next at: {due_at}.",
        VI: "Đã đặt lịch của phân khúc {key}; lần làm mới kế tiếp: {due_at}.",
    },
    "find_templates": {
        EN: "{count} approved templates were found: {names}.",
        VI: "Tìm thấy {count} mẫu tin đã duyệt: {names}.",
    },
    "create_campaign": {
        EN: "Campaign {key} is saved as a draft; nothing is sent before it is activated.",
        VI: "Đã lưu chiến dịch {key} ở trạng thái nháp; chưa gửi gì cho đến khi kích hoạt.",
    },
    "forecast_campaign": {
        EN: "Campaign {campaign} would reach {sends:,} of {people:,} people.",
        VI: "Chiến dịch {campaign} dự kiến gửi được {sends:,} trong {people:,} người.",
    },
    "activate_campaign": {
        EN: "Campaign {key} is active: it is being decided for {people:,} people.",
        VI: "Đã kích hoạt chiến dịch {key}: đang ra quyết định cho {people:,} người.",
    },
    "pause_campaign": {EN: "Campaign {key} is paused.", VI: "Đã tạm dừng chiến dịch {key}."},
    "send_message": {
        EN: "It is being decided for {profile} under campaign {campaign}.",
        VI: "Đang ra quyết định cho {profile} theo chiến dịch {campaign}.",
    },
    "explain_decision": {EN: "{summary}", VI: "{summary}"},
    "explain_absence": {EN: "{summary}", VI: "{summary}"},
    "do_nothing": {EN: "Nothing was done: {reason}", VI: "Không làm gì: {reason}"},
}
_FAILED: Final[Mapping[Language, str]] = {
    EN: "It failed ({code}): {message}",
    VI: "Không thực hiện được ({code}): {message}",
}
_CANCELLED: Final[Mapping[Language, str]] = {EN: "It was cancelled.", VI: "Yêu cầu đã bị huỷ."}
_REJECTED: Final[Mapping[Language, str]] = {EN: "It was rejected.", VI: "Yêu cầu đã bị từ chối."}
_NONE: Final[Mapping[Language, str]] = {EN: "none", VI: "không có"}


def summary(task: Task) -> str:
    """Say what a finished task did: each call that was made, then how it ended if it did not succeed."""
    said = [_made(one, task.locale) for one in task.made]
    if task.status is TaskStatus.FAILED:
        said.append(_FAILED[task.locale].format(code=task.result["error"]["code"], message=_wrong(task)))
    if task.status is TaskStatus.CANCELLED:
        is_rejected = "rejected_by" in (task.approval or {})
        said.append((_REJECTED if is_rejected else _CANCELLED)[task.locale])
    return " ".join(said)


def _wrong(task: Task) -> str:
    faults = task.faults
    if not faults:
        return str(task.result["error"]["message"])
    return " ".join(getattr(fault.say(), task.locale) for fault in faults)


def _made(made: Mapping[str, Any], locale: Language) -> str:
    result = made["result"]
    given = {name: _NONE[locale] if value is None else value for name, value in result.items()}
    if made["name"] == "find_templates":
        given["names"] = ", ".join(one["key"] for one in result["templates"]) or _NONE[locale]
    if made["name"] == "forecast_campaign":
        given["sends"] = result["expected"].get("send", 0)
    return _DONE[made["name"]][locale].format(**given)
