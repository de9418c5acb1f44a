"""Channels call the Internet and nothing beside us: spellings of an inside address, names that move, other ports."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels import egress
from channels.contract import NeverLeft
from channels.egress import MAIL_PORTS, WEB_PORTS, Egress, Inside
from channels.http import HttpClient
from channels.smtp import SmtpPool, SmtpSettings
from rules.errors import InvalidInput, Misconfigured
from tests.channels.webhook_server import WebhookServer

INSIDE = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),  # noqa: S104
    *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9"),
    *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1"),
    # The same in clothes: mapped, compatible, translated, 6to4, Teredo.
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1", "::ffff:0:127.0.0.1"),
)
OUTSIDE = ("1.1.1.1", "8.8.8.8", "203.162.4.190", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")
URLS = (
    *("http://127.0.0.1/", "http://127.0.0.1:80/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/"),
    *(
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
    ),
    # Spellings that the system's resolver or a library may understand.
    *(
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
    ),
    *("http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://user@127.0.0.1/", "http://1.1.1.1@127.0.0.1/"),
    *(
        "http://127.0.0.1\\@1.1.1.1/",
        "http:///127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/x",
    ),
    # The Internet, by a port that is no web server's.
    *("http://1.1.1.1:22/", "http://1.1.1.1:6379/", "https://shop.example:5432/"),
)


def _names(**known: Sequence[Sequence[str]]) -> tuple[egress.Resolve, list[str]]:
    """A resolver that answers each name in turn with the next addresses; and the names it was asked."""
    left = {name.replace("_", "."): list(answers) for name, answers in known.items()}
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        if host not in left:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return left[host].pop(0) if len(left[host]) > 1 else left[host][0]

    return resolve, asked


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_is_inside_in_every_clothing(address: str) -> None:
    assert not egress.is_outside(ipaddress.ip_address(address.partition("%")[0]))


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_internet_is_outside(address: str) -> None:
    assert egress.is_outside(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_in_every_clothing(address: ipaddress.IPv4Address) -> None:
    plain = egress.is_outside(address)
    bits = int(address)
    clothed = (0xFFFF << 32 | bits, 0x64FF9B << 96 | bits, 0x2002 << 112 | bits << 80)
    # 2001::/16 of 6to4 apart, nothing outside is called inside and nothing inside outside.
    assert all(egress.is_outside(ipaddress.IPv6Address(one)) <= plain for one in clothed)
    assert egress.is_outside(ipaddress.IPv6Address(clothed[0])) == plain


@pytest.fixture
async def server() -> AsyncIterator[WebhookServer]:
    started = await WebhookServer().start()
    yield started
    await started.close()


@pytest.mark.parametrize("url", URLS)
async def test_no_url_leads_inside(url: str) -> None:
    client = HttpClient(connections=1, total_timeout_s=2.0, connect_timeout_s=0.3, egress=egress.OUTSIDE)
    try:
        with pytest.raises(NeverLeft) as refused:
            await client.post(url, b"", {})
    finally:
        await client.aclose()
    assert refused.value.cause in {"inside", "bad_url", "unknown_host"}, refused.value.cause
    assert "127." not in refused.value.message


async def _call(url: str, to: Egress) -> int | str:
    client = HttpClient(connections=1, total_timeout_s=2.0, connect_timeout_s=0.3, egress=to)
    try:
        return (await client.post(url, b"{}", {})).status
    except NeverLeft as error:
        return error.cause
    finally:
        await client.aclose()


async def test_a_place_inside_is_called_where_the_operator_named_it_and_no_other(server: WebhookServer) -> None:
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    for named in (f"127.0.0.1:{port}", "127.0.0.1", "127.0.0.0/8", f"10.0.0.0/8, 127.0.0.0/8:{port}"):
        assert await _call(server.url, egress.read(named)) == 200
    assert await _call(server.url, egress.OUTSIDE.beside("127.0.0.1", port)) == 200
    taken = len(server.requests)
    for other in (None, "", f"127.0.0.1:{port + 1}", "127.0.0.2", "10.0.0.0/8", "localhost"):
        assert await _call(server.url, egress.read(other)) == "inside"
    assert len(server.requests) == taken


async def test_a_name_that_leads_inside_is_not_called(server: WebhookServer) -> None:
    resolve, asked = _names(shop_example=[["127.0.0.1"]], both_example=[["1.1.1.1", "127.0.0.1"]])
    for name in ("shop.example", "both.example"):
        assert await _call(f"http://{name}/hook", Egress(resolve=resolve)) == "inside"
    assert asked == ["shop.example:80", "both.example:80"]
    assert await _call("http://nobody.example/hook", Egress(resolve=resolve)) == "unknown_host"
    assert not server.requests


async def test_a_name_that_moves_gains_nothing(server: WebhookServer) -> None:
    """What was looked at is what is called: the resolver is asked once, and its second answer is never heard."""
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    resolve, asked = _names(rebind_example=[["127.0.0.1"], ["127.0.0.2"]], other_example=[["127.0.0.3"], ["127.0.0.1"]])
    to = Egress(egress.read(f"127.0.0.1/32:{port}, 127.0.0.3").places, resolve=resolve)
    assert await _call(f"http://rebind.example:{port}/hook", to) == 200
    assert await _call(f"http://rebind.example:{port}/hook", to) == "inside"
    assert await _call(f"http://other.example:{port}/hook", to) == "refused"
    assert asked == [f"rebind.example:{port}", f"rebind.example:{port}", f"other.example:{port}"]
    assert len(server.requests) == 1


async def test_a_redirect_is_an_answer_and_not_followed(server: WebhookServer) -> None:
    server.status = 302
    assert await _call(server.url, egress.read("127.0.0.1")) == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("host", "port", "answer"),
    [
        ("127.0.0.1", 25, None),
        ("localhost", 25, None),
        ("::1", 587, None),
        ("mail.example", 25, ["10.0.0.5"]),
        ("mail.example", 25, ["1.1.1.1", "::ffff:10.0.0.5"]),
        ("mail.example", 6379, ["1.1.1.1"]),
        ("1.1.1.1", 22, None),
    ],
)
async def test_no_mail_server_is_inside(host: str, port: int, answer: list[str] | None) -> None:
    resolve, _ = _names(mail_example=[answer or []])
    pool = SmtpPool(SmtpSettings(host=host, port=port, tls="none", timeout_s=1.0), egress=Egress(resolve=resolve))
    with pytest.raises(NeverLeft) as refused:
        await pool.deliver(sender="a@shop.example", recipient="b@shop.example", content=b"Subject: x\r\n\r\nx\r\n")
    assert refused.value.cause == "inside"


async def test_a_mail_server_that_moves_is_called_where_it_was_looked_at() -> None:
    greeted: list[str] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(writer.get_extra_info("sockname")[0])
        writer.write(b"554 no\r\n")
        await writer.drain()
        writer.close()
        await reader.read()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    resolve, asked = _names(mail_example=[["127.0.0.1"], ["127.0.0.2"]])
    to = Egress(egress.read("mail.example").places, resolve=resolve)
    pool = SmtpPool(SmtpSettings(host="mail.example", port=port, tls="none", timeout_s=2.0), egress=to)
    reply = await pool.deliver(sender="a@shop.example", recipient="b@shop.example", content=b"Subject: x\r\n\r\nx\r\n")
    listening.close()
    assert (reply.code, greeted, asked) == (554, ["127.0.0.1"], [f"mail.example:{port}"])


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "127.0.0.1"},
        {"ca_file": "/etc/passwd"},
        {"host": "[::1]", "port": 25},
        {"host": "smtp.example", "port": 22},
        {"base_url": "http://169.254.169.254"},
        {"token_url": "https://localhost/token"},
        {"oauth_url": "gopher://shop.example"},
        {"business_url": "http://[::ffff:10.0.0.1]/"},
    ],
)
def test_settings_that_lead_inside_are_refused_by_name(settings: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        egress.OUTSIDE.check_settings(settings)


def test_settings_that_lead_outside_are_taken() -> None:
    egress.OUTSIDE.check_settings(
        {"host": "smtp.example", "port": 465, "base_url": "https://api.example/v1", "x_url": None}
    )
    egress.read("10.0.0.0/8").check_settings({"host": "10.1.2.3", "port": 2500})


@pytest.mark.parametrize("text", ["http://a.example", "a b", "10.0.0.0/99", "*", "mail.example:x", "[::1", "a..b"])
def test_what_is_no_host_is_no_setting(text: str) -> None:
    with pytest.raises(Misconfigured, match="LEO_ALLOWED_HOSTS"):
        egress.read(text)


def test_the_usual_ports_are_few() -> None:
    assert not WEB_PORTS & MAIL_PORTS
    assert not (WEB_PORTS | MAIL_PORTS) & {22, 3306, 5432, 6379, 8529, 9200, 11211, 27017}
    with pytest.raises(Inside):
        egress.OUTSIDE.check("1.1.1.1", 5432, WEB_PORTS)
