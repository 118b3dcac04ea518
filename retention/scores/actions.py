"""Judging accounts: the current scores for lists, and the ledger that is only ever added to.

Every score is a function of usage through its day, the book, and the version; all of it is SQL over all
accounts at once. A lock lets one run at a time write; a second one waits and then finds nothing to do.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.fills.models import Fill
from crm.lib import partitions
from crm.lib.sql_files import load
from crm.segments.actions import refresh_figures
from crm.usage import actions as usage
from crm.usage.queries import windows_stand
from crm.webhooks import actions as webhooks
from crm.webhooks.queries import listening
from crm.webhooks.rules import HEALTH_CHANGED
from retention.measures import queries as measures
from retention.measures.rules import PERCENTILE
from retention.scorecards import queries as scorecards
from retention.scorecards.queries import Edition
from retention.scores.models import Band, Standing

LEDGER = "retention_health_score"
STAGE = "ledger_day"
LAG = timedelta(minutes=10)  # a book fact may be committed this much later than the instant it carries
FARTHEST_CATCH_UP = 35
MANY = 5_000
LIVE = """(SELECT now.*, part.values, part.bases, part.components FROM retention_score_now AS now
    JOIN retention_score_reading AS part USING (account_id) WHERE now.day = %(day)s AND now.version_id = %(version)s)"""
BEFORE_LEDGER = """SELECT past.points FROM retention_health_score AS past
    WHERE past.account_id = new.account_id AND past.version_id = %(version)s
        AND past.day <= %(day)s::date - 28 AND past.day > %(day)s::date - 35
    ORDER BY past.day DESC, past.revision DESC LIMIT 1"""
BEFORE_KEPT = """SELECT kept.points_before AS points FROM retention_score_now AS kept
    WHERE kept.account_id = new.account_id AND kept.day = %(day)s AND kept.version_id = %(version)s"""


class Scored(NamedTuple):
    """What scoring a day did: accounts judged, ledger rows written, and how many are unknown."""

    accounts: int
    written: int
    unknown: int


def refresh_windows(through: datetime, *, at: datetime, by: Actor) -> str:
    """Roll the windows to the UTC day of `through`, when they do not stand there yet."""
    day = through.astimezone(UTC).date()
    return usage.roll_windows(day, windows=scorecards.windows_in_use(), at=at, by=by)


@transaction.atomic
def score_changed(through: datetime, *, at: datetime, by: Actor) -> str:
    """Bring the current scores up to date: changed accounts, or all after a new day, version or plan.

    Clears only the dirty marks that it counted. Says what it did.
    """
    _lock()
    version = scorecards.default_version()
    day = windows_stand().day
    if version is None or day is None:
        return "No scorecard is published." if version is None else "The windows were never built."
    edition = scorecards.edition(version)
    captured = usage.dirty_accounts()
    standing = Standing.objects.filter(pk=1).first()
    facts = _facts()
    anew = standing is None or (standing.day, standing.version_id, standing.facts) != (day, version.pk, facts)
    changed = set(captured) | _changed_book(standing.through_at - LAG if standing else through)
    _redo_windows(captured, at=at, by=by)
    if anew or changed:
        refresh_figures(day, accounts=None if anew else changed, at=at, by=by)
    if not anew and not changed:
        return "Nothing has changed."
    judged = _judge_again(edition, day, None if anew else changed, at=at, by=by)
    usage.clear_dirty(captured)
    Standing.objects.update_or_create(
        pk=1, defaults={"day": day, "version_id": version.pk, "facts": facts, "through_at": through}
    )
    audit.record("scores.updated", ("scores", str(day)), at=at, by=by, after={"accounts": judged})
    return f"{judged} accounts were judged as of {day}."


def _lock() -> None:
    with connection.cursor() as cursor:
        # The web's limits are too short for a run over all accounts, and for waiting behind one.
        cursor.execute("SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = '20min'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('retention scores'))")
        # Compiling these wide expressions takes longer than running them.
        cursor.execute("SET LOCAL lock_timeout = '30s'; SET LOCAL work_mem = '256MB'; SET LOCAL jit = off")


def _facts() -> str:
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "facts"))
        return str(cursor.fetchall()[0][0])


def _changed_book(since: datetime) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "changed_book"), {"since": since})
        return {account for (account,) in cursor.fetchall()}


def _redo_windows(captured: Collection[int], *, at: datetime, by: Actor) -> None:
    """Redo the changed accounts' windows; where most have changed, as after an import, all at once."""
    stand = windows_stand()
    if len(captured) > MANY and stand.day is not None:
        usage.roll_windows(stand.day, windows=scorecards.windows_in_use(), at=at, by=by, again=True)
    else:
        usage.redo_windows(captured)


def _judge_again(edition: Edition, day: date, changed: Collection[int] | None, *, at: datetime, by: Actor) -> int:
    """Write current scores of the changed accounts (None: of all), and of whoever ranks differently through them."""
    only = ""
    with connection.cursor() as cursor:
        if changed is not None:
            only = "SELECT account_id FROM changed"
            _name_changed(changed)
        judged = judge(edition, day, only=only)
        before = BEFORE_LEDGER if changed is None else BEFORE_KEPT
        parameters: dict[str, Any] = {"version": edition.version.pk, "day": day}
        gone = f"AND held.account_id IN ({only})" if only else ""
        cursor.execute(load(__file__, "forget_readings").replace("/*only*/", gone))
        cursor.execute(load(__file__, "keep_readings"), parameters)
        _tell_of_bands(day, at=at, by=by)
        cursor.execute(load(__file__, "keep_scores").replace("/*before*/", before), parameters)
    return judged


def _tell_of_bands(day: date, *, at: datetime, by: Actor) -> None:
    """Tell whoever listens whose health has changed its band, before the new one takes the old one's place."""
    if not listening(HEALTH_CHANGED):
        return
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "band_changes"))
        moved = cursor.fetchall()
    told = {
        f"{pk}:{at.isoformat()}": {
            "account": pk,
            "external_id": name,
            "day": day,
            "before": {"band": Band(was).word, "points": None if old is None else old / 10},
            "now": {"band": Band(band).word, "points": None if new is None else new / 10},
        }
        for pk, name, was, band, old, new in moved
    }
    webhooks.emit(HEALTH_CHANGED, told, at=at, by=by)


def _name_changed(changed: Collection[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS changed")
        cursor.execute("CREATE TEMP TABLE changed (account_id bigint PRIMARY KEY) ON COMMIT DROP")
        # A merged account's facts count for the one that took its place.
        cursor.execute(
            "INSERT INTO changed SELECT DISTINCT coalesce(merged_into_id, id) FROM crm_account WHERE id = ANY(%s)",
            [list(changed)],
        )
        cursor.execute("ANALYZE changed")


def judge(
    edition: Edition,
    day: date,
    *,
    known: datetime | None = None,
    windows: measures.Windows = measures.Windows(),  # noqa: B008 - immutable
    only: str = "",
) -> int:
    """Fill the temporary tables `fresh` (readings) and `verdict` (scores) for a day; returns how many were read.

    With `only`, accounts outside it are judged too when a percentile may have moved them.
    """
    card = edition.card
    judged = measures.prepare(day, card.measures, known=known, only=only)
    read = measures.readings(
        card.measures,
        minimum_tenure=card.minimum_tenure,
        windows=windows,
        usage_known=measures.has_usage(day),
        only=only,
    )
    ranked = any(measure.scale == PERCENTILE for measure in card.measures)
    others = f"""(SELECT account_id, values, bases FROM fresh UNION ALL
        SELECT account_id, values, bases FROM retention_score_reading WHERE account_id NOT IN ({only})) AS everyone"""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS fresh, verdict")
        cursor.execute(f"CREATE TEMP TABLE fresh ON COMMIT DROP AS {read}", {"as_of": day})
        source = others if only and ranked else "fresh"
        cursor.execute(f"CREATE TEMP TABLE verdict ON COMMIT DROP AS {scorecards.judgement_sql(card, source)}")
        cursor.execute("ANALYZE verdict (account_id)")
    return judged


def score_day(day: date, *, today: date, at: datetime, by: Actor, account: int | None = None) -> Scored:
    """Write the ledger of one day, for all accounts or one. Raises ValidationError for a day to come.

    Today is judged from the windows, and so are the current scores; a past day from the days themselves, by
    what was recorded then, and only the ledger is written.
    """
    if day > today:
        raise ValidationError(_("%(day)s is still to come: scores exist through today.") % {"day": day})
    version = scorecards.default_version()
    if version is None:
        raise ValidationError(_("No scorecard is published yet."))
    partitions.ensure_months(LEDGER, [day])
    if day == today:
        return _score_today(scorecards.edition(version), day, at=at, by=by, account=account)
    return _score_past(scorecards.edition(version), day, at=at, by=by, account=account)


@transaction.atomic
def _score_today(edition: Edition, day: date, *, at: datetime, by: Actor, account: int | None) -> Scored:
    _lock()
    refresh_windows(datetime.combine(day, measures.WRITTEN_AT), at=at, by=by)
    score_changed(at, at=at, by=by)
    return _write(edition, day, LIVE, hindsight=False, at=at, by=by, account=account)


@transaction.atomic
def _score_past(edition: Edition, day: date, *, at: datetime, by: Actor, account: int | None) -> Scored:
    _lock()
    windows = measures.Windows("past_window_event", "past_window_person")
    used = frozenset(measure.window for measure in edition.card.measures)
    usage.windows_of(day, windows=used, events=windows.events, people=windows.people)
    judge(edition, day, known=measures.known_at(day), windows=windows)
    scored = _write(edition, day, "verdict", hindsight=True, at=at, by=by, account=account)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {windows.events}, {windows.people}")
    return scored


def _write(
    edition: Edition, day: date, judged: str, *, hindsight: bool, at: datetime, by: Actor, account: int | None
) -> Scored:
    parameters: dict[str, Any] = {
        "version": edition.version.pk,
        "day": day,
        "hindsight": hindsight,
        "account": account,
    }
    if account is not None:
        judged = f"(SELECT * FROM {judged} AS one WHERE one.account_id = %(account)s)"
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "write_ledger").replace("/*judged*/", judged), parameters)
        written = int(cursor.rowcount)
        cursor.execute(f"SELECT count(*), count(*) FILTER (WHERE points IS NULL) FROM {judged} AS one", parameters)
        accounts, unknown = cursor.fetchall()[0]
    if written:
        after = {"rows": written, "version": edition.version.pk, "hindsight": hindsight}
        audit.record("scores.written", ("scores", str(day)), at=at, by=by, after=after)
    return Scored(accounts, written, unknown)


def score_due(through: datetime, *, at: datetime, by: Actor) -> str:
    """Write the ledger of every day whose time has come since the last run, oldest first; says what it did."""
    if scorecards.default_version() is None:
        return "No scorecard is published."
    days = due_days(through)
    today = through.astimezone(UTC).date()
    written = 0
    for day in days:
        written += score_day(day, today=today, at=at, by=by).written
        Fill.objects.update_or_create(stage=STAGE, defaults={"through_at": measures.known_at(day), "finished_at": at})
    return f"{written} ledger rows were written for {len(days)} days." if days else "No day is due."


def due_days(through: datetime) -> Sequence[date]:
    """Days whose ledger is due by `through` and not yet written. Never written: today's, at once."""
    today = through.astimezone(UTC).date()
    done = Fill.objects.filter(stage=STAGE).values_list("through_at", flat=True).first()
    if done is None:
        return [today]
    last = today if through >= measures.known_at(today) else today - timedelta(1)
    first = max(done.date() + timedelta(1), today - timedelta(FARTHEST_CATCH_UP))
    return [first + timedelta(n) for n in range((last - first).days + 1)]
