"""Calls to other servers: nothing that is not of the public internet is ever connected to."""

import socket
import threading
import time
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from crm.lib import outgoing
from crm.lib.outgoing import Door, Failed, Refused
from tests.crm.webhooks.receiving import canary, receiver

# What a stranger's name server may say: (name, its addresses).
NAMES = {
    "loopback.example": ["127.0.0.1"], "any.example": ["0.0.0.0"], "six.example": ["::1"], "none.example": ["::"],
    "ten.example": ["10.0.0.7"], "home.example": ["192.168.1.1"], "office.example": ["172.16.0.1"],
    "metadata.example": ["169.254.169.254"], "shared.example": ["100.64.0.1"], "bench.example": ["198.18.0.1"],
    "doc.example": ["192.0.2.1"], "doc2.example": ["198.51.100.7"], "doc3.example": ["203.0.113.9"],
    "many.example": ["224.0.0.1"], "later.example": ["240.0.0.1"], "all.example": ["255.255.255.255"],
    "relay.example": ["192.88.99.1"], "ietf.example": ["192.0.0.8"], "mapped.example": ["::ffff:127.0.0.1"],
    "mapped10.example": ["::ffff:10.0.0.1"], "mapped8.example": ["::ffff:8.8.8.8"], "compat.example": ["::127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"], "nat64b.example": ["64:ff9b:1::a00:1"],
    "sixtofour.example": ["2002:7f00:1::"],
    "sixtofour10.example": ["2002:a00:1::1"], "teredo.example": ["2001:0:7f00:1::1"], "local6.example": ["fc00::1"],
    "local6d.example": ["fd12:3456::1"], "link6.example": ["fe80::1"], "zone6.example": ["fe80::1%lo"],
    "site6.example": ["fec0::1"], "many6.example": ["ff02::1"], "doc6.example": ["2001:db8::1"],
    "doc6b.example": ["3fff::1"], "discard.example": ["100::1"], "orchid.example": ["2001:10::1"],
    "isatap.example": ["::ffff:0:127.0.0.1"], "mixed.example": ["8.8.8.8", "127.0.0.1"],
    "mixed6.example": ["2606:4700::1111", "::1"], "first.example": ["10.0.0.1", "8.8.8.8"],
    "odd.example": ["localhost"],
}  # fmt: skip
HOSTS = [
    # loopback and relatives, in every writing that some resolver takes
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "017700000001",
    "0177.0.0.1", "0177.1", "127.0.0.1.", "127.000.000.001", "0", "0.0.0.0", "000.0.0.0", "localhost", "LOCALHOST",
    "localhost.", "localhost.localdomain.", "printer", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:0001::]", "[fe80::1%25lo]", "[fe80::1]",
    "[fc00::1]", "[v1.127]", "[127.0.0.1]",
    # private and special ones
    "10.0.0.1", "192.168.0.1", "172.31.255.255", "169.254.169.254", "100.100.100.200", "198.18.0.1", "224.0.0.1",
    "255.255.255.255", "3232235521",
    # other letters and tricks
    "①②⑦.⓪.⓪.①", "ⓛocalhost", "127。0。0。1", "127%2e0%2e0%2e1", "127.0.0.1%00.example.com", "a_b", "-a.example",
    "a..example",
    "example.com..", ".example.com", "1.2.3.4.5", "1.2.3.0x4", "example.123", "exämple.com",
]  # fmt: skip
SHAPES = [
    "http://user@127.0.0.1:{port}/", "http://user:pass@hooks.example:{port}/", "http://hooks.example:{port}@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@hooks.example/", "http://127.0.0.1:{port}\\@hooks.example/", "http:\\\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "//127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "javascript:alert(1)", "data:text/plain,x", "unix:///run/x.sock",
    "http://127.0.0.1:{port} /", "http://127.0.0.1:{port}/\r\nHost: x", "\thttp://127.0.0.1:{port}/", "http://hooks.example:22/",
    "http://hooks.example:0/", "http://hooks.example:99999/", "http://hooks.example:-1/", "http://hooks.example:8o/",
    "http://", "", "http://[::1", "http://hooks.example:/../{port}:x", "https://127.0.0.1:{port}/",
]  # fmt: skip


def answering(names: dict[str, list[str]]) -> Any:
    def resolve(host: str, port: int) -> list[str]:
        try:
            return names[host]
        except KeyError:
            raise socket.gaierror("no such name") from None

    return resolve


def hostile(port: int) -> list[str]:
    found = [f"http://{host}:{port}/hook" for host in HOSTS] + [f"http://{name}:{port}/hook" for name in NAMES]
    return found + [shape.replace("{port}", str(port)) for shape in SHAPES]


def test_no_hostile_address_reaches_a_canary() -> None:
    with canary() as (port, heard), canary(socket.AF_INET6) as (port6, heard6):
        assert len(hostile(port)) >= 80
        let_through, failures = [], set()
        for each in (port, port6):
            door = Door(ports=frozenset({each, 80, 443}), resolve=answering(NAMES))
            for url in hostile(each):
                try:
                    outgoing.post(url, b"{}", {}, door=door)
                    let_through.append(url)
                except Refused:
                    continue
                except Failed as failed:
                    failures.add(failed.code)
        time.sleep(0.05)
    # A name that nobody knows is not looked for elsewhere.
    assert (let_through, failures - {"no_such_host"}, heard, heard6) == ([], set(), [], [])


def test_the_real_resolver_brings_nobody_home_either() -> None:
    with canary() as (port, heard):
        for host in ("127.0.0.1", "2130706433", "0x7f.1", "localhost"):
            with pytest.raises((Refused, Failed)):
                outgoing.post(f"http://{host}:{port}/", b"{}", {}, door=Door(ports=frozenset({port})))
    assert heard == []


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::200e"]
)
def test_the_public_internet_is_public(text: str) -> None:
    assert outgoing.is_public(ip_address(text))


def test_a_name_is_looked_up_once_and_the_connection_goes_there_under_that_name() -> None:
    """A rebinding name server says another address to whoever asks again."""
    asked: list[str] = []
    with receiver() as server, canary() as (_port, heard):

        def rebinding(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        door = server.door(resolve=rebinding)
        assert outgoing.post(f"http://hooks.example:{server.port}/in?a=1", b"{}", {"X-A": "b"}, door=door) == 200
        (got,) = server.received
    assert (asked, heard) == (["hooks.example"], [])
    assert (got.path, got.headers["Host"], got.headers["X-A"]) == ("/in?a=1", f"hooks.example:{server.port}", "b")


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with canary() as (port, heard), receiver(302, head=f"http://127.0.0.1:{port}/") as server:
        door = Door(ports=frozenset({server.port, port}), networks=server.door().networks)
        assert outgoing.post(server.url(), b"{}", {}, door=door) == 302
    assert heard == []


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with canary() as (port, heard), receiver() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        assert outgoing.post(server.url(), b"{}", {}, door=server.door()) == 200
    assert heard == []


def test_an_answer_over_64_kb_is_none() -> None:
    with receiver(content=b"a" * 65_537) as server, pytest.raises(Failed, match="answer_too_large"):
        outgoing.post(server.url(), b"{}", {}, door=server.door())


def test_a_server_that_drips_is_cut_off_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def drip() -> None:
            connection, _where = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.05):
                    try:
                        connection.sendall(b"a")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        door = Door(ports=frozenset({port}), networks=(ip_network("127.0.0.0/8"),), seconds=0.4)
        begun = time.monotonic()
        with pytest.raises(Failed, match="too_slow"):
            outgoing.post(f"http://127.0.0.1:{port}/", b"{}", {}, door=door)
        assert time.monotonic() - begun < 2
        over.set()
        thread.join()


def test_a_name_server_that_hangs_is_not_waited_for_longer_than_a_call_may_take() -> None:
    over = threading.Event()

    def hangs(_host: str, _port: int) -> list[str]:
        over.wait(20)
        return []

    door = Door(resolve=hangs, seconds=0.2)
    began = time.monotonic()
    with pytest.raises(Failed, match="too_slow"):
        outgoing.post("https://slow.example/", b"", {}, door=door)
    over.set()
    assert time.monotonic() - began < 3


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    """Plain text where TLS was expected is the simplest of them; the name is spoken in the handshake."""
    with receiver() as server, pytest.raises(Failed):
        outgoing.post(f"https://127.0.0.1:{server.port}/", b"{}", {}, door=server.door(seconds=2))
    assert server.received == []
