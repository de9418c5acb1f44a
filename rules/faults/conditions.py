"""What is wrong at a place of a segment's rule."""

from collections.abc import Mapping

from rules.faults.said import UNSTORED, Said

_RULE: Mapping[str, Said] = {
    "no_text": Said("is no text, or an empty one", "không phải là chữ, hoặc để trống"),
    "too_long": Said("has more than {most} letters", "dài hơn {most} ký tự"),
    "not_stored": UNSTORED,
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
SENTENCES: Mapping[str, Said] = {
    f"rule.{kind}": Said(
        f"In a segment's rule, {{place}} {said.en}.", f"Trong quy tắc của phân khúc, {{place}} {said.vi}."
    )
    for kind, said in _RULE.items()
}
