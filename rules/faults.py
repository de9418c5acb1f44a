"""What is wrong with something that was sent, said in any language: a kind, a place, values.

Each kind has one sentence a language. Whoever refuses names the kind: nobody has to read a sentence to know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, Union


class Said(NamedTuple):
    """A sentence in each language; names in braces are the place and the values of a fault."""

    en: str
    vi: str


Value: TypeAlias = Union[str, int, float, "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is a key of SENTENCES. `where`: which part of what was sent, as in `rule.all[2].is`; "": the whole."""

    kind: str
    where: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    def say(self) -> Said:
        """Give the sentence in each language; numbers are written as that language writes them."""
        said = SENTENCES[self.kind]
        return Said(*(text.format(**_written(self.values, place)) for place, text in enumerate(said)))


def _written(values: Mapping[str, Value], language: int) -> dict[str, str]:
    return {name: _value(value, language) for name, value in values.items()}


def _value(value: Value, language: int) -> str:
    if isinstance(value, Fault):
        return value.say()[language].removesuffix(".")
    if isinstance(value, str):
        return value
    grouped = f"{value:,}"
    return grouped if Said._fields[language] == "en" else grouped.translate(_COMMAS)


_COMMAS = str.maketrans(",.", ".,")
_UNSTORED = Said(
    "has a letter that cannot be stored (U+0000 or half of a surrogate pair)",
    "có ký tự không lưu được (U+0000 hoặc nửa cặp surrogate)",
)

_RULE: Mapping[str, Said] = {
    "no_text": Said("is no text, or an empty one", "không phải là chữ, hoặc để trống"),
    "too_long": Said("has more than {most} letters", "dài hơn {most} ký tự"),
    "not_stored": _UNSTORED,
    "no_number": Said("is no number", "không phải là số"),
    "too_large": Said("is a number beyond 1e308", "là số vượt quá 1e308"),
    "no_whole_number": Said(
        "is no whole number from {least} to {most}", "không phải là số nguyên từ {least} đến {most}"
    ),
    "no_amount": Said("is no number from {least} to {most}", "không phải là số từ {least} đến {most}"),
    "no_flag": Said("is neither true nor false", "không phải là true hay false"),
    "no_scalar": Said(
        "is neither text nor a number, true, false or null", "không phải là chữ, số, true, false hay null"
    ),
    "no_list": Said("is no list, or an empty one", "không phải là danh sách, hoặc là danh sách trống"),
    "too_many": Said("has more than {most} values", "có hơn {most} giá trị"),
    "no_word": Said("is none of {known}", "không phải là một trong: {known}"),
    "unknown_key": Said(
        "has an unknown key, {named}; it may have {known}", "có khoá không biết, {named}; chỉ có thể có: {known}"
    ),
    "no_pairs": Said("is no object of at most {most} values", "không phải là đối tượng có tối đa {most} giá trị"),
    "twice": Said("has one name twice", "có một tên lặp lại"),
    "no_bound": Said(
        'is neither a date nor {{"days_ago": n}}', 'không phải là ngày, cũng không phải {{"days_ago": n}}'
    ),
    "no_date": Said(
        "is no date such as 2026-05-01 or 2026-05-01T09:00:00+07:00",
        "không phải là ngày dạng 2026-05-01 hoặc 2026-05-01T09:00:00+07:00",
    ),
    "no_range": Said("is not two numbers, the smaller first", "không phải là hai số, số nhỏ đứng trước"),
    "needs_one": Said("needs exactly one of {known}", "cần đúng một trong: {known}"),
    "two_spans": Said("has both after and in_last_days", "có cả after lẫn in_last_days"),
    "no_ends": Said(
        "is no object with {known}, each a number", "không phải là đối tượng có {known}, mỗi cái là một số"
    ),
    "reversed": Said("has its larger number first", "có số lớn đứng trước"),
    "no_graph": Said(
        'is neither the name of a pattern nor {{"cypher": "..."}}',
        'không phải là tên một mẫu đồ thị, cũng không phải {{"cypher": "..."}}',
    ),
    "too_deep": Said("lies deeper than {most}", "nằm sâu hơn {most} tầng"),
    "too_many_parts": Said("has more than {most} parts", "có hơn {most} phần"),
    "no_object": Said("is no object", "không phải là đối tượng JSON"),
    "no_parts": Said("is no list of parts", "không phải là danh sách các phần"),
}
_POLICY: Mapping[str, Said] = {
    "no_object": Said("must be an object", "phải là đối tượng JSON"),
    "unknown": Said("is not a field of a policy", "không có trong chính sách"),
    "no_list": Said("must be a list", "phải là danh sách"),
    "too_many": Said("has more than {most} parts", "có hơn {most} phần"),
    "empty": Said("is empty: leave it out to mean every one", "đang trống: hãy bỏ hẳn nếu muốn nói tất cả"),
    "no_flag": Said("must be true or false", "phải là true hoặc false"),
    "no_number": Said("must be a number within {most} of 0", "phải là số, không cách 0 quá {most}"),
    "below_zero": Said("must not be below 0", "không được nhỏ hơn 0"),
    "not_above_zero": Said("must be above 0", "phải lớn hơn 0"),
    "no_whole_number": Said("must be a whole number from {least}", "phải là số nguyên từ {least} trở lên"),
    "no_share": Said("must lie between 0 and 1", "phải nằm giữa 0 và 1"),
    "no_text": Said("must be a text of 1 to {most} letters", "phải là chữ, từ 1 đến {most} ký tự"),
    "not_stored": _UNSTORED,
    "no_word": Said("must be {first} or {last}", "phải là {first} hoặc {last}"),
    "no_zone": Said("is no IANA time zone: {given}", "không phải là múi giờ IANA: {given}"),
    "no_time": Said("must be a time such as 21:00, not {given}", "phải là giờ dạng 21:00, không phải {given}"),
    "has_zone": Said(
        "is in each person's own zone, {given} names one",
        "tính theo múi giờ của từng người, còn {given} nêu một múi giờ",
    ),
    "twice": Said("has one name twice", "có một tên lặp lại"),
    "channel_twice": Said("has one channel twice", "có một kênh lặp lại"),
    "needs_one_span": Said("needs exactly one of days, hours and per", "cần đúng một trong: days, hours, per"),
    "fallback_too_long": Said("must be at most 720", "tối đa là 720"),
    "no_order": Said(
        "must name at least one arbiter, and none twice", "phải nêu ít nhất một bộ phân xử, không lặp lại"
    ),
    "no_rule": Said("cannot be read: {why}", "không đọc được: {why}"),
    "no_window": Said(
        "must look back more than nothing and at most 366 days", "phải nhìn lại một khoảng lớn hơn 0 và tối đa 366 ngày"
    ),
    "all_day": Said(
        "would last all day: {first} and {last} are the same", "sẽ kéo dài cả ngày: {first} và {last} trùng nhau"
    ),
}
_WHOLE: Mapping[str, Said] = {
    "campaign.fixed": Said(
        "The campaign {key!r} is active or has ended.",
        "Chiến dịch “{key}” đang chạy hoặc đã kết thúc. Hãy tạm dừng trước, hoặc dùng khoá khác.",
    ),
    "campaign.ends_first": Said(
        "The campaign would end before it starts.",
        "Chiến dịch sẽ kết thúc trước khi bắt đầu. Hãy sửa một trong hai lúc.",
    ),
    "campaign.template": Said(
        "There is no template {template}, or it is retired.",
        "Không có mẫu tin số {template}, hoặc mẫu đã ngừng dùng. Hãy chọn mẫu khác.",
    ),
    "segment.unknown": Said(
        "There is no segment {key!r}.", "Không có phân khúc “{key}”. Hãy chọn lại trong danh sách."
    ),
    "segment.missing": Said(
        "There is no segment {key!r}.", "Quy tắc nhắc tới phân khúc “{key}” chưa có. Hãy lưu phân khúc ấy trước."
    ),
    "segment.circle": Said(
        "The segment {key!r} would refer to itself.",
        "Phân khúc “{key}” sẽ nhắc tới chính nó. Các phân khúc không được nối thành vòng.",
    ),
    "segment.zone": Said(
        "There is no time zone {zone!r}.", "Không có múi giờ “{zone}”. Hãy dùng tên IANA như Asia/Ho_Chi_Minh."
    ),
    "segment.schedule": Said(
        "The schedule {schedule!r} cannot be read.",
        "Không đọc được lịch “{schedule}”. Hãy viết năm trường của cron: phút giờ ngày tháng thứ, ví dụ 0 6 * * *.",
    ),
    "segment.rule_fails": Said(
        "The rule cannot be asked: {said}.",
        "Không hỏi được quy tắc này. Hãy sửa truy vấn đồ thị trong đó (máy chủ nói: {said}).",
    ),
    "pattern.unknown": Said(
        "There is no graph pattern {name!r}.", "Không có mẫu đồ thị “{name}”. Có các mẫu: {known}."
    ),
    "pattern.values": Said(
        "The graph pattern {name} does not take these values: {wrong}.",
        "Mẫu đồ thị “{name}” không nhận các giá trị: {wrong}. Trong `with` cần: {wanted}.",
    ),
    "pattern.returns": Said(
        "A graph pattern returns the ids of people and nothing else.",
        "Mẫu đồ thị chỉ trả về mã số của người. Hãy kết thúc bằng RETURN p.profile_id, trong đó p là một Profile.",
    ),
    "cypher.refused": Said(
        "Cypher, line {line}, column {column}: {said}",
        "Cypher, dòng {line}, cột {column}: máy chủ không nhận chỗ này. Nguyên văn: {said} {remedy}",
    ),
    "channel.other_kind": Said(
        "The channel {name!r} is of another kind.", "Kênh “{name}” thuộc loại khác. Hãy đặt tên khác cho kênh mới."
    ),
    "consent.not_open": Said(
        "This consent is not open: it was finished, took too long, or another key began it.",
        "Lần uỷ quyền này không còn mở: đã xong, đã quá lâu, hoặc do khoá khác bắt đầu. Hãy bắt đầu lại.",
    ),
    "consent.refused": Said(
        "{said}",
        "Zalo không cấp mã truy cập cho lần uỷ quyền này; chưa kết nối gì. Hãy bắt đầu lại. (Nguyên văn: {said})",
    ),
    "somebody": Said("somebody", "ai đó"),
    "profile.unknown": Said("There is no profile {key!r}.", "Không có khách hàng “{key}”. Hãy kiểm tra lại mã."),
}
_RECORDS = {"campaign": "chiến dịch", "segment": "phân khúc", "template": "mẫu tin"}
_SAVED: Mapping[str, Said] = {
    "taken": Said(
        "There is a {record} {{key!r}} already: {{by}} saved it at {{at}}.",
        "Đã có {record} “{{key}}”: {{by}} lưu lúc {{at}}. Hãy xem {record} ấy, rồi dùng khoá khác hoặc sửa chính nó.",
    ),
    "changed": Said(
        "The {record} {{key!r}} is not what you saw: {{by}} saved it at {{at}}.",
        "{record} “{{key}}” không còn như bạn đã thấy: {{by}} đã lưu lúc {{at}}. Hãy tải lại rồi sửa tiếp.",
    ),
    "gone": Said(
        "There is no {record} {{key!r}} to change.", "Không có {record} “{{key}}” để sửa. Hãy lưu như một {record} mới."
    ),
}
SENTENCES: Mapping[str, Said] = MappingProxyType(
    {
        **{
            f"rule.{kind}": Said(
                f"In a segment's rule, {{place}} {said.en}.", f"Trong quy tắc của phân khúc, {{place}} {said.vi}."
            )
            for kind, said in _RULE.items()
        },
        **{
            f"policy.{kind}": Said(f"Policy field {{place}} {said.en}.", f"Trong chính sách, {{place}} {said.vi}.")
            for kind, said in _POLICY.items()
        },
        **{
            f"{record}.{kind}": Said(said.en.format(record=record), said.vi.format(record=vietnamese))
            for record, vietnamese in _RECORDS.items()
            for kind, said in _SAVED.items()
        },
        **_WHOLE,
    }
)


def in_rule(place: str, kind: str, **values: Value) -> Fault:
    """Name what is wrong at a place of a segment's rule, such as `rule.all[2]`."""
    where = place if place.startswith("rule") else "rule"
    return Fault(f"rule.{kind}", where, {"place": place, **values})


def in_policy(place: str, kind: str, **values: Value) -> Fault:
    """Name what is wrong with a field of a policy, such as `caps[0].limit`."""
    return Fault(f"policy.{kind}", f"policy.{place}", {"place": place, **values})
