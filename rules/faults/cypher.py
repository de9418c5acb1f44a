"""What is wrong with a Cypher query: a word outside the grammar, a parameter, something the server refuses."""

from collections.abc import Mapping

from rules.faults.said import Said

_WORDS: Mapping[str, Said] = {
    "no_cast": Said(
        "Casts with '::' are not taken.",
        "Không dùng “::” để đổi kiểu. Hãy dùng toInteger, toFloat, toString hoặc toBoolean.",
    ),
    "no_range": Said(
        "Ranges with '..' are not taken.",
        "Không dùng khoảng “..”. Hãy viết mẫu có độ dài cố định, hoặc một danh sách.",
    ),
    "no_backtick": Said(
        "Names in backticks are not taken.",
        "Không dùng tên trong dấu huyền ngược. Hãy đặt tên bằng chữ cái, chữ số và dấu gạch dưới.",
    ),
    "no_semicolon": Said(
        "A query is one statement and has no ';'.",
        "Mỗi truy vấn chỉ là một câu lệnh, không có “;”. Hãy gửi từng câu một.",
    ),
    "no_map": Said(
        "Maps in '{{}}' are not taken.",
        "Không dùng “{{}}”. Hãy so sánh bằng WHERE, ví dụ WHERE p.ext_id = $ext_id.",
    ),
    "lonely_dollar": Said(
        "A '$' has to begin the name of a parameter.",
        "“$” phải mở đầu tên một tham số. Hãy viết $name bằng chữ thường, sau một dấu cách.",
    ),
    "open_text": Said(
        "This text does not end, or holds an unknown escape.",
        "Đoạn chữ này chưa kết thúc, hoặc có ký tự thoát lạ. Hãy đóng ngoặc kép hay ngoặc đơn, và viết \\ thành \\\\.",
    ),
    "one_kind": Said("An edge has one kind.", "Mỗi cạnh chỉ có một loại. Hãy viết một MATCH cho mỗi loại."),
    "no_bare_edge": Said(
        "Comments and edges without brackets are not taken.",
        "Không dùng chú thích, cũng không dùng cạnh thiếu ngoặc vuông. Hãy viết cạnh như -[:KIND]->.",
    ),
    "no_brackets": Said("An edge is written with brackets.", "Cạnh phải có ngoặc vuông. Hãy viết như -[:KIND]->."),
    "no_comment": Said("Comments are not taken.", "Không dùng chú thích. Hãy bỏ đi."),
    "unknown_sign": Said(
        "{text!r} is not taken here.",
        "Không dùng được “{text}” ở đây. Hãy đặt dấu cách quanh toán tử, và để ký tự khác trong ngoặc kép.",
    ),
    "too_long": Said(
        "The query has {count} characters.", "Truy vấn có {count} ký tự. Chỉ được viết tối đa {most} ký tự."
    ),
    "unprintable": Said("The character {text!r} is not taken.", "Có ký tự không dùng được ({text!r}). Hãy xoá đi."),
    "expected": Said(
        "{wanted} is expected here, not {found!r}.", "Ở đây phải là {wanted}, không phải “{found}”. Hãy sửa lại."
    ),
    "expected_at_end": Said(
        "{wanted} is expected here, not the end.", "Truy vấn còn thiếu: ở cuối phải có {wanted}. Hãy viết tiếp."
    ),
    "only_read": Said(
        "{word} is not taken: queries only read.", "Không dùng {word}: truy vấn chỉ được đọc. Hãy bỏ từ này."
    ),
    "clause_expected": Said(
        "MATCH, OPTIONAL MATCH, WITH or RETURN is expected here.",
        "Ở đây phải là MATCH, OPTIONAL MATCH, WITH hoặc RETURN.",
    ),
    "unused_list": Said(
        "This MATCH does not use {name!r}.",
        "Mệnh đề MATCH này không dùng “{name}”. Hãy so sánh với nó, ví dụ WHERE p.profile_id = {name}.",
    ),
    "listed_twice": Said("{name!r} is listed twice.", "“{name}” được liệt kê hai lần. Hãy dùng tên khác."),
    "with_needs_name": Said(
        "What WITH computes needs a name.", "Giá trị tính trong WITH cần có tên. Hãy thêm AS và một tên."
    ),
    "keeps_name": Said(
        "A node, edge or path keeps its name.", "Nút, cạnh và đường đi phải giữ nguyên tên. Hãy bỏ AS và tên sau đó."
    ),
    "named_already": Said("{name!r} is named already.", "Tên “{name}” đã dùng rồi. Hãy dùng tên khác."),
    "not_last": Said("The query ends with RETURN.", "Truy vấn phải kết thúc bằng RETURN. Hãy bỏ phần phía sau."),
    "return_needs_name": Said(
        "What RETURN computes needs a name.", "Giá trị tính trong RETURN cần có tên. Hãy thêm AS và một tên."
    ),
    "two_columns": Said(
        "There are two columns {name!r}.", "Có hai cột cùng tên “{name}”. Hãy đặt tên khác cho một cột bằng AS."
    ),
    "number_expected": Said(
        "A whole number or a parameter is expected here.", "Ở đây phải là một số nguyên hoặc một tham số."
    ),
    "nested": Said("This is nested more than {most} times.", "Chỗ này lồng nhau quá {most} tầng. Hãy viết phẳng hơn."),
    "in_a_row": Said(
        "{operator} cannot follow {before} like this.",
        "{operator} không thể đứng ngay sau {before}. Hãy đặt một trong hai vào ngoặc đơn.",
    ),
    "no_value": Said(
        "A condition is no value here.",
        "Ở đây cần một giá trị, không phải điều kiện. Hãy viết CASE WHEN điều kiện THEN 1 ELSE 0 END.",
    ),
    "value_expected": Said("A value is expected here.", "Ở đây phải là một giá trị."),
    "list_too_long": Said(
        "This list has {count} values.", "Danh sách này có {count} giá trị. Chỉ được viết tối đa {most}."
    ),
    "argument_count": Said(
        "{function} does not take {count} values.",
        "{function} không nhận {count} giá trị. Hãy cho từ {least} đến {most} giá trị.",
    ),
    "no_function": Said("The function {name!r} is not taken.", "Không dùng được hàm “{name}”. Có các hàm: {known}."),
    "exists_takes": Said(
        "exists() takes a property or a pattern.",
        "exists() chỉ nhận một thuộc tính hoặc một mẫu, ví dụ exists(p.name).",
    ),
    "unknown_pattern": Said(
        "This pattern names no node that is known.",
        "Mẫu này không nhắc tới nút nào đã biết. Hãy bắt đầu bằng một nút đã có tên.",
    ),
    "aggregate_here": Said(
        "{function}() is not taken here.", "Không dùng được {function}() ở đây. Hãy tính trong WITH hoặc RETURN."
    ),
    "collect_elsewhere": Said(
        "collect() is taken in RETURN alone.", "collect() chỉ dùng được trong RETURN. Trước đó hãy dùng count()."
    ),
    "collect_takes": Said(
        "collect() takes a variable or a property.", "collect() chỉ gom một biến hoặc một thuộc tính."
    ),
    "collect_unbounded": Said(
        "collect() has no bound here.",
        "collect() ở đây không có giới hạn. Trước nó hãy viết WITH những gì cần, rồi LIMIT {most} hoặc ít hơn.",
    ),
    "collects": Said("There are more than {most} collect().", "Có hơn {most} collect(). Hãy hỏi ít hơn mỗi lần."),
    "grows": Said(
        "This text or list would grow too long.", "Đoạn chữ hoặc danh sách này sẽ quá dài. Hãy nối ít hơn bằng “+”."
    ),
    "no_shared_node": Said(
        "This pattern shares no node with what stands before it, so everything would be joined with everything.",
        "Mẫu này không chung nút nào với phần trước, nên mọi thứ sẽ bị ghép với mọi thứ. "
        "Hãy bắt đầu bằng một nút đã có tên.",
    ),
    "no_label": Said(
        "No node of this pattern has a label.",
        "Không nút nào trong mẫu này có nhãn. Hãy viết một nhãn, ví dụ (p:Profile).",
    ),
    "something_else": Said(
        "{name!r} is something else already.", "“{name}” đã là thứ khác. Hãy dùng tên khác, hoặc bỏ nhãn."
    ),
    "variable_length": Said(
        "Paths of variable length are not taken.", "Không dùng đường đi có độ dài tuỳ ý. Hãy viết từng bước."
    ),
    "no_direction": Said(
        "This edge has no direction.",
        "Cạnh này chưa có hướng. Hãy viết -[:KIND]-> hoặc <-[:KIND]-, hay một MATCH cho mỗi hướng.",
    ),
    "label_expected": Said("A label is expected here.", "Ở đây phải là một nhãn."),
    "kind_expected": Said("A kind of edge is expected here.", "Ở đây phải là một loại cạnh."),
    "no_such_label": Said("There is no label {name!r}.", "Không có nhãn “{name}”. Có các nhãn: {known}."),
    "no_such_kind": Said("There is no kind of edge {name!r}.", "Không có loại cạnh “{name}”. Có các loại: {known}."),
    "unknown_outside": Said(
        "{name!r} is not known outside of exists().",
        "“{name}” không có ở ngoài exists(). Hãy bỏ tên, hoặc MATCH nó trước.",
    ),
    "too_many_elements": Said(
        "The patterns have more than {most} nodes and edges.",
        "Các mẫu có hơn {most} nút và cạnh. Hãy hỏi ít hơn mỗi lần.",
    ),
    "name_expected": Said("A name is expected here.", "Ở đây phải là một tên."),
    "no_name": Said(
        "{name!r} cannot be a name.",
        "“{name}” không dùng làm tên được. Hãy bắt đầu bằng chữ cái, không bằng {prefix}, và dùng tối đa {most} ký tự.",
    ),
    "no_variable": Said(
        "There is no variable {name!r} here.",
        "Ở đây không có biến “{name}”. Hãy đặt tên nó trước, trong MATCH, UNWIND hoặc WITH.",
    ),
    "own_parameter": Said(
        "A parameter cannot begin with {prefix}.", "Tên tham số không được bắt đầu bằng {prefix}. Hãy dùng tên khác."
    ),
    "property_expected": Said("The name of a property is expected here.", "Ở đây phải là tên một thuộc tính."),
    "no_properties": Said("Only nodes and edges have properties.", "Chỉ nút và cạnh mới có thuộc tính."),
    "no_such_property": Said(
        "{element} has no property {name!r}.", "{element} không có thuộc tính “{name}”. Có: {known}."
    ),
    "no_property_anywhere": Said(
        "The graph has no property {name!r}.", "Đồ thị không có thuộc tính “{name}”. Có: {known}."
    ),
}
_ASKED: Mapping[str, Said] = {
    "parameters": Said(
        "The parameters are not those of the query: {wrong}.",
        "Tham số không khớp với truy vấn: {wrong}. Truy vấn cần: {wanted}.",
    ),
    "parameters_too_large": Said(
        "The parameters have more than {most} octets.",
        "Các tham số lớn hơn {most} byte. Hãy gửi ít hơn hoặc ngắn hơn.",
    ),
    "too_many_values": Said(
        "The parameter ${name} has {count} values.", "Tham số ${name} có {count} giá trị. Chỉ được tối đa {most}."
    ),
    "no_plain_value": Said(
        "The parameter ${name} is no plain value.",
        "Tham số ${name} không phải là giá trị đơn giản. Hãy gửi chữ, số, true, false, null hoặc danh sách.",
    ),
    "text_too_long": Said(
        "The parameter ${name} is too long or holds NUL.",
        "Tham số ${name} quá dài hoặc có ký tự NUL. Chỉ được tối đa {most} ký tự.",
    ),
    "number_too_large": Said(
        "The parameter ${name} is too large.", "Tham số ${name} là số quá lớn. Hãy gửi số trong 64 bit."
    ),
    "no_number": Said("The parameter ${name} is no number.", "Tham số ${name} không phải là số. Hãy gửi một số."),
    "no_kind": Said("There is no kind of edge {name!r}.", "Không có loại cạnh “{name}”. Có các loại: {known}."),
    "no_edges": Said("A {label} has no such edges.", "{label} không có loại cạnh như vậy."),
    "no_node": Said("There is no node {node!r}.", "Không có nút “{node}”. Hãy gửi mã của một nút trong kết quả."),
    "timed_out": Said(
        "The query was stopped: it ran for {seconds} s, or somebody asked for its end.",
        "Truy vấn đã bị dừng: đã chạy {seconds} giây, hoặc có người yêu cầu dừng. Hãy thêm điều kiện hoặc hỏi ít hơn.",
    ),
    "too_much_memory": Said(
        "The query needs more memory than a query may have.",
        "Truy vấn cần nhiều bộ nhớ hơn mức cho phép. Hãy hỏi ít hơn mỗi lần.",
    ),
    "server_refuses": Said(
        "Apache AGE refuses this query: {said}.",
        "Máy chủ đồ thị không chạy được truy vấn này. Hãy sửa rồi hỏi lại. Nguyên văn: {said}.",
    ),
    "not_recorded": Said("The query {ticket} was not recorded.", "Truy vấn {ticket} chưa được ghi lại. Hãy gửi lại."),
    "stopped_before": Said(
        "The query was stopped before it began.", "Truy vấn đã bị dừng trước khi bắt đầu. Hãy gửi lại."
    ),
    "full": Said(
        "Four queries of this tenant are running.",
        "Đang có bốn truy vấn cùng chạy ở đây. Hãy chờ một truy vấn xong, hoặc dừng bớt.",
    ),
    "not_yours": Said("You have no query {ticket}.", "Bạn không có truy vấn {ticket}. Hãy xem danh sách đã hỏi."),
    "name_taken": Said(
        "There is a saved query of that name.", "Đã có truy vấn lưu dưới tên này. Hãy dùng tên khác, hoặc sửa chính nó."
    ),
}
SENTENCES: Mapping[str, Said] = {
    **{
        f"cypher.{kind}": Said(
            f"Cypher, line {{line}}, column {{column}}: {said.en}", f"Cypher, dòng {{line}}, cột {{column}}: {said.vi}"
        )
        for kind, said in _WORDS.items()
    },
    **{f"query.{kind}": said for kind, said in _ASKED.items()},
}
