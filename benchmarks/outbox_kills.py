"""Kill sending processes at random and count who got how many mails.

    python -m benchmarks.outbox_kills --people 1000 --kills 200      the outbox's own way
    python -m benchmarks.outbox_kills --people 1000 --kills 200 --naive   send, then mark as sent

Two processes send side by side to a real SMTP server on loopback; one of them is killed with SIGKILL at a
random moment, again and again. The server writes every text down before it answers. The clock runs 200
times faster than ours, so that a lease of two minutes is over in 0.6 s and late answers happen too.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import smtplib
import socket
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import django
from django.conf import settings

SPEED = 200
BEGUN = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


class Clock:
    """An instant that all processes share and that runs SPEED times faster than the wall."""

    def __init__(self) -> None:
        self.started = monotonic()

    def __call__(self) -> datetime:
        return BEGUN + timedelta(seconds=(monotonic() - self.started) * SPEED)


def child(work: Callable[[], Any]) -> int:
    """Run `work` in a forked process without our database connections; return its process id."""
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


# The server that counts


def serve(listening: socket.socket, taken: Path, seed: int) -> None:
    from aiosmtpd.smtp import SMTP

    chance = random.Random(seed)
    log = os.open(taken, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    class Counting:
        async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
            await asyncio.sleep(chance.uniform(0, 0.05))
            os.write(log, f"{envelope.rcpt_tos[0]}\n".encode())
            await asyncio.sleep(chance.uniform(0, 0.05))
            return "250 taken"

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_server(lambda: SMTP(Counting(), hostname="sink.example"), sock=listening)
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def sink(seed: int) -> Iterator[tuple[int, Path]]:
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        taken = Path(folder) / "taken"
        taken.touch()
        pid = child(lambda: serve(listening, taken, seed))
        try:
            yield listening.getsockname()[1], taken
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


# What is sent, and how


def approve(people: int) -> Any:
    """One approved mail to each of so many contacts, each of an account of its own; returns the rep."""
    from crm.accounts.models import Account
    from crm.contacts.models import Contact
    from crm.outbox import actions
    from crm.staff.models import User

    rep = User.objects.create(email="mina@ours.example", name="Mina Kwon", role="rep", created_at=BEGUN)
    accounts = Account.objects.bulk_create(
        [Account(external_id=f"kill-{n}", name=f"Customer {n}", owner=rep, created_at=BEGUN) for n in range(people)]
    )
    contacts = Contact.objects.bulk_create(
        [
            Contact(account=account, name="Lena Ahrens", email=f"p{n}@customer.example", created_at=BEGUN)
            for n, account in enumerate(accounts)
        ]
    )
    for account, contact in zip(accounts, contacts, strict=True):
        actions.enqueue(
            key=f"kill:{contact.pk}",
            account=account,
            contact=contact,
            kind="informational",
            signer=rep,
            approved_by=rep,
            subject="Nine of your colleagues plan now",
            body_text="Hello Lena,\n\nnine of 25 colleagues plan.\n\nMina Kwon",
            due_at=BEGUN,
            at=BEGUN,
            by=rep,
        )
    return rep


def send(port: int, clock: Clock) -> None:
    """What the worker's tick does, again and again."""
    from crm.lib.mailer import SmtpTransport
    from crm.outbox import actions

    while left():
        actions.send_due(clock=clock, transport=SmtpTransport("smtp", "127.0.0.1", port), seconds=25 * SPEED)
        sleep(0.05)


def send_naively(port: int, clock: Clock) -> None:
    """The usual way, for comparison: lock the row, send, mark it as sent, commit."""
    from django.db import transaction

    from crm.outbox.models import MailState, OutboundMail

    rows = OutboundMail.objects.system("benchmark").filter(state=MailState.APPROVED)
    while left():
        with transaction.atomic():
            mail = rows.select_for_update(skip_locked=True).order_by("pk").first()
            if mail is None:
                break
            with smtplib.SMTP("127.0.0.1", port, "sender.example") as smtp:
                smtp.sendmail(mail.from_address, [mail.to_address], f"Subject: {mail.subject}\r\n\r\n{mail.body_text}")
            mail.state = MailState.SENT
            mail.save(update_fields=["state"])


def left() -> int:
    from crm.outbox.models import OutboundMail

    return OutboundMail.objects.system("benchmark").filter(state__in=["approved", "claimed", "handoff"]).count()


def at_work(work: Callable[[], None]) -> int:
    """A process that has connected to the database and begins to send now."""
    reading, writing = os.pipe()

    def begin() -> None:
        left()
        os.write(writing, b".")
        work()

    pid = child(begin)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    return pid


def kill_at_random(work: Callable[[], None], kills: int, chance: random.Random) -> int:
    """Keep two processes at work and kill one of them, until so many were killed or nothing is left to send."""
    running: list[int] = []
    done = 0
    while done < kills and left():
        while len(running) < 2:
            running.append(at_work(work))
        sleep(chance.uniform(0, 0.2))
        pid = running.pop(chance.randrange(2))
        os.kill(pid, signal.SIGKILL)
        _pid, status = os.waitpid(pid, 0)
        done += os.WIFSIGNALED(status)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return done


def finish(work: Callable[[], None]) -> None:
    os.waitpid(child(work), 0)


def run(people: int, kills: int, seed: int, *, naive: bool) -> dict[str, int]:
    from crm.outbox import actions
    from crm.outbox.models import OutboundMail

    chance, rep = random.Random(seed), approve(people)
    mails = OutboundMail.objects.system("benchmark").order_by("pk")
    with sink(seed) as (port, taken):
        clock = Clock()

        def work() -> None:
            (send_naively if naive else send)(port, clock)

        def got() -> Counter[str]:
            return Counter(taken.read_text().split())

        killed = kill_at_random(work, kills, chance)
        finish(work)
        states, copies = Counter(mails.values_list("state", flat=True)), got()
        sent = set(mails.filter(state="sent").values_list("to_address", flat=True))
        result = {
            "people": people,
            "kills": killed,
            "sent": states["sent"],
            "unconfirmed": states["unconfirmed"],
            "unconfirmed_that_arrived": len(set(copies) - sent),
            "in_any_other_state": people - states["sent"] - states["unconfirmed"],
            "people_with_two_mails": sum(1 for n in copies.values() if n > 1),
            "sent_but_never_arrived": len(sent - set(copies)),
        }
        # A person looks into the server's log: what arrived is marked as sent, the rest goes out again.
        for mail in mails.filter(state="unconfirmed").select_related("account__owner"):
            decide = actions.mark_sent if mail.to_address in copies else actions.send_again
            decide(mail, at=clock(), by=rep)
        finish(work)
        copies = got()
        result["people_with_one_mail_at_the_end"] = sum(1 for n in copies.values() if n == 1)
    return result


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=1000)
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--naive", action="store_true", help="send, then mark as sent: how it usually goes wrong")
    asked.add_argument("--database", default="", help="an empty database that is there already, such as a test's")
    given = asked.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
    if given.database:
        settings.DATABASES["default"]["NAME"] = given.database
        django.setup()
        result = run(given.people, given.kills, given.seed, naive=given.naive)
    else:
        result = in_a_scratch_database(lambda: run(given.people, given.kills, given.seed, naive=given.naive))
    json.dump(result, sys.stdout, indent=1)
    sys.stdout.write("\n")


def in_a_scratch_database(work: Callable[[], dict[str, int]]) -> dict[str, int]:
    """Make a database beside the real one, work in it, and drop it."""
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = "holdfast_kills"
    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        return work()
    finally:
        connection.creation.destroy_test_db("holdfast_kills", verbosity=0)


if __name__ == "__main__":
    main()
