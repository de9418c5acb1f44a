"""What is wrong with a field of a policy."""

from collections.abc import Mapping

from rules.faults.said import UNSTORED, Said

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
    "not_stored": UNSTORED,
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
SENTENCES: Mapping[str, Said] = {
    f"policy.{kind}": Said(f"Policy field {{place}} {said.en}.", f"Trong chính sách, {{place}} {said.vi}.")
    for kind, said in _POLICY.items()
}
