"""What DATABASE_URL is told when it cannot be used, by real servers and real silence."""

import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from crm.lib.database_url import UNREADABLE, diagnose_database_url
from crm.lib.embedded_postgres import EmbeddedPostgres, Server


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Somebody else's server: over TCP, with another locale."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-tcp-", dir="/tmp"))
    folder.chmod(0o755)
    embedded = EmbeddedPostgres(
        folder / "var",
        tcp_port=free_port(),
        initdb_args=["--locale-provider=libc", "--locale=C.UTF-8"],
        state=folder / "state",
    )
    yield embedded.start()
    embedded.leave()
    shutil.rmtree(folder)


def test_a_server_on_tcp_with_another_locale_is_usable(server: Server) -> None:
    assert diagnose_database_url(server.url) is None
    with psycopg.connect(server.url) as connection:
        row = connection.execute(
            "select datlocprovider, datcollate from pg_database where datname = current_database()"
        )
        assert row.fetchone() == ("c", "C.UTF-8")


def test_a_wrong_password_is_told_without_showing_it(server: Server) -> None:
    wrong = secrets.token_hex(8)
    said = diagnose_database_url(server.url.replace(server.password, wrong))
    assert said == (
        f"The database of DATABASE_URL at 127.0.0.1 port {server.port} cannot be used: "
        'the server refused the user "holdfast" or its password.'
    )


def test_an_unknown_database_is_named(server: Server) -> None:
    assert diagnose_database_url(server.url.removesuffix("holdfast") + "elsewhere") == (
        f"The database of DATABASE_URL at 127.0.0.1 port {server.port} cannot be used: "
        'it has no database "elsewhere"; make it there first.'
    )


def test_a_user_who_is_not_admitted_is_named(server: Server) -> None:
    assert diagnose_database_url(server.url.replace("//holdfast:", "//postgres:")) == (
        f"The database of DATABASE_URL at 127.0.0.1 port {server.port} cannot be used: "
        'the server does not admit the user "postgres" from this machine to "holdfast".'
    )


def test_nobody_listening_is_told() -> None:
    port = free_port()
    assert diagnose_database_url(f"postgres://u:p@127.0.0.1:{port}/crm") == (
        f"The database of DATABASE_URL at 127.0.0.1 port {port} cannot be used: "
        "nothing listens there; is the server running, and is the port right."
    )


def test_silence_is_told_after_five_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        assert diagnose_database_url(f"postgres://u:p@127.0.0.1:{port}/crm") == (
            f"The database of DATABASE_URL at 127.0.0.1 port {port} cannot be used: "
            "it did not answer within 5 seconds; is a firewall in between."
        )


def test_a_missing_socket_is_told_with_its_case_kept(tmp_path: Path) -> None:
    folder = tmp_path / "Upper"
    folder.mkdir()
    assert diagnose_database_url(f"postgres://u:p@{quote(str(folder), safe='')}:5432/crm") == (
        f"The database of DATABASE_URL at {folder} port 5432 cannot be used: "
        "no server has a socket there; is it running."
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:p@127.0.0.1/crm", 'DATABASE_URL must begin with postgres://, but it begins with "mysql".'),
        ("postgres://u:p@127.0.0.1:none/crm", UNREADABLE),
        ("postgres://u:se/cret@127.0.0.1/crm", UNREADABLE),
        (
            "postgres://u:p@127.0.0.1/",
            "DATABASE_URL names no database; write it like postgres://user:password@host:5432/database.",
        ),
    ],
)
def test_an_address_that_cannot_be_read_is_explained(url: str, said: str) -> None:
    assert diagnose_database_url(url) == said


def test_an_old_server_is_refused() -> None:
    """A server that greets like PostgreSQL 14, as far as a client can tell."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def greet(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            while (first := connection.recv(1024))[4:8] != (196608).to_bytes(4, "big"):
                assert first  # requests for encryption, which we decline
                connection.sendall(b"N")
            welcome = message(b"R", (0).to_bytes(4, "big"))
            for name, value in ((b"server_version", b"14.9"), (b"client_encoding", b"UTF8")):
                welcome += message(b"S", name + b"\0" + value + b"\0")
            connection.sendall(welcome + message(b"Z", b"I"))
            connection.recv(1024)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        thread = threading.Thread(target=greet, args=(listening,))
        thread.start()
        said = diagnose_database_url(f"postgres://u:p@127.0.0.1:{port}/crm")
        thread.join()
    assert (
        said == f"The database of DATABASE_URL at 127.0.0.1 port {port} is PostgreSQL 14; Holdfast needs 15 or newer."
    )
