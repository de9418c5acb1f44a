"""Why an agent task failed: what was wrong with its calls, and what was not there."""

from collections.abc import Mapping

from rules.faults.said import Said

SENTENCES: Mapping[str, Said] = {
    "task.no_model": Said(
        "No model is configured that could read a text.",
        "Chưa cấu hình mô hình nào để đọc yêu cầu bằng lời. Hãy cấu hình mô hình, hoặc gửi lệnh thay cho lời.",
    ),
    "task.model": Said("The model gave no answer: {said}.", "Mô hình chưa trả lời được. Nguyên văn: {said}."),
    "task.timeout": Said("It took too long.", "Mất quá nhiều thời gian. Hãy thử lại."),
    "task.internal": Said(
        "Something failed that should not have ({said}).",
        "Có lỗi ngoài dự kiến ({said}). Hãy báo mã số của yêu cầu này cho người vận hành.",
    ),
    "task.workers_lost": Said(
        "{most} workers were lost while they worked on it.",
        "{most} tiến trình xử lý đã bị mất khi đang làm yêu cầu này. Hãy xem nhật ký của chúng rồi gửi lại.",
    ),
    "task.other": Said("{said}.", "Không thực hiện được. Nguyên văn: {said}."),
    "task.call": Said("calls[{place}]: {said}.", "Lệnh calls[{place}]: {said}."),
    "task.no_call": Said("No tool is called.", "Không gọi công cụ nào. Hãy gọi ít nhất một công cụ."),
    "task.many_calls": Said(
        "{count} calls are more than {most}.", "{count} lệnh là quá nhiều: tối đa {most}. Hãy chia thành nhiều yêu cầu."
    ),
    "task.no_tool": Said("There is no tool {name!r}.", "Không có công cụ “{name}”."),
    "task.no_scope": Said(
        "The tool {tool} needs the scope {scope}.",
        "Công cụ {tool} cần quyền {scope}. Hãy dùng khoá API có quyền này.",
    ),
    "task.scope_gone": Said(
        "The key that asked for task {task} has not the scope {scope} any more.",
        "Khoá API đã gửi yêu cầu {task} không còn quyền {scope}. Hãy gửi lại bằng khoá có quyền này.",
    ),
    "task.no_json": Said(
        "The arguments are no JSON that can be kept.", "Tham số không lưu được. Hãy gửi chữ thường và số hữu hạn."
    ),
    "task.long": Said(
        "The arguments are longer than {most} octets, or hold a NUL.",
        "Tham số dài hơn {most} byte, hoặc có ký tự NUL. Hãy gửi ít hơn.",
    ),
    "task.argument": Said("{tool}: {place}: {said}.", "Tham số {place} của {tool} chưa đúng. Nguyên văn: {said}."),
    "task.who_once": Said(
        "Say who is meant once.", "Hãy nói người nhận một lần: dùng conditions hoặc rule, không dùng cả hai."
    ),
    "task.no_number": Said(
        "{field} {test} needs a number, not {value!r}.", "{field} {test} cần một số, không phải “{value}”."
    ),
    "task.beyond": Said(
        "It would reach {people} people, more than the {most} it may reach.",
        "Yêu cầu sẽ gửi tới {people} người, nhiều hơn {most} người được phép. Hãy để một người phê duyệt.",
    ),
    "campaign.unknown": Said(
        "There is no campaign {key!r}.", "Không có chiến dịch “{key}”. Hãy kiểm tra lại khoá của chiến dịch."
    ),
    "campaign.exists": Said(
        "The campaign {key!r} exists.", "Đã có chiến dịch “{key}”. Hãy dùng chính nó, hoặc dùng khoá khác."
    ),
    "campaign.not_active": Said(
        "The campaign {key!r} is {status}.",
        "Chiến dịch “{key}” chưa chạy hoặc đang tạm dừng ({status}). Hãy kích hoạt trước khi gửi tin.",
    ),
    "segment.other_rule": Said(
        "The segment {key!r} exists and has another rule.",
        "Đã có phân khúc “{key}” với quy tắc khác. Hãy dùng chính nó, hoặc dùng khoá khác.",
    ),
    "template.unapproved": Said(
        "There is no approved template {key!r}.",
        "Không có mẫu tin “{key}” đã duyệt. Hãy kiểm tra lại khoá, hoặc duyệt mẫu trước.",
    ),
}
