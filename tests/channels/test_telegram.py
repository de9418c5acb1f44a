"""A Telegram message is escaped right, kept within limits, and each answer of the Bot API is understood."""

import json
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot
from telegram.error import BadRequest, Forbidden, RetryAfter
from telegram.helpers import escape_markdown

from channels import markdown
from channels.contract import ReceiptClass, ReceiptStatus, Response, Unsupported
from channels.markup import utf16_length, visible_length
from channels.sandbox.entities import EntityError, parse
from rules.words import Channel
from tests.channels.samples import TOKEN, adapter, event_id, message
from tests.channels.sandbox_process import SandboxProcess

TELEGRAM = Channel.TELEGRAM


def body(**more: object) -> dict[str, object]:
    return dict(json.loads(adapter(TELEGRAM).build(message(TELEGRAM, **more)).body))


def test_plain_text_is_escaped_and_html_is_not() -> None:
    assert body(text='1 < 2 & "ba"')["text"] == '1 &lt; 2 &amp; "ba"'
    assert body(html="<b>1 &lt; 2</b>")["text"] == "<b>1 &lt; 2</b>"
    assert body(text="chào", subject="Tin < mới")["text"] == "<b>Tin &lt; mới</b>\n\nchào"
    assert body()["parse_mode"] == "HTML"


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_any_text_reads_the_same_after_the_servers_own_parsing(text: str) -> None:
    assert parse(str(body(text=text)["text"])) == text


def test_the_limit_counts_a_character_beyond_the_basic_plane_as_two() -> None:
    assert body(text="🎁" * 2048)["chat_id"] == 84901234567
    with pytest.raises(Unsupported, match="4098 characters of 4096"):
        body(text="🎁" * 2049)


@given(text=st.text(), subject=st.text())
def test_any_text_that_is_escaped_for_markdown_reads_the_same(text: str, subject: str) -> None:
    assert markdown.read(markdown.escape(text)) == text
    assert markdown.escape(text) == escape_markdown(text, version=2)
    shown = f"*{markdown.escape(subject)}* _{markdown.escape(text)}_"
    # An empty italic is read as an underline that begins: the server's own rule.
    if text:
        assert markdown.read(shown) == f"{subject} {text}"


@pytest.mark.parametrize(
    ("markup", "seen"),
    [
        ("*đậm* _nghiêng_ __gạch__ ~bỏ~ ||ẩn||", "đậm nghiêng gạch bỏ ẩn"),
        ("*đậm _và nghiêng_*", "đậm và nghiêng"),
        ("[Mua](https://leo.example/a_b\\)c)", "Mua"),
        ("```python\nprint(1)\n```", "print(1)\n"),
        (">trích\n>dẫn", "trích\ndẫn"),
        ("giá 5\\.000đ \\- hôm nay\\!", "giá 5.000đ - hôm nay!"),
    ],
)
def test_markup_is_read_as_telegram_reads_it(markup: str, seen: str) -> None:
    assert markdown.read(markup) == seen


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("5.000", r"Character '\.' is reserved and must be escaped"),
        ("a > b", "Character '>' is reserved"),
        ("*đậm", "Can't find end of Bold entity at byte offset 0"),
        ("á [x](y", "Can't find end of a URL at byte offset 6"),
        ("`x", "Can't find end of Code entity"),
    ],
)
def test_markup_that_telegram_would_not_take_is_refused_before_it_is_asked(markup: str, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        body(text=markup, html=None, data={"parse_mode": "MarkdownV2"})


async def test_the_bot_library_takes_the_sandbox_for_telegram(
    sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the library's next release does by itself, and warns of until then.
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with Bot("1:library", base_url=f"{sandbox.base_url}/bot") as bot:
        assert (await bot.get_me()).is_bot
        sent = await bot.send_message(84901234567, "*Tin* mới\\!", parse_mode="MarkdownV2")
        assert (sent.text, sent.chat.id) == ("Tin mới!", 84901234567)
        assert (await bot.send_message(1, "<b>a &lt; b</b>", parse_mode="HTML")).text == "a < b"
        with pytest.raises(BadRequest, match=r"character '\.' is reserved"):
            await bot.send_message(1, "5.000", parse_mode="MarkdownV2")
        await sandbox.ask("faults", {"channel": "telegram", "status": 403})
        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            await bot.send_message(1, "x")
        await sandbox.ask("faults", {"channel": "telegram", "status": 429, "retry_after": 3})
        with pytest.raises(RetryAfter, match="Retry in 0:00:03"):
            await bot.send_message(1, "x")


def test_the_limit_counts_what_is_left_after_parsing() -> None:
    assert body(html=f"<b>{'&amp;' * 4096}</b>")["chat_id"] == 84901234567
    with pytest.raises(Unsupported, match="4097 characters of 4096") as caught:
        body(text="ắ" * 4097)
    assert caught.value.receipt.klass is ReceiptClass.TOO_LARGE


@given(st.text())
def test_the_length_is_what_the_reader_gets(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    assert visible_length(f"<i>{escaped}</i>") == utf16_length(unescape(text.replace("&", "&amp;")))


@pytest.mark.parametrize("address", ["", "anh", "12a", "@ab", "+84901234567", "1" * 20, "12\n34"])
def test_what_is_no_chat_is_refused(address: str) -> None:
    with pytest.raises(Unsupported) as caught:
        body(address=address)
    assert caught.value.receipt.klass is ReceiptClass.INVALID_ADDRESS


def test_numbers_groups_and_public_names_are_chats() -> None:
    assert body(address="-1001234567890")["chat_id"] == -1001234567890
    assert body(address="@leo_channel")["chat_id"] == "@leo_channel"


def test_the_token_is_no_part_of_the_request() -> None:
    request = adapter(TELEGRAM).build(message(TELEGRAM))
    assert TOKEN not in repr(request) + request.body.decode()
    assert request.headers["X-LEO-Delivery"] == event_id("sample")


def answer(code: int, description: str, **parameters: object) -> Response:
    document = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return Response(status=code, body=document)


@pytest.mark.parametrize(
    ("code", "description", "klass", "status"),
    [
        (400, "Bad Request: chat not found", "invalid_address", "rejected"),
        (400, "Bad Request: private chat not found", "invalid_address", "rejected"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", "invalid_address", "rejected"),
        (400, "Bad Request: message is too long", "too_large", "rejected"),
        (400, "Bad Request: can't parse entities: Unmatched end tag", "bad_request", "rejected"),
        (401, "Unauthorized", "token_expired", "retry"),
        (403, "Forbidden: bot was blocked by the user", "blocked", "rejected"),
        (403, "Forbidden: user is deactivated", "invalid_address", "rejected"),
        (404, "Not Found", "token_expired", "retry"),
        (429, "Too Many Requests: retry after 7", "rate_limited", "retry"),
        (500, "Internal Server Error", "provider_down", "retry"),
        (418, "I'm a teapot", "unknown", "rejected"),
    ],
)
def test_each_answer_of_the_bot_api_means_one_thing(code: int, description: str, klass: str, status: str) -> None:
    receipt = adapter(TELEGRAM).parse(answer(code, description))
    assert (receipt.klass, receipt.status) == (ReceiptClass(klass), ReceiptStatus(status))
    assert receipt.detail == description


def test_a_gateway_that_waited_in_vain_leaves_the_message_uncertain() -> None:
    receipt = adapter(TELEGRAM).parse(Response(status=504, body="<html>504 Gateway Time-out</html>"))
    assert receipt.status is ReceiptStatus.UNCERTAIN
    assert adapter(TELEGRAM).parse(Response(status=200, body="<html>login</html>")).status is ReceiptStatus.UNCERTAIN


def test_the_wait_is_what_telegram_said() -> None:
    assert adapter(TELEGRAM).parse(answer(429, "Too Many Requests", retry_after=35)).retry_after == 35
    header_only = Response(status=429, body="slow down", ids={"retry_after": "12"})
    assert adapter(TELEGRAM).parse(header_only).retry_after == 12
    assert adapter(TELEGRAM).parse(answer(429, "Too Many Requests", retry_after=10**9)).retry_after == 86_400


def test_a_message_is_known_by_its_chat_and_number_because_numbers_repeat_between_chats() -> None:
    document = {"ok": True, "result": {"message_id": 42, "chat": {"id": -100}, "text": "riêng tư"}}
    receipt = adapter(TELEGRAM).parse(Response(status=200, body=document))
    assert receipt.provider_id == "-100:42"
    assert "riêng tư" not in repr(receipt)


async def test_the_emulator_answers_like_the_bot_api(sandbox: SandboxProcess) -> None:
    await sandbox.ask(
        "faults",
        [
            {"channel": "telegram", "status": 429, "retry_after": 3, "times": 1, "address": "1"},
            {"channel": "telegram", "status": 403, "times": None, "address": "2"},
        ],
    )
    speaker = adapter(TELEGRAM, http_port=sandbox.http_port)
    results = []
    for address, html in [("1", "x"), ("1", "x"), ("2", "x"), ("2", "x"), ("0", "x"), ("3", "<h1>x</h1>")]:
        receipt = speaker.parse(await speaker.send(speaker.build(message(TELEGRAM, address=address, html=html))))
        results.append((str(receipt.status), receipt.detail, receipt.retry_after))
    await speaker.aclose()
    assert results == [
        ("retry", "Too Many Requests: retry after 3", 3.0),
        ("accepted", "ok", None),
        ("rejected", "Forbidden: bot was blocked by the user", None),
        ("rejected", "Forbidden: bot was blocked by the user", None),
        ("rejected", "Bad Request: chat not found", None),
        ("rejected", 'Bad Request: can\'t parse entities: Unsupported start tag "h1" at byte offset 0', None),
    ]
    assert len(await sandbox.messages()) == 1


async def test_a_token_of_the_wrong_form_pauses_the_channel_and_is_not_shown(sandbox: SandboxProcess) -> None:
    speaker = adapter(TELEGRAM, http_port=sandbox.http_port, token="malformed-token-value")
    receipt = speaker.parse(await speaker.send(speaker.build(message(TELEGRAM))))
    await speaker.aclose()
    assert receipt.klass is ReceiptClass.TOKEN_EXPIRED
    assert "malformed-token-value" not in repr(receipt)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("ắ</b>", "Unexpected end tag at byte offset 3"),
        ("<i>a</em>", 'Unmatched end tag at byte offset 4, expected "</i>", found "</em>"'),
        ("<i>a</i", "Unclosed end tag at byte offset 4"),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_the_emulator_refuses_markup_in_the_servers_own_words(html: str, words: str) -> None:
    with pytest.raises(EntityError) as caught:
        parse(html)
    assert str(caught.value) == f"Bad Request: can't parse entities: {words}"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<a href="https://leo.example/?a=1&amp;b=2">xem</a>', "xem"),
        ("<b>đậm <i>nghiêng</i></b>", "đậm nghiêng"),
        ('<span class="tg-spoiler">kín</span>', "kín"),
        ("&lt;&amp;&quot;&#39; &nbsp;", "<&\"' &nbsp;"),
        ("<code class='language-python'>x</code>", "x"),
    ],
)
def test_the_emulator_reads_good_markup(html: str, text: str) -> None:
    assert parse(html) == text


@given(st.text(alphabet="<>/abi =\"'&;lt#1"))
def test_the_emulator_never_fails_otherwise(html: str) -> None:
    words = ""
    try:
        parse(html)
    except EntityError as error:
        words = str(error)
    assert words == "" or words.startswith("Bad Request: can't parse entities: ")
