"""Judging accounts: the current scores for lists, and the ledger that is only ever added to.

Every score is a function of usage through its day, the book, and the version; all of it is SQL over all
accounts at once. A lock lets one run at a time write; a second one waits and then finds nothing to do.
"""

from collections.abc import Collection, Mapping, Sequence
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
from retention.overrides.queries import overrides_sql
from retention.scorecards import queries as scorecards
from retention.scorecards.models import ScorecardVersion
from retention.scorecards.queries import Edition
from retention.scores.models import Band, ScoreNow, Standing, Switch
from retention.scores.queries import assignment_sql

LEDGER = "retention_health_score"
STAGE = "ledger_day"
LAG = timedelta(minutes=10)  # a book fact may be committed this much later than the instant it carries
FARTHEST_CATCH_UP = 35
MANY = 5_000
COMPARED = 28  # days
LIVE = """(SELECT now.account_id, now.points, now.coverage, now.low, now.high,
        coalesce(now.computed_band, now.band) AS band, part.values, part.bases, part.components
    FROM retention_score_now AS now
    JOIN retention_score_reading AS part USING (account_id) WHERE now.day = %(day)s AND now.version_id = %(version)s)"""
MOVED = f"(SELECT * FROM {LIVE} AS live WHERE account_id IN (SELECT account_id FROM moved WHERE becomes = %(version)s))"
# Accounts that are not judged in this run but rank along, as their readings were kept.
ALONG = """SELECT account_id, values, bases, components FROM retention_score_reading
    WHERE version_id = {version} AND account_id NOT IN (SELECT account_id FROM changed)"""


class Scored(NamedTuple):
    """What scoring a day did: accounts judged, ledger rows written, and how many are unknown."""

    accounts: int
    written: int
    unknown: int


def refresh_windows(through: datetime, *, at: datetime, by: Actor) -> str:
    """Roll the windows to the UTC day of `through`, when they do not stand there yet."""
    day = through.astimezone(UTC).date()
    return usage.roll_windows(day, windows=scorecards.windows_in_use(), at=at, by=by)


def score_changed(through: datetime, *, at: datetime, by: Actor) -> str:
    """Bring the current scores up to date: of accounts that changed, or moved to another scorecard or version; of all
    after a new day or plan. Clears only the dirty marks that it counted. Says what it did.
    """
    if (day := windows_stand().day) is not None:
        partitions.ensure_months(LEDGER, [day])
    return _score_changed(through, at=at, by=by)


@transaction.atomic
def _score_changed(through: datetime, *, at: datetime, by: Actor) -> str:
    _lock()
    order, day = scorecards.published_versions(), windows_stand().day
    if not _is_complete(order):
        return "No scorecard is published."
    if day is None:
        return "The windows were never built."
    captured = usage.dirty_accounts()
    standing = Standing.objects.filter(pk=1).first()
    now = {"day": day, "facts": _facts(), "choice": scorecards.choice_of(order)}
    anew = standing is None or (standing.day, standing.facts) != (day, now["facts"])
    changed = set(captured) | _changed_book(standing.through_at - LAG if standing else through)
    _redo_windows(captured, at=at, by=by)
    if anew or changed:
        refresh_figures(day, accounts=None if anew else changed, at=at, by=by)
    assign(order, day)
    changed |= _moved()
    if not anew and not changed:
        Standing.objects.filter(pk=1).exclude(choice=now["choice"]).update(choice=now["choice"])
        return "Nothing has changed."
    editions = scorecards.editions(version.pk for version in order)
    judged = _judge_again(editions, day, None if anew else changed, at=at, by=by)
    is_switch = standing is not None and standing.choice not in ("", now["choice"])
    _keep_moved(editions, day, is_switch=is_switch)
    usage.clear_dirty(captured)
    Standing.objects.update_or_create(pk=1, defaults=now | {"through_at": through})
    audit.record("scores.updated", ("scores", str(day)), at=at, by=by, after={"accounts": judged})
    return f"{judged} accounts were judged as of {day}."


def _is_complete(order: Sequence[ScorecardVersion]) -> bool:
    """Whether the order ends with a default, so that everybody is judged by something."""
    return bool(order) and order[-1].scorecard.is_default


def assign(order: Sequence[ScorecardVersion], day: date, known: datetime | None = None) -> None:
    """Fill the temporary table `assigned`: which version of the order judges which account on the day, as `known`."""
    text, parameters = assignment_sql(order, day, known)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS assigned")
        cursor.execute(f"CREATE TEMP TABLE assigned ON COMMIT DROP AS {text}", parameters)
        cursor.execute("ANALYZE assigned")


def _moved() -> set[int]:
    """Accounts that another scorecard, or another version of theirs, judges from now on; fills the table `moved`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS moved; CREATE TEMP TABLE moved ON COMMIT DROP AS"
            " SELECT account_id, held.version_id AS was, assigned.version_id AS becomes"
            " FROM assigned JOIN retention_score_reading AS held USING (account_id)"
            " WHERE held.version_id <> assigned.version_id"
        )
        cursor.execute("SELECT account_id FROM moved")
        return {account for (account,) in cursor.fetchall()}


def _keep_moved(editions: Mapping[int, Edition], day: date, *, is_switch: bool) -> None:
    """Write down how whoever moved stands at first, so that later scores are compared with it.

    `is_switch`: people moved them, so that comparisons begin anew as well for those who stay where others are ranked.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT was FROM moved UNION SELECT becomes FROM moved ORDER BY 1")
        touched = [version for (version,) in cursor.fetchall() if version in editions]
    for version in touched:
        these = MOVED
        if is_switch and editions[version].ranks:
            Switch.objects.get_or_create(version_id=version, day=day)
            rows = ScoreNow.objects.system("others are ranked").filter(version_id=version, day=day)
            rows.exclude(points_before=None).update(points_before=None, before_on=None, change=None)
            these = LIVE
        _write(version, day, these, hindsight=False, account=None)


def _base(version: int, day: date) -> date | None:
    """The day with which scores of `day` are compared: 28 days before, or a later switch; None: it is today's."""
    earlier = day - timedelta(COMPARED)
    switched = Switch.objects.filter(version_id=version, day__range=(earlier, day)).order_by("-day").first()
    base = switched.day if switched else earlier
    return base if base < day else None


def _lock() -> None:
    with connection.cursor() as cursor:
        # The web's limits are too short for a run over all accounts, and for waiting behind one.
        cursor.execute("SET LOCAL lock_timeout = '10min'; SET LOCAL statement_timeout = '20min'")
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('retention scores'))")
        # Compiling these wide expressions takes longer than running them.
        cursor.execute("SET LOCAL lock_timeout = '30s'; SET LOCAL work_mem = '256MB'; SET LOCAL jit = off")
        # Of its own tables the planner wants to know little more than their size.
        cursor.execute("SET LOCAL default_statistics_target = 10")


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


def _judge_again(
    editions: Mapping[int, Edition], day: date, changed: Collection[int] | None, *, at: datetime, by: Actor
) -> int:
    """Write current scores of the changed accounts (None: of all), and of whoever ranks differently through them."""
    if changed is not None:
        _name_changed(changed)
    alone = len(editions) == 1
    return sum(_judge_theirs(edition, day, alone, changed is not None, at=at, by=by) for edition in editions.values())


def _judge_theirs(edition: Edition, day: date, alone: bool, few: bool, *, at: datetime, by: Actor) -> int:
    """What `_judge_again` does, for the accounts of one scorecard; `few`: of those in `changed` only."""
    version = edition.version.pk
    only = "" if alone and not few else theirs(version, among="changed" if few else "")
    if few and not _concerns(version):
        return 0
    judged = judge(edition, day, only=only, along=ALONG.format(version=version) if few and edition.ranks else "")
    kept = load(__file__, "before_kept") if few else "/*before*/"
    before = kept.replace("/*before*/", load(__file__, "before"))
    parameters: dict[str, Any] = {"version": version, "day": day, "base": _base(version, day), "compared": COMPARED}
    gone = f"AND held.account_id IN ({only})" if only else ""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "forget_readings").replace("/*only*/", gone))
        cursor.execute(load(__file__, "keep_readings"), parameters)
        _tell_of_bands(day, at=at, by=by)
        keep = load(__file__, "keep_scores").replace("/*before*/", before)
        cursor.execute(keep.replace("/*overrides*/", overrides_sql()), parameters | {"known": None})
    return judged


def theirs(version: int, *, among: str = "") -> str:
    """Fill the temporary table `theirs` with the accounts that a version judges, and select them.

    `among`: of those in this table only.
    """
    within = f" AND account_id IN (SELECT account_id FROM {among})" if among else ""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS theirs")
        cursor.execute("CREATE TEMP TABLE theirs (account_id bigint PRIMARY KEY) ON COMMIT DROP")
        cursor.execute(f"INSERT INTO theirs SELECT account_id FROM assigned WHERE version_id = %s{within}", [version])
        cursor.execute("ANALYZE theirs")
    return "SELECT account_id FROM theirs"


def _concerns(version: int) -> bool:
    """Whether a changed account is judged by the version now, or was until now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM theirs) OR EXISTS (SELECT FROM moved WHERE was = %s)", [version])
        return bool(cursor.fetchall()[0][0])


def _tell_of_bands(day: date, *, at: datetime, by: Actor) -> None:
    """Tell whoever listens whose health has changed its band, before the new one takes the old one's place."""
    if not listening(HEALTH_CHANGED):
        return
    with connection.cursor() as cursor:
        changes = load(__file__, "band_changes").replace("/*overrides*/", overrides_sql())
        cursor.execute(changes, {"day": day, "known": None})
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
    along: str = "",
) -> int:
    """Fill the temporary tables `fresh` (readings) and `verdict` (scores) for a day; returns how many were read.

    `only`: a SELECT of the accounts to read. `along`: a SELECT of others, as they were judged before, who rank with
    these and are judged too where that moves them.
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
    verdict = scorecards.judgement_sql(card, "fresh", along=along)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS fresh, verdict")
        cursor.execute(f"CREATE TEMP TABLE fresh ON COMMIT DROP AS {read}", {"as_of": day, "known": known})
        cursor.execute(f"CREATE TEMP TABLE verdict ON COMMIT DROP AS {verdict}")
        cursor.execute("ANALYZE verdict (account_id)")
    return judged


def score_day(day: date, *, today: date, at: datetime, by: Actor, account: int | None = None) -> Scored:
    """Write the ledger of one day, for all accounts or one. Raises ValidationError for a day to come.

    Today is judged from the windows, and so are the current scores; a past day from the days themselves, by
    what was recorded then, and only the ledger is written.
    """
    if day > today:
        raise ValidationError(_("%(day)s is still to come: scores exist through today.") % {"day": day})
    order = scorecards.published_versions()
    if not _is_complete(order):
        raise ValidationError(_("No scorecard is published yet."))
    partitions.ensure_months(LEDGER, [day])
    if day == today:
        return _score_today(order, day, at=at, by=by, account=account)
    return _score_past(order, day, at=at, by=by, account=account)


@transaction.atomic
def _score_today(
    order: Sequence[ScorecardVersion], day: date, *, at: datetime, by: Actor, account: int | None
) -> Scored:
    _lock()
    refresh_windows(datetime.combine(day, measures.WRITTEN_AT), at=at, by=by)
    score_changed(at, at=at, by=by)
    scored = [_write(version.pk, day, LIVE, hindsight=False, account=account) for version in order]
    return _recorded(scored, day, hindsight=False, at=at, by=by)


@transaction.atomic
def _score_past(
    order: Sequence[ScorecardVersion], day: date, *, at: datetime, by: Actor, account: int | None
) -> Scored:
    _lock()
    editions = scorecards.editions(version.pk for version in order)
    windows = measures.Windows("past_window_event", "past_window_person")
    used = frozenset(measure.window for edition in editions.values() for measure in edition.card.measures)
    usage.windows_of(day, windows=used, events=windows.events, people=windows.people)
    assign(order, day, measures.known_at(day))
    scored = []
    for version in order:
        only = theirs(version.pk) if len(order) > 1 else ""
        judge(editions[version.pk], day, known=measures.known_at(day), windows=windows, only=only)
        scored.append(_write(version.pk, day, "verdict", hindsight=True, account=account))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {windows.events}, {windows.people}")
    return _recorded(scored, day, hindsight=True, at=at, by=by)


def _write(version: int, day: date, judged: str, *, hindsight: bool, account: int | None) -> Scored:
    """Add to the ledger what differs, of the accounts that one version judged."""
    parameters: dict[str, Any] = {"version": version, "day": day, "hindsight": hindsight, "account": account}
    if account is not None:
        judged = f"(SELECT * FROM {judged} AS one WHERE one.account_id = %(account)s)"
    with connection.cursor() as cursor:
        # A month that is empty when this is planned would be read whole for each account, and it grows meanwhile.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(load(__file__, "write_ledger").replace("/*judged*/", judged), parameters)
        written = int(cursor.rowcount)
        cursor.execute("SET LOCAL enable_seqscan TO DEFAULT")
        cursor.execute(f"SELECT count(*), count(*) FILTER (WHERE points IS NULL) FROM {judged} AS one", parameters)
        accounts, unknown = cursor.fetchall()[0]
    return Scored(accounts, written, unknown)


def _recorded(scored: Sequence[Scored], day: date, *, hindsight: bool, at: datetime, by: Actor) -> Scored:
    """What all scorecards did together, with one row in the record when anything was written."""
    whole = Scored(*map(sum, zip(*scored, strict=True)))
    if whole.written:
        after = {"rows": whole.written, "hindsight": hindsight}
        audit.record("scores.written", ("scores", str(day)), at=at, by=by, after=after)
    return whole


def score_due(through: datetime, *, at: datetime, by: Actor) -> str:
    """Write the ledger of every day whose time has come since the last run, oldest first; says what it did."""
    if not _is_complete(scorecards.published_versions()):
        return "No scorecard is published."
    days = due_days(through)
    today = through.astimezone(UTC).date()
    written = 0
    for day in days:
        written += score_day(day, today=today, at=at, by=by).written
        Fill.objects.update_or_create(stage=STAGE, defaults={"through_at": measures.known_at(day), "finished_at": at})
    return f"{written} ledger rows written, {len(days)} days judged" if days else "No day is due."


def due_days(through: datetime) -> Sequence[date]:
    """Days whose ledger is due by `through` and not yet written. Never written: today's, at once."""
    today = through.astimezone(UTC).date()
    done = Fill.objects.filter(stage=STAGE).values_list("through_at", flat=True).first()
    if done is None:
        return [today]
    last = today if through >= measures.known_at(today) else today - timedelta(1)
    first = max(done.date() + timedelta(1), today - timedelta(FARTHEST_CATCH_UP))
    return [first + timedelta(n) for n in range((last - first).days + 1)]
