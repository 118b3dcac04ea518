"""Servers on loopback, as the other side of a webhook: one that takes notes, one that must never hear anything."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any, NamedTuple

from crm.lib.outgoing import Door


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


class Receiver(ThreadingHTTPServer):
    """Takes notes of each POST and answers with the next of `answers`, then with 200.

    `hangs`: paths that begin so are never answered; `released` says of each whether it hung until it was let go.
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *answers: int, hangs: str = "/dead", head: str = "", content: bytes = b"") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.hangs, self.head, self.content = list(answers), hangs, head, content
        self.received: list[Received] = []
        self.over = threading.Event()
        self.released: list[bool] = []

    def let_go_after(self, answered: int) -> None:
        """Let those that hang go once so many others have been answered."""

        def watch() -> None:
            while sum(not got.path.startswith(self.hangs) for got in self.received) < answered:
                time.sleep(0.01)
            self.over.set()

        threading.Thread(target=watch, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def door(self, seconds: float = 5, **more: Any) -> Door:
        """The one way to this server: its port, on loopback."""
        return Door(ports=frozenset({self.port}), networks=(ip_network("127.0.0.0/8"),), seconds=seconds, **more)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append(Received(self.path, dict(self.headers), body, time.monotonic()))
        if self.path.startswith(self.server.hangs):
            self.server.released.append(self.server.over.wait(20))
            return
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        if self.server.head:
            self.send_header("Location", self.server.head)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_args: Any) -> None:
        return None


@contextmanager
def receiver(*answers: int, **more: Any) -> Iterator[Receiver]:
    server = Receiver(*answers, **more)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


@contextmanager
def canary(family: int = socket.AF_INET) -> Iterator[tuple[int, list[Any]]]:
    """A port on loopback and the connections that were made to it, which must stay none."""
    heard: list[Any] = []
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        listening.listen(64)
        listening.settimeout(0.02)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    connection, where = listening.accept()
                except (TimeoutError, OSError):
                    continue
                heard.append(where)
                connection.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1], heard
        finally:
            over.set()
            thread.join()
