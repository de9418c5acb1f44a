"""Why a record cannot be saved or found: a campaign, a segment, a template, a consent."""

from collections.abc import Mapping

from rules.faults.said import Said

_WHOLE: Mapping[str, Said] = {
    "campaign.fixed": Said(
        "The campaign {key!r} is active or has ended.",
        "Chiến dịch “{key}” đang chạy hoặc đã kết thúc. Hãy tạm dừng trước, hoặc dùng mã khác.",
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
    "channel.other_kind": Said(
        "The channel {name!r} is of another kind.", "Kênh “{name}” thuộc loại khác. Hãy đặt tên khác cho kênh mới."
    ),
    "consent.not_open": Said(
        "This consent is not open: it was finished, took too long, or another key began it.",
        "Lần uỷ quyền này không còn mở: đã xong, đã quá lâu, hoặc do khoá khác bắt đầu. Hãy bắt đầu lại.",
    ),
    "consent.refused": Said(
        "{said}.",
        "Zalo không cấp mã truy cập cho lần uỷ quyền này; chưa kết nối gì. Hãy bắt đầu lại. ({said})",
    ),
    "somebody": Said("somebody", "ai đó"),
    "profile.unknown": Said("There is no profile {key!r}.", "Không có khách hàng “{key}”. Hãy kiểm tra lại mã."),
}
_RECORDS = {"campaign": "chiến dịch", "segment": "phân khúc", "template": "mẫu tin"}
_SAVED: Mapping[str, Said] = {
    "taken": Said(
        "There is a {record} {{key!r}} already: {{by}} saved it at {{at}}.",
        "Đã có {record} “{{key}}”: {{by}} lưu lúc {{at}}. Hãy xem {record} ấy, rồi dùng mã khác hoặc sửa chính nó.",
    ),
    "changed": Said(
        "The {record} {{key!r}} is not what you saw: {{by}} saved it at {{at}}.",
        "{record} “{{key}}” không còn như bạn đã thấy: {{by}} đã lưu lúc {{at}}. Hãy tải lại rồi sửa tiếp.",
    ),
    "gone": Said(
        "There is no {record} {{key!r}} to change.", "Không có {record} “{{key}}” để sửa. Hãy lưu như một {record} mới."
    ),
}
SENTENCES: Mapping[str, Said] = {
    **{
        f"{record}.{kind}": Said(said.en.format(record=record), said.vi.format(record=vietnamese))
        for record, vietnamese in _RECORDS.items()
        for kind, said in _SAVED.items()
    },
    **_WHOLE,
}
