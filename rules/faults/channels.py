"""Why a channel is paused or its provider left alone, and what a person should know about its token."""

from collections.abc import Mapping

from rules.faults.said import Said

SENTENCES: Mapping[str, Said] = {
    "channel.token_expired": Said(
        "The provider takes the channel's token no more: {said}.",
        "Nhà cung cấp không còn nhận mã truy cập của kênh này. Hãy kết nối lại kênh với mã mới. "
        "Nhà cung cấp nói: {said}.",
    ),
    "channel.permission_denied": Said(
        "The provider does not let us send, several times in a row: {said}.",
        "Nhà cung cấp nhiều lần liền không cho gửi. Hãy xem lại quyền của tài khoản ở nhà cung cấp. "
        "Nhà cung cấp nói: {said}.",
    ),
    "channel.provider_down": Said(
        "The provider fails again and again and is left alone for a while: {said}.",
        "Nhà cung cấp liên tục gặp lỗi nên tạm không gọi nữa; hệ thống tự thử lại. Nhà cung cấp nói: {said}.",
    ),
    "channel.rate_limited": Said(
        "The provider asks for time: {said}.",
        "Nhà cung cấp yêu cầu gửi chậm lại; hệ thống tự gửi tiếp. Nhà cung cấp nói: {said}.",
    ),
    "channel.paused": Said("Somebody paused it: {said}.", "Có người đã tạm dừng: {said}."),
    "channel.grant_ended": Said(
        "Its authorisation has ended: {said}.",
        "Uỷ quyền của kênh đã hết. Hãy uỷ quyền lại rồi kết nối lại kênh. Nguyên văn: {said}.",
    ),
    "channel.other": Said("{said}.", "Kênh đang dừng. Nguyên văn: {said}."),
    "token.refresh": Said("refresh token", "mã gia hạn"),
    "token.code": Said("authorization code", "mã uỷ quyền"),
    "token.other": Said("{said}.", "Cần xem lại mã truy cập của kênh. Nguyên văn: {said}."),
    "channel.nothing_said": Said("nothing", "không nói gì"),
    "token.zalo_refuses": Said(
        "Zalo refuses the {what}: {said}.",
        "Zalo không nhận {what}. Hãy uỷ quyền lại Official Account rồi kết nối lại kênh. Zalo nói: {said}.",
    ),
    "token.zalo_unreachable": Said(
        "Zalo could not be asked for a token ({said}).",
        "Chưa hỏi được Zalo để gia hạn mã truy cập ({said}). Hệ thống tự thử lại.",
    ),
    "token.zalo_silent": Said(
        "Zalo gives no token now (HTTP {status}, error {said}).",
        "Zalo tạm thời không cấp mã truy cập (HTTP {status}, lỗi {said}). Hệ thống tự thử lại.",
    ),
    "token.facebook_unreachable": Said(
        "Facebook could not be asked about the token ({said}).",
        "Chưa hỏi được Facebook về mã truy cập ({said}). Hệ thống tự thử lại.",
    ),
    "token.facebook_silent": Said(
        "Facebook does not answer about the token now (HTTP {status}, error {said}).",
        "Facebook tạm thời không trả lời về mã truy cập (HTTP {status}, lỗi {said}). Hệ thống tự thử lại.",
    ),
    "token.facebook_refuses": Said(
        "Facebook refuses the token: {said}.",
        "Facebook không nhận mã truy cập. Quản trị viên của Trang hãy đăng nhập lại, rồi kết nối kênh với mã mới. "
        "Facebook nói: {said}.",
    ),
    "token.facebook_refuses_page": Said(
        "Facebook refuses the token of the Page: {said}.",
        "Facebook không nhận mã truy cập của Trang. Quản trị viên của Trang hãy đăng nhập lại, rồi kết nối kênh với "
        "mã mới. Facebook nói: {said}.",
    ),
    "token.facebook_no_page": Said(
        "Facebook gives no token for the Page {page}: who logged in manages it no more.",
        "Facebook không cấp mã cho Trang {page}: người đã đăng nhập không còn quản lý Trang. Quản trị viên của Trang "
        "hãy đăng nhập lại, rồi kết nối kênh với mã mới.",
    ),
    "token.facebook_ends": Said(
        "The Page's token ends on {at} UTC, and there is none to renew it with.",
        "Mã truy cập của Trang hết hạn lúc {at} UTC và không thể tự gia hạn. Quản trị viên của Trang hãy đăng nhập lại "
        "trước lúc đó, rồi kết nối kênh với mã mới.",
    ),
    "token.cut_off": Said(
        "A renewal that began at {at} UTC was cut off, and its answer lost. {why}",
        "Lần gia hạn bắt đầu lúc {at} UTC bị ngắt giữa chừng và mất câu trả lời. {why}",
    ),
}
