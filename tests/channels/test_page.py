"""The sandbox's page shows what would have been sent, and nothing in a message can act on it."""

import asyncio
import smtplib
import time
from email.message import EmailMessage

import aiohttp

from rules.words import Channel
from tests.channels.samples import SAMPLES
from tests.channels.samples.chat import INBOX
from tests.channels.samples.fcm import FCM
from tests.channels.sandbox_process import SandboxProcess

NASTY = "<script>alert('tên')</script>"


async def page(sandbox: SandboxProcess, **query: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{sandbox.base_url}/", params=query) as response:
        assert response.status == 200
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        return await response.text()


async def push(sandbox: SandboxProcess, *, subject: str, text: str) -> None:
    speaker = FCM.adapter(now=time.time(), http_port=sandbox.http_port)
    await speaker.send(speaker.build(FCM.message(subject, subject=subject, text=text)))
    await speaker.aclose()


def mail(sandbox: SandboxProcess, *, subject: str, html: str) -> None:
    written = EmailMessage()
    written["From"], written["To"], written["Subject"] = "shop@leo.example", "anh@example.com", subject
    written.set_content("văn bản")
    written.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port) as relay:
        relay.send_message(written)


async def test_an_empty_sandbox_says_that_nothing_came(sandbox: SandboxProcess) -> None:
    assert "Nothing has come yet." in await page(sandbox)


async def test_messages_are_shown_by_channel_and_found_by_their_words(sandbox: SandboxProcess) -> None:
    await push(sandbox, subject="Giỏ hàng", text="Còn hai món")
    await asyncio.to_thread(mail, sandbox, subject="Bản tin", html="<h1>Chào</h1>")
    whole = await page(sandbox)
    assert "Giỏ hàng" in whole
    assert "Bản tin" in whole
    only_mail = await page(sandbox, channel="email")
    assert "Bản tin" in only_mail
    assert "Còn hai món" not in only_mail
    assert "Còn hai món" in await page(sandbox, search="HAI MÓN")
    assert "Nothing here has these words." in await page(sandbox, search="ba món")


async def test_a_name_that_is_markup_is_shown_as_it_was_written(sandbox: SandboxProcess) -> None:
    await push(sandbox, subject=NASTY, text=NASTY)
    shown = await page(sandbox, search="<script>")
    assert "<script>" not in shown
    assert shown.count("&lt;script&gt;alert") == 2


async def test_a_mails_own_markup_stands_in_a_frame_that_may_do_nothing(sandbox: SandboxProcess) -> None:
    await asyncio.to_thread(mail, sandbox, subject="Tin", html='<p id="x">"chào"</p><script>alert(1)</script>')
    shown = await page(sandbox)
    assert '<iframe sandbox="" ' in shown
    assert 'srcdoc="&lt;p id=&quot;x&quot;&gt;&quot;chào&quot;' in shown
    assert "<script>" not in shown


async def test_every_channel_has_its_look(sandbox: SandboxProcess) -> None:
    sample = next(one for one in SAMPLES if one.channel is Channel.TELEGRAM)
    speaker = sample.adapter(http_port=sandbox.http_port)
    await speaker.send(speaker.build(sample.message()))
    await speaker.aclose()
    assert 'class="bubble"' in await page(sandbox, channel="telegram")


async def test_buttons_are_shown_and_only_an_address_of_the_web_can_be_followed(sandbox: SandboxProcess) -> None:
    pressed = [{"title": NASTY, "url": "https://shop.example/?a=1&b=2"}, {"title": "Để sau", "reply": NASTY}]
    speaker = INBOX.adapter(now=time.time(), http_port=sandbox.http_port)
    await speaker.send(speaker.build(INBOX.message(data={"buttons": pressed})))
    await speaker.aclose()
    whole = await page(sandbox)
    assert 'href="https://shop.example/?a=1&amp;b=2"' in whole
    assert "Để sau" in whole
    assert "<script>" not in whole
