"""What can be seen without any traffic: the database, its clock and jobs, mail that waits, the disk, keys, files."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import connection
from django.template.defaultfilters import pluralize

from crm.backups.queries import tables
from crm.erasures.actions import unswept
from crm.fills.models import Fill
from crm.fills.queries import behind, seconds, silence, stands_still
from crm.keys.models import ApiKey
from crm.lib.partitions import existing
from crm.management.doctor.findings import BAD, GOOD, WARNS, Finding
from crm.outbox.queries import due_and_unconfirmed, standing_pause
from crm.sources.models import InboxBatch
from crm.staff.queries import installation

OLDEST, NEWEST = 15, 18
LEFT_AT_LEAST = 2 * 2**30  # bytes of the disk
CLOCK_APART = 2  # seconds
LATE_MAIL = 900  # seconds
LONG_WORK_SILENT = 4000  # seconds; one piece of it may take an hour
SOON = timedelta(days=14)
Check = Callable[[datetime], Iterator[Finding]]


def database(at: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version_num')::int / 10000, rolsuper, "
            "pg_encoding_to_char(encoding), current_setting('synchronous_commit'), pg_is_in_recovery() "
            "FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        )
        version, is_super, encoding, commits, reads_only = cursor.fetchone()
    if not OLDEST <= version <= NEWEST:
        yield Finding(BAD, "database", f"PostgreSQL {version} is not known to work.", "Use 15, 16, 17 or 18.")
    if is_super:
        mend = "Make a role without that right and name it in DATABASE_URL."
        yield Finding(WARNS, "database", "The role that Holdfast uses is a superuser.", mend)
    if encoding != "UTF8":
        yield Finding(BAD, "database", f"Its encoding is {encoding}.", "Make the database with ENCODING 'UTF8'.")
    if commits == "off":
        mend = "Set synchronous_commit to on: what was answered 200 could be lost in a power cut."
        yield Finding(WARNS, "database", "Commits are said before they are on the disk.", mend)
    if reads_only:
        yield Finding(BAD, "database", "It only reads: it is a standby.", "Name the primary server in DATABASE_URL.")
    yield Finding(GOOD, "database", f"PostgreSQL {version} answers, with {len(tables())} tables.")


def migrations(at: datetime) -> Iterator[Finding]:
    for problem in behind():
        yield Finding(BAD, "migrations", problem, "Run manage.py migrate.")


def jobs(at: datetime) -> Iterator[Finding]:
    silent = silence("jobs", at)
    for problem in stands_still(silent):
        yield Finding(BAD, "jobs", problem, "Start or restart manage.py worker, and read its lines.")
    if not stands_still(silent):
        yield Finding(GOOD, "jobs", f"The last sign of life is {silent} second{pluralize(silent)} old.")
    if (silence("long_work", at) or 0) > LONG_WORK_SILENT:
        yield Finding(WARNS, "jobs", "Long work stands still.", "Restart manage.py worker.")
    for stage in Fill.objects.exclude(failed="").order_by("stage"):
        mend = "Read Settings → Pipeline and the worker's lines of that time."
        yield Finding(WARNS, "pipeline", f"The last run of “{stage.stage}” failed.", mend)


def clock(at: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        (theirs,) = cursor.fetchone()
    apart = max((before - theirs).total_seconds(), (theirs - datetime.now(UTC)).total_seconds(), 0)
    if apart > CLOCK_APART:
        what = f"This machine's clock and the database's are {apart:.0f} seconds apart."
        yield Finding(WARNS, "clock", what, "Keep both by NTP; hours and days of usage depend on it.")
    else:
        yield Finding(GOOD, "clock", "It agrees with the database's.")


def partitions(at: datetime) -> Iterator[Finding]:
    tomorrow = f"{at + timedelta(days=1):%Y%m%d}"
    if tomorrow not in existing("crm_inbox_batch"):
        mend = "Housekeeping makes it every 15 minutes; see whether jobs run."
        yield Finding(WARNS, "partitions", "There is none for what is received tomorrow.", mend)


def mail(at: datetime) -> Iterator[Finding]:
    waits = due_and_unconfirmed(at)
    age = seconds(waits.oldest_due_at, at)
    if age is not None and age > LATE_MAIL:
        yield Finding(WARNS, "mail", f"The oldest due mail has waited for {age // 60} minutes.", "Look at /mail/.")
    if waits.unconfirmed:
        mend = "Say at /mail/ whether they were sent, or send them again."
        yield Finding(WARNS, "mail", f"Mails that have perhaps been sent: {waits.unconfirmed}.", mend)
    if standing_pause() or not installation().sending:
        yield Finding(WARNS, "mail", "Sending is switched off.", "Switch it on at /mail/ once the reason is mended.")
    if not settings.EMAIL_URL and not settings.LOCAL:
        yield Finding(WARNS, "mail", "Mail is written to files, and to nobody.", "Set EMAIL_URL.")


def inbox(at: datetime) -> Iterator[Finding]:
    if parked := InboxBatch.objects.filter(parked_at__isnull=False, drained_at=None).count():
        mend = "Read why on Settings → Sources, mend it, and press Retry there."
        yield Finding(WARNS, "events", f"Requests that five attempts could not count: {parked}.", mend)
    if stuck := [one for one in unswept() if at - one.at > timedelta(hours=6)]:
        mend = "Restart manage.py worker; its long work goes through raw data."
        yield Finding(WARNS, "erasures", f"Erasures that have not come to an end for 6 hours: {len(stuck)}.", mend)


def disk(at: datetime) -> Iterator[Finding]:
    folder = next(path for path in (Path(settings.VAR), *Path(settings.VAR).resolve().parents) if path.exists())
    left = shutil.disk_usage(folder).free
    words = f"{left / 2**30:.1f} GB are free where HOLDFAST_VAR is."
    if left < LEFT_AT_LEAST:
        yield Finding(BAD, "disk", words, "Free some: a full disk stops the embedded database, mail files and backups.")
    else:
        yield Finding(GOOD, "disk", words)


def keys(at: datetime) -> Iterator[Finding]:
    if len(settings.SECRET_KEY) < 50 and not settings.LOCAL:
        mend = "Set one of at least 50 random characters, the old one into SECRET_KEY_FALLBACKS."
        yield Finding(BAD, "keys", "The SECRET_KEY is short.", mend)
    if settings.DEBUG:
        yield Finding(WARNS, "keys", "DEBUG is on: error pages show what they know.", "Take DEBUG away.")
    if not settings.SECURE and not settings.LOCAL:
        yield Finding(WARNS, "keys", "SITE_URL is not https: cookies travel in the open.", "Put HTTPS in front.")
    soon = ApiKey.objects.filter(revoked_at=None, expires_at__gt=at, expires_at__lte=at + SOON).count()
    if soon:
        mend = "Make new ones on Settings → API keys and tell whoever uses the old ones."
        yield Finding(WARNS, "keys", f"{soon} API keys expire within 14 days.", mend)


def files(at: datetime) -> Iterator[Finding]:
    try:
        staticfiles_storage.url("css/forms.css")
    except ValueError:
        yield Finding(BAD, "files", "Styles and scripts are not collected.", "Run manage.py collectstatic --noinput.")
    if find_spec("weasyprint") is None:
        yield Finding(GOOD, "files", "PDFs are printed by the browser: weasyprint, which is optional, is not there.")


HERE: tuple[Check, ...] = (database, migrations, jobs, clock, partitions, mail, inbox, disk, keys, files)
