"""Everything in one: database, migrations, static files, web and worker, until stopped; leaves nothing running."""

import logging
import os
import shutil
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from whitenoise.compress import main as compress

from crm.audit.rules import System
from crm.lib.database_url import diagnose_database_url
from crm.lib.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError, ensure_running
from crm.lib.processes import Child, die_with_parent
from crm.sign_in.actions import first_admin_link
from crm.sign_in.queries import url_of
from crm.staff.models import Installation, User

log = logging.getLogger("holdfast.up")
LOGIN_FILE = "first-login.txt"


class Command(BaseCommand):
    help = "Start Holdfast: the database, its migrations, the web server and the worker."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--demo", action="store_true", help="fill an empty installation with the demo company")

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get("MAKELEVEL"):
            die_with_parent()  # `make run` that is killed takes us with it; by hand, a closed shell may leave us
        check_port(settings.PORT)
        prepare()
        if options["demo"] and not Installation.objects.exists() and not User.objects.exists():
            call_command("demo")
        way_in = first_admin() or known_login()
        connection.close()
        serve(self.stdout, way_in)


def check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). "
                "Stop what uses it, or choose another: PORT=8001 make run"
            ) from error


def prepare() -> None:
    start_database()
    with connection.cursor() as cursor:
        # Two starters at once migrate one after the other, however long the first one takes.
        cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(hashtext('holdfast:migrate'))")
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('holdfast:migrate'))")
    collect_files()


def collect_files() -> None:
    """Gather what the pages load, with the compressed copies that whitenoise serves."""
    call_command("collectstatic", verbosity=0, interactive=False)
    compress(["--quiet", str(settings.STATIC_ROOT)])


def start_database() -> None:
    """Start the embedded server, or reach the one that DATABASE_URL names; say in a sentence why neither works."""
    if settings.DATABASE_URL:
        if trouble := diagnose_database_url(settings.DATABASE_URL):
            raise CommandError(trouble)
        return
    try:
        server = ensure_running(settings.VAR)
    except EmbeddedPostgresError as error:
        raise CommandError(str(error)) from error
    if server.notice:
        sys.stderr.write(f"{server.notice}\n")


def first_admin() -> str:
    """A link for making the first admin, as `up` prints it; each start makes a new one until there is an admin."""
    link = first_admin_link(at=datetime.now(UTC), by=System("up"))
    return f"Make the first admin here (works once, for 24 hours): {url_of(link)}" if link else ""


def keep_login(email: str, password: str) -> None:
    path = settings.VAR / LOGIN_FILE
    path.touch(mode=0o600)
    path.write_text(f"{email}\n{password}\n")


def known_login() -> str:
    """The login as `up` prints it; empty when the file is gone, as it should be in production."""
    try:
        email, password = (settings.VAR / LOGIN_FILE).read_text().split()
    except (OSError, ValueError):
        return ""
    return f"Log in as {email} with the password {password} (kept in {settings.VAR / LOGIN_FILE})"


def serve(out: Any, way_in: str) -> None:
    """`way_in`: how to get in, as a sentence; empty when everybody knows."""
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, stop)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(fresh_folder(settings.VAR / "metrics"))
    commands = {"web": web_command(), "worker": [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"]}
    children = {name: Child(command) for name, command in commands.items()}
    try:
        wait_for_web(children["web"])
        out.write(f"Holdfast is at {settings.SITE_URL}")
        if way_in:
            out.write(way_in)
        if Installation.objects.filter(is_demo=True).exists():
            out.write(f"This is the demo. Three steps to begin with your own data: {settings.SITE_URL}/begin/")
        connection.close()
        out.write("Stop it with Ctrl-C.")
        out.flush()
        while not stopping:
            for name, child in children.items():
                if (code := child.exited()) is not None:
                    log.warning("%s exited with code %s; starting it again", name, code)
                    child.kill()
                    sleep(1)
                    children[name] = Child(commands[name])
            sleep(0.5)
    finally:
        for child in reversed(children.values()):
            child.stop(patience=20)  # the worker has children of its own to end first
        if not settings.DATABASE_URL:
            # In a container the watcher ends with us, so the server is stopped here, by whoever leaves last.
            EmbeddedPostgres(settings.VAR).leave()


def fresh_folder(path: Path) -> Path:
    """Where the web processes count together; what earlier ones left would be added to it."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    return path


def wait_for_web(web: Child) -> None:
    for _ in range(600):
        if web.exited() is not None:
            raise CommandError("The web server did not start; the lines above say why.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", settings.PORT)) == 0:
                return
        sleep(0.1)


def web_command() -> list[str]:
    host = "127.0.0.1" if settings.LOCAL else "0.0.0.0"  # noqa: S104 - behind a reverse proxy in production
    return [
        sys.executable, "-m", "gunicorn", "crm.wsgi:application", "--chdir", str(settings.BASE_DIR),
        "--bind", f"{host}:{settings.PORT}", "--worker-class", "gthread", "--workers", "2", "--threads", "8",
        "--timeout", "60", "--graceful-timeout", "10", "--max-requests", "20000", "--max-requests-jitter", "2000",
        "--no-control-socket", "--log-level", "warning",
    ]  # fmt: skip
