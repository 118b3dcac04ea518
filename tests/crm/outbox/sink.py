"""A real SMTP server on loopback that keeps what it accepts and misbehaves for certain recipients."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

# What the server does for an address that begins with the word; everybody else's mail is taken.
AT_RCPT = {"gone": "550 5.1.1 no such user", "busy": "450 4.2.0 try later", "policy": "550 5.7.1 not you"}
AT_DATA = {"spam": "554 5.6.0 we do not like it", "later": "451 4.3.0 not now", "odd": "299 who knows"}


@dataclass
class Sink:
    """`taken`: (recipient, bytes) of every mail whose text arrived, whether or not we answered."""

    taken: list[tuple[str, bytes]] = field(default_factory=list)
    resets: int = 0
    sessions: int = 0
    port: int = 0
    reject_sender: bool = False

    @staticmethod
    def hang_up(server: SMTP) -> None:
        assert server.transport is not None
        server.transport.close()

    def addresses(self) -> list[str]:
        return [address for address, _data in self.taken]

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.sessions += 1
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self.reject_sender:
            return "550 5.1.8 we do not know this sender"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        word = address.split("@")[0]
        if word == "hangup":
            self.hang_up(server)
        if word in AT_RCPT:
            return AT_RCPT[word]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        self.resets += 1
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        address = envelope.rcpt_tos[0]
        word = address.split("@")[0]
        if word in AT_DATA:
            return AT_DATA[word]
        self.taken.append((address, envelope.content))
        if word == "drop":
            self.hang_up(server)
        if word == "hang":
            await asyncio.sleep(2)
        return "250 2.0.0 queued as 42"


@contextmanager
def running(sink: Sink, *, utf8: bool = True) -> Iterator[Sink]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        sink.port = free.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, enable_SMTPUTF8=utf8)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop(no_assert=True)
