"""Calls to other servers at addresses that people typed: the world is reached, our own network never (rules.md §9).

The host is looked up once, every address that is not of the public internet is refused, and the connection goes to
the very address that was looked at, under the name that was asked for. No redirects, no proxies, at most ten seconds
and 64 KB. Nothing of the answer is given on but its status.

Production has one `Door`, which knows no exceptions. A test that listens on loopback makes one of its own; there is
neither a setting nor a variable for it, so that nobody can leave one on.
"""

import re
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from queue import Empty, Queue
from threading import Thread, Timer
from time import monotonic
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError


def _(text: str) -> str:
    """Mark a sentence for translation; whoever shows it translates it. Rules use this module without Django."""
    return text


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
PORTS = frozenset({80, 443, 8443})
SECONDS, CONNECT_SECONDS, BYTES = 10.0, 5.0, 64 * 1024
LONGEST = 2_000

NOT_PLAIN = _(
    "The address holds characters that an address cannot hold. Copy it again; a name in other letters as xn--…."
)
NOT_HTTP = _("The address must begin with https:// or http://.")
HAS_USER = _("The address names a user or password. Take that out: what we send is signed instead.")
NOT_A_HOST = _("This is not the name of a public server. Give a full name such as hooks.example.com.")
OTHER_PORT = _("Only the ports 80, 443 and 8443 are called.")
NOT_PUBLIC = _("This leads to an address inside a network, which is never called.")
NO_ADDRESS = _("No server of this name was found.")

_PLAIN = re.compile(r"[!-~]+")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
# Parts of the address space that Python takes for public and that lead elsewhere, or to several.
_ELSEWHERE = [
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20")
]
_WORLD_V6 = ip_network("2000::/3")


class Refused(ValueError):
    """An address that is not called; the reason is a sentence for whoever typed it."""


class Failed(RuntimeError):
    """The server did not answer in time or in order; `code` is a word for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


Resolve = Callable[[str, int], list[str]]


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host, as the machine's resolver knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True)
class Door:
    """What may be reached, and for how long. `networks` are exceptions from what is public: production has none."""

    ports: frozenset[int] = PORTS
    networks: tuple[Network, ...] = ()
    resolve: Resolve = look_up
    seconds: float = SECONDS

    def lets_through(self, address: Address) -> bool:
        return is_public(address) or any(
            address.version == network.version and address in network for network in self.networks
        )


OUTSIDE = Door()


@dataclass(frozen=True)
class Target:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def named(self) -> str:
        """The header Host: with its port, unless that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and neither a way into another one nor of many at once."""
    if any(address.version == network.version and address in network for network in _ELSEWHERE):
        return False
    if isinstance(address, IPv6Address) and address not in _WORLD_V6:  # mapped, NAT64, local, link-local …
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def read(url: str, door: Door = OUTSIDE) -> Target:
    """Take an address apart, without looking anything up. Raises `Refused`."""
    if len(url) > LONGEST or not _PLAIN.fullmatch(url) or "\\" in url:
        raise Refused(NOT_PLAIN)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(NOT_PLAIN) from None
    if parts.scheme not in ("http", "https"):
        raise Refused(NOT_HTTP)
    if "@" in parts.netloc:
        raise Refused(HAS_USER)
    host = (parts.hostname or "").lower()
    literal = _literal(host)
    if literal is None and not _HOST.fullmatch(host):
        raise Refused(NOT_A_HOST)
    if literal is not None and (not door.lets_through(literal) or (":" in host) != parts.netloc.startswith("[")):
        raise Refused(NOT_PUBLIC)
    port = port if port is not None else {"http": 80, "https": 443}[parts.scheme]
    if port not in door.ports:
        raise Refused(OTHER_PORT)
    path = parts.path or "/"
    return Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def _literal(host: str) -> Address | None:
    """The host as an address, where it is one in its usual writing; others (decimal, octal, hex, short) are no host."""
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return None if "%" in host else found


def addresses(target: Target, door: Door = OUTSIDE) -> list[str]:
    """Where the target is, looked up once. One address that must not be called makes all of them suspect: `Refused`."""
    literal = _literal(target.host)
    found = _resolved(target, door) if literal is None else [str(literal)]
    if not found:
        raise Failed("no_such_host")
    for text in found:
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            raise Refused(NOT_PUBLIC) from None
        if "%" in text or not door.lets_through(address):
            raise Refused(NOT_PUBLIC)
    return found


def _resolved(target: Target, door: Door) -> list[str]:
    """The resolver of a machine takes the time that it takes; once ours is over nobody waits for it any more."""
    answers: Queue[list[str]] = Queue()

    def ask() -> None:
        try:
            answers.put(door.resolve(target.host, target.port))
        except (OSError, UnicodeError):
            answers.put([])

    Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answers.get(timeout=door.seconds)
    except Empty:
        raise Failed("too_slow") from None


def post(url: str, body: bytes, headers: Mapping[str, str], *, door: Door = OUTSIDE) -> int:
    """Send the body and return the answer's status. Raises `Refused`, or `Failed` when there is no answer in time."""
    ends = monotonic() + door.seconds
    target = read(url, door)
    connection = _connected(target, addresses(target, door), ends)
    # A server that sends a byte a second would never run into the timeout of a single read.
    stop = Timer(max(0.01, ends - monotonic()), _cut, [connection])
    stop.daemon = True
    stop.start()
    try:
        connection.request("POST", target.path, body, {**headers, "Host": target.named}, preload_content=False)
        response = connection.getresponse()
        if len(response.read(BYTES + 1, decode_content=False)) > BYTES:
            raise Failed("answer_too_large")
        if monotonic() >= ends:  # cut off: what was read until then may look like an answer
            raise Failed("too_slow")
        return int(response.status)
    except (HTTPError, OSError, ValueError, AttributeError) as error:
        raise Failed("too_slow" if monotonic() >= ends - 0.05 else _word(error)) from error
    finally:
        stop.cancel()
        connection.close()


def _connected(target: Target, where: list[str], ends: float) -> HTTPConnection:
    """A connection to the first of the addresses that takes one; the name is only spoken, never looked up again."""
    failed = Failed("no_connection")
    for address in where[:4]:
        left = min(CONNECT_SECONDS, ends - monotonic())
        if left <= 0:
            break
        if target.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(
                address, target.port, timeout=left, ssl_context=_trust(), server_hostname=target.host,
                assert_hostname=target.host,
            )  # fmt: skip
        else:
            connection = HTTPConnection(address, target.port, timeout=left)
        try:
            connection.connect()
        except (HTTPError, OSError, ValueError) as error:
            connection.close()
            failed = Failed(_word(error))
            continue
        if connection.sock is not None:
            connection.sock.settimeout(max(0.01, ends - monotonic()))
        return connection
    raise failed


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _cut(connection: HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _word(error: Exception) -> str:
    """What went wrong, in a word for the log; what the other server said is never shown."""
    text = f"{type(error).__name__} {error}".lower()
    if "certificate" in text or "ssl" in text:
        return "bad_certificate"
    if "timed out" in text or "timeout" in text:
        return "too_slow"
    return "no_connection" if "connect" in text or "refused" in text or "unreachable" in text else "bad_answer"
