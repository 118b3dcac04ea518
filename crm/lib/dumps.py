"""A whole database out of PostgreSQL and back, through its own programs; those that come along suit every server.

What is loaded runs in one transaction that is committed by us at the very end: whatever is killed on the way,
the database stays as it was.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from tempfile import TemporaryFile
from typing import IO, Any

import psycopg
from psycopg.conninfo import make_conninfo

from crm.lib.embedded_place import installed_programs

CHUNK = 1 << 20
# pg_restore of version 17 and newer sets it, and servers before 17 do not know it.
TOO_NEW = b"SET transaction_timeout = 0;\n"
HEAD = 40  # lines within which the settings stand


class DumpFailed(RuntimeError):
    """A program of PostgreSQL failed; says what it said, without a password."""


def dump(params: Mapping[str, Any], *, snapshot: str) -> Iterator[bytes]:
    """The database as another session's exported snapshot shows it, in pg_dump's own compressed format."""
    with TemporaryFile() as errors:
        wanted = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", *_reach(params)]
        program = _start("pg_dump", wanted, params, errors, stdout=subprocess.PIPE)
        try:
            assert program.stdout is not None
            while chunk := program.stdout.read(CHUNK):
                yield chunk
            _finish("pg_dump", program, errors)
        finally:
            program.kill()
            program.wait()


def load(params: Mapping[str, Any], chunks: Iterable[bytes]) -> None:
    """Fill an empty database from what `dump` gave."""
    with TemporaryFile() as errors, TemporaryFile() as said:
        script = _start(
            "pg_restore", ["--no-owner", "--no-privileges", "--file=-"], params, errors,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        wanted = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", *_reach(params)]
        psql = _start("psql", wanted, params, said, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            feeder = _feed(script, chunks)
            _copy(script, psql)
            _finish("psql", psql, said, ended=False)
            feeder.result()
            _finish("pg_restore", script, errors)
            assert psql.stdin is not None
            psql.stdin.write(b"COMMIT;\n")
            psql.stdin.close()
            _finish("psql", psql, said)
        except BrokenPipeError:
            psql.wait()
            raise DumpFailed(_last_words("psql", said)) from None
        finally:
            for program in (script, psql):
                program.kill()
                program.wait()


def _copy(script: "subprocess.Popen[bytes]", psql: "subprocess.Popen[bytes]") -> None:
    assert script.stdout is not None and psql.stdin is not None
    psql.stdin.write(b"BEGIN;\n")
    for _line in range(HEAD):
        line = script.stdout.readline()
        psql.stdin.write(b"" if line == TOO_NEW else line)
    while chunk := script.stdout.read(CHUNK):
        psql.stdin.write(chunk)
    psql.stdin.flush()


def _feed(script: "subprocess.Popen[bytes]", chunks: Iterable[bytes]) -> "Future[None]":
    """Hand over the chunks beside us, since whoever writes and reads at once in one thread waits for ever."""

    def feed() -> None:
        assert script.stdin is not None
        with script.stdin as pipe:
            for chunk in chunks:
                pipe.write(chunk)

    pool = ThreadPoolExecutor(1)
    future = pool.submit(feed)
    pool.shutdown(wait=False)
    return future


def _start(
    name: str, arguments: list[str], params: Mapping[str, Any], errors: IO[bytes], **pipes: Any
) -> "subprocess.Popen[bytes]":
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": str(params.get("password") or "")}
    if certificates := os.environ.get("PGSSLROOTCERT"):
        environment["PGSSLROOTCERT"] = certificates
    command = [str(installed_programs() / name), *arguments]
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": errors, "env": environment} | pipes
    program: subprocess.Popen[bytes] = subprocess.Popen(command, **given)
    return program


def _reach(params: Mapping[str, Any]) -> list[str]:
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()} - {"password", "options"}
    return ["--no-password", f"--dbname={make_conninfo(**{k: v for k, v in params.items() if k in known and v})}"]


def _finish(name: str, program: "subprocess.Popen[bytes]", errors: IO[bytes], *, ended: bool = True) -> None:
    """Raise what it said if it failed; `ended`: it has nothing left to do and must end now."""
    code = program.wait() if ended else program.poll()
    if code:
        raise DumpFailed(_last_words(name, errors))


def _last_words(name: str, errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = [line for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
    # What follows DETAIL and CONTEXT holds rows.
    told = [line for line in lines if not line.startswith(("DETAIL:", "CONTEXT:", "COPY "))]
    return f"{name}: {' '.join(told[-2:]) or 'ended without a word'}"
