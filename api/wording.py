"""What is wrong with a field, in each language, by kind: our own kinds (rules/faults/) and pydantic's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from api.schemas.base import Refused
from rules.faults import Fault

# The kinds of https://docs.pydantic.dev/2.12/errors/validation_errors/ that our schemas raise, and those of our
# validators.
VIETNAMESE: Mapping[str, str] = MappingProxyType(
    {
        "missing": "Trường này là bắt buộc.",
        "extra_forbidden": "Không có trường này: hãy bỏ đi.",
        "string_type": "Phải là chữ.",
        "string_too_short": "Quá ngắn: ít nhất {min_length} ký tự.",
        "string_too_long": "Quá dài: nhiều nhất {max_length} ký tự.",
        "string_pattern_mismatch": "Có ký tự không dùng được hoặc không đúng dạng.",
        "string_unicode": "Có ký tự không đọc được.",
        "int_type": "Phải là số nguyên.",
        "int_parsing": "Phải là số nguyên.",
        "int_parsing_size": "Số quá lớn.",
        "int_from_float": "Phải là số nguyên, không có phần lẻ.",
        "float_type": "Phải là số.",
        "float_parsing": "Phải là số.",
        "finite_number": "Phải là số hữu hạn.",
        "bool_type": "Phải là true hoặc false.",
        "bool_parsing": "Phải là true hoặc false.",
        "greater_than": "Phải lớn hơn {gt}.",
        "greater_than_equal": "Phải từ {ge} trở lên.",
        "less_than": "Phải nhỏ hơn {lt}.",
        "less_than_equal": "Nhiều nhất là {le}.",
        "list_type": "Phải là danh sách.",
        "too_short": "Cần ít nhất {min_length} mục.",
        "too_long": "Nhiều nhất {max_length} mục.",
        "dict_type": "Phải là đối tượng JSON.",
        "model_type": "Phải là đối tượng JSON.",
        "model_attributes_type": "Phải là đối tượng JSON.",
        "enum": "Phải là một trong: {expected}.",
        "literal_error": "Phải là một trong: {expected}.",
        "date_type": "Phải là ngày.",
        "date_parsing": "Phải là ngày dạng 2026-05-01.",
        "date_from_datetime_parsing": "Phải là ngày dạng 2026-05-01.",
        "datetime_type": "Phải là một thời điểm.",
        "datetime_parsing": "Phải là thời điểm dạng 2026-05-01T09:00:00+07:00.",
        "datetime_from_date_parsing": "Phải là thời điểm dạng 2026-05-01T09:00:00+07:00.",
        "datetime_object_invalid": "Phải là thời điểm dạng 2026-05-01T09:00:00+07:00.",
        "timezone_aware": "Thời điểm cần có múi giờ, ví dụ +07:00.",
        "uuid_type": "Phải là UUID.",
        "uuid_parsing": "Phải là UUID.",
        "json_invalid": "Không phải là JSON đọc được.",
        "value_error": "Giá trị không hợp lệ.",
        "budget_is_empty": "Ngân sách cần giới hạn số tin, số tiền hoặc cả hai.",
        "trigger_is_half": "Phân khúc theo dõi và thay đổi của nó (vào hay rời) phải đi cùng nhau.",
        "rule_or_querybuilder": "Hãy gửi một trong hai: rule hoặc querybuilder.",
        "text_or_calls": "Hãy gửi một trong hai: text hoặc calls.",
    }
)
_BODY = "body"


def of_fault(fault: Fault) -> dict[str, Any]:
    """Convert a fault of ours into one of a problem's `errors`."""
    said = fault.say()
    place = f"{_BODY}.{fault.where}" if fault.where else _BODY
    values = {name: value for name, value in fault.values.items() if not isinstance(value, Fault)}
    return {"field": place, "message": said.en, "kind": fault.kind, "text": said._asdict(), "values": values}


def of_pydantic(error: Mapping[str, Any]) -> dict[str, Any]:
    """Convert an error of pydantic into one of a problem's `errors`."""
    kind, message = str(error["type"]), str(error["msg"])
    cause = (error.get("ctx") or {}).get("error")
    if isinstance(cause, Refused):
        kind, message = cause.kind, str(cause)
    known = VIETNAMESE.get(kind)
    values = {name: value for name, value in (error.get("ctx") or {}).items() if isinstance(value, str | int | float)}
    written = {name: str(value).replace(" or ", " hoặc ") for name, value in values.items()}
    said = message if known is None else known.format_map(_Values(written))
    place = ".".join(str(part) for part in error["loc"])
    return {"field": place, "message": message, "kind": kind, "text": {"en": message, "vi": said}, "values": values}


class _Values(dict[str, str]):
    """The values that an error came with; a missing one is written as an ellipsis."""

    def __missing__(self, key: str) -> str:
        return "…"
