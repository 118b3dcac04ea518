"""Doors that the queue knocks at: each reads the clock, calls one thing, and needs no payload.

Losing, repeating or reordering a knock changes nothing: every tick finds its own work in our tables.
"""

import logging
from datetime import UTC, datetime

from django.conf import settings
from django_q.tasks import async_task

from crm.audit import actions as audit
from crm.audit.queries import BATCH, newest_head
from crm.audit.rules import System
from crm.calendars import actions as calendars
from crm.erasures import actions as erasures
from crm.fills import actions as fills
from crm.keys import actions as keys
from crm.lib import mailer
from crm.outbox import actions as outbox
from crm.sign_in import actions as sign_in
from crm.uploads import actions as uploads_
from crm.usage import actions as usage
from crm.webhooks import actions as webhook_actions

log = logging.getLogger("holdfast.jobs")


def beat() -> None:
    """A sign of life of the queue's workers, watched by `manage.py worker`."""
    fills.beat("jobs", at=datetime.now(UTC))


def send() -> None:
    """Hand over the mail that is due, our own people's first; with more left than one round takes, knock again."""
    hello = settings.MAIL_FROM_DOMAIN
    transport = mailer.transport(settings.EMAIL_URL, settings.MAIL_FILES, hello=hello)
    if links := sign_in.send_links(clock=lambda: datetime.now(UTC), transport=transport):
        log.info("send: %s links to colleagues", links)
    done = outbox.send_due(clock=lambda: datetime.now(UTC), transport=transport)
    log.info("send: %s", done)
    if done.more:
        async_task("crm.jobs.send")


def drain() -> None:
    """Count what the tracking API stored; with more of it left than one round takes, knock again."""
    at = datetime.now(UTC)
    done = usage.drain(at=at, by=System("drain"))
    log.info("drain: %s", done)
    if done.more:
        async_task("crm.jobs.drain")


def uploads() -> None:
    """Long work: try, apply and take back the files that people uploaded, one after the other, until none is left."""
    while done := uploads_.work(clock=lambda: datetime.now(UTC), by=System("uploads")):
        log.info("uploads: %s", done)


def webhooks() -> None:
    """Tell other systems what happened; with more due than one round takes, knock again."""
    done = webhook_actions.deliver(clock=lambda: datetime.now(UTC), by=System("webhooks"))
    log.info("webhooks: %s", done)
    if done.more:
        async_task("crm.jobs.webhooks")


def housekeeping() -> None:
    """Make the partitions of the next days, drop what is past its time, and seal the record up to here.

    Guesses, links and sessions are forgotten. The log keeps a head of the chain outside the database.
    """
    at, by = datetime.now(UTC), System("housekeeping")
    log.info("housekeeping: %s", usage.tidy(at=at, by=by))
    log.info("housekeeping: %s", sign_in.tidy(at=at))
    log.info("housekeeping: %s kept answers of the API gone", keys.tidy(at=at, by=by))
    log.info("housekeeping: %s uploads forgotten", uploads_.tidy(at=at, by=by))
    log.info("housekeeping: %s old deliveries gone", webhook_actions.tidy(at=at, by=by))
    log.info("housekeeping: %s public holidays written ahead", calendars.write_ahead(at=at, by=by))
    sealed = audit.seal(at=at, by=by)
    if sealed:
        log.info("housekeeping: %s rows of the record sealed, head %s", sealed, newest_head())
    if sealed == BATCH:
        async_task("crm.jobs.housekeeping")


def finish_erasures() -> None:
    """Long work: go through raw requests and files for people who were erased, until nothing of them is left."""
    erasures.keep_journal(settings.ERASURES_JOURNAL)
    for erasure in erasures.unswept():
        done = erasures.sweep(erasure, at=datetime.now(UTC))
        log.info("erasure %s: %s", erasure.pk, "nothing is left" if done else "a mail is on its way, again later")
