"""What is wrong with a template or one person's message: its parts, its Liquid, its buttons, its channel's limits."""

from collections.abc import Mapping

from rules.faults.said import Said

# Nouns that are inserted into a sentence.
_NAMES: Mapping[str, Said] = {
    "part.subject": Said("subject", "tiêu đề"),
    "part.text": Said("text", "phần văn bản"),
    "part.html": Said("html", "phần HTML"),
    "part.message": Said("message", "nội dung tin"),
    "part.template_id": Said("template_id", "mã mẫu của nhà cung cấp (template_id)"),
    "count.octets": Said("octets", "byte"),
    "count.characters": Said("characters", "ký tự"),
    "shape.text": Said("text", "đoạn chữ"),
    "shape.url": Said("url", "địa chỉ"),
    "shape.flag": Said("flag", "true hay false"),
    "shape.parameters": Said("parameters", "bảng tham số"),
    "medium.email": Said("E-mail", "E-mail"),
    "medium.zalo_oa": Said("Zalo OA", "Zalo OA"),
    "medium.zalo_template": Said("Zalo ZNS", "Zalo ZNS"),
    "medium.facebook": Said("Messenger", "Messenger"),
    "medium.telegram": Said("Telegram", "Telegram"),
    "medium.app_push": Said("App push", "Thông báo ứng dụng"),
    "medium.web_push": Said("Web push", "Thông báo web"),
    "medium.chat": Said("Web chat", "Chat trên web"),
}
_BUTTONS: Mapping[str, Said] = {
    "buttons.no_list": Said(
        'The buttons are no list of {{"title": "...", "url": "..."}}.',
        'Các nút không phải là danh sách dạng {{"title": "...", "url": "..."}}.',
    ),
    "buttons.too_many": Said("There are {count} buttons of {most}.", "Có {count} nút, tối đa là {most}. Hãy bỏ bớt."),
    "buttons.long_text": Said(
        "Its text has {count} characters of {most} above buttons.",
        "Phần chữ phía trên các nút có {count} ký tự, tối đa là {most}. Hãy rút ngắn.",
    ),
    "button.unknown_key": Said(
        "Button {number} has {name!r}, which no button has.", "Nút {number} có “{name}”, là thứ không nút nào có."
    ),
    "button.no_title": Said("Button {number} has no title.", "Nút {number} chưa có chữ trên nút."),
    "button.long_title": Said(
        "The title of button {number} has {count} characters of {most}.",
        "Chữ trên nút {number} có {count} ký tự, tối đa là {most}. Hãy rút ngắn.",
    ),
    "button.needs_one": Said(
        "Button {number} needs a url or a reply, and not both.",
        "Nút {number} cần một liên kết hoặc một câu trả lời, không phải cả hai.",
    ),
    "button.no_address": Said(
        "The url of button {number} is no http or https address.",
        "Liên kết của nút {number} chưa đúng. Hãy viết đầy đủ, ví dụ https://cuahang.vn/gio-hang.",
    ),
    "button.no_https_address": Said(
        "The url of button {number} is no https address.",
        "Liên kết của nút {number} phải bắt đầu bằng https://. Hãy viết đầy đủ, ví dụ https://cuahang.vn/gio-hang.",
    ),
    "button.long_url": Said(
        "The url of button {number} has {count} characters of {most}.",
        "Liên kết của nút {number} có {count} ký tự, tối đa là {most}. Hãy rút ngắn.",
    ),
    "button.no_replies": Said(
        "Button {number} cannot answer on this channel: give it a url.",
        "Kênh này không có nút trả lời: nút {number} cần một liên kết.",
    ),
    "button.no_reply": Said("The reply of button {number} is empty.", "Nút {number} chưa có câu trả lời."),
    "button.long_reply": Said(
        "The reply of button {number} has {count} octets of {most}.",
        "Câu trả lời của nút {number} dài {count} byte, tối đa là {most} (chữ có dấu chiếm 2 hoặc 3). Hãy rút ngắn.",
    ),
}
_CONTENT: Mapping[str, Said] = {
    "content.no_part": Said("{channel} carries no {part}.", "{channel} không có {part}. Hãy bỏ phần này."),
    "content.needs": Said("{channel} needs a {part}.", "{channel} cần có {part}. Hãy viết thêm."),
    "content.no_buttons": Said("{channel} carries no buttons.", "{channel} không có nút. Hãy bỏ các nút."),
    "content.too_long": Said(
        "Its {part} has {used} {count} of {most}.", "Trong tin này, {part} có {used} {count}, tối đa là {most}."
    ),
    "content.empty_part": Said("Its {part} is empty.", "Trong tin này, {part} đang trống."),
    "content.empty": Said("It is empty for this person.", "Với người này, tin không có nội dung gì."),
    "content.harmful": Said("A link in it would run a script.", "Trong tin có liên kết sẽ chạy mã lệnh. Hãy bỏ đi."),
    "content.active": Said("No reader runs {tag!r}.", "Hộp thư không chạy “{tag}”. Hãy bỏ đi."),
    "field.wrong_kind": Said("{name} is no {shape}.", "{name} không phải là {shape}."),
    "field.too_long": Said(
        "{name} has {count} characters of {most}.", "{name} có {count} ký tự, tối đa là {most}. Hãy rút ngắn."
    ),
    "field.no_address": Said(
        "{name} is no http or https address.", "{name} phải là địa chỉ http hoặc https viết đầy đủ."
    ),
    "field.no_flag": Said("{name} is neither true nor false.", "{name} phải là true hoặc false."),
    "parameter.too_many": Said(
        "{name} has {count} parameters of {most}.", "{name} có {count} tham số, tối đa là {most}."
    ),
    "parameter.no_declaration": Said(
        "{name} is no list of parameters with {known}.", "{name} không phải là danh sách tham số có {known}."
    ),
    "parameter.unknown": Said(
        "The parameter {name} is not one of the provider's template.",
        "Tham số {name} không có trong mẫu của nhà cung cấp. Hãy bỏ đi.",
    ),
    "parameter.required": Said(
        "The parameter {name} is required and not given.", "Thiếu tham số bắt buộc {name}. Hãy điền vào."
    ),
    "parameter.empty": Said("The parameter {name} is empty.", "Tham số {name} đang trống."),
    "parameter.too_long": Said(
        "The parameter {name} has {count} characters of {most}.", "Tham số {name} có {count} ký tự, tối đa là {most}."
    ),
    "parameter.too_short": Said(
        "The parameter {name} has {count} characters and needs {least}.",
        "Tham số {name} có {count} ký tự, cần ít nhất {least}.",
    ),
    "parameter.wrong_type": Said("The parameter {name} is no {type}.", "Tham số {name} không phải là {type}."),
}
_LIQUID: Mapping[str, Said] = {
    "template.languages": Said(
        "The template {name} is written in too many languages.",
        "Mẫu tin {name} có quá nhiều ngôn ngữ. Chỉ được tối đa {most}.",
    ),
    "template.no_language": Said("{locale!r} is no language.", "“{locale}” không phải là ngôn ngữ. Hãy viết vi, en..."),
    "template.no_body": Said(
        "The template {name} has no body.", "Mẫu tin {name} chưa có nội dung. Hãy viết phần văn bản hoặc HTML."
    ),
    "template.unknown_name": Said(
        "The template {name} uses {variable}, which nobody fills.",
        "Mẫu tin {name} dùng {variable}, là giá trị không ai điền. Có thể dùng: {known}.",
    ),
    "template.missing": Said(
        "The template {name} needs {variable}, which is missing.",
        "Mẫu tin {name} cần {variable}, mà người này không có. Hãy điền, hoặc viết giá trị thay thế bằng default.",
    ),
    "template.too_much_work": Said(
        "The template {name} is too much work: {said}.",
        "Mẫu tin {name} làm quá nhiều việc. Hãy viết gọn hơn. Nguyên văn: {said}.",
    ),
    "template.cannot_be_filled": Said(
        "The template {name} cannot be filled: {said}.", "Không điền được mẫu tin {name}: {said}."
    ),
    "template.no_liquid": Said(
        "The template {name} is no valid Liquid: {said}.",
        "Cú pháp Liquid của mẫu tin {name} chưa đúng. Hãy sửa. Nguyên văn: {said}.",
    ),
    "template.too_much_data": Said(
        "The data of the template {name} is too much.",
        "Dữ liệu của mẫu tin {name} quá nhiều: lồng tối đa {depth} tầng, tối đa {texts} đoạn chữ.",
    ),
    "template.mjml_too_large": Said(
        "The MJML of the template {name} is too large.", "MJML của mẫu tin {name} quá lớn."
    ),
    "template.no_mjml": Said(
        "The template {name} is no valid MJML: {said}.", "MJML của mẫu tin {name} chưa đúng. Nguyên văn: {said}."
    ),
    "template.unknown_mjml": Said(
        "The template {name} uses {tag}, which MJML does not know here.",
        "Mẫu tin {name} dùng {tag}, là thẻ mà MJML không có ở chỗ này.",
    ),
    "template.mjml_and_html": Said(
        "The template {name} has both MJML and HTML.", "Mẫu tin {name} có cả MJML lẫn HTML. Hãy để lại một."
    ),
    # What Liquid's own filters say about a value, in Liquid's words.
    "filter.said": Said("{said}", "bộ lọc không nhận giá trị này (nguyên văn: {said})"),
    "filter.no_amount": Said("an amount is needed, not nothing", "cần một số, không được để trống"),
    "filter.not_an_amount": Said("an amount is needed, such as 199000", "cần một số, ví dụ 199000"),
    "filter.amount_too_large": Said("the amount is too large to be one", "số này quá lớn"),
    "filter.long_form": Said("a date's form has at most {most} characters", "dạng viết ngày có tối đa {most} ký tự"),
    "filter.no_form": Said(
        "a date's form is one of {known}, or made of letters such as %d/%m/%Y",
        "dạng viết ngày là một trong: {known}, hoặc viết bằng ký hiệu như %d/%m/%Y",
    ),
    "filter.no_part": Said("a date has no part %{letter}", "ngày không có phần %{letter}"),
    "filter.long_date": Said("what should be a date is too long to be one", "chỗ cần ngày lại quá dài"),
    "filter.no_date": Said(
        "a date is needed, such as 2027-01-31 or 2027-01-31T09:00:00+07:00",
        "cần một ngày, ví dụ 2027-01-31 hoặc 2027-01-31T09:00:00+07:00",
    ),
    "filter.no_year": Said("the date's year cannot be written", "không viết được năm của ngày này"),
    "filter.arguments": Said("a filter is given too much or too little", "một bộ lọc được cho thừa hoặc thiếu giá trị"),
}
SENTENCES: Mapping[str, Said] = {**_NAMES, **_BUTTONS, **_CONTENT, **_LIQUID}
