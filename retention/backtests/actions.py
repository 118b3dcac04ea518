"""Back-testing: asked for by a person, done by the long work, a day a transaction, so that a kill costs one day."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.audit import actions as audit
from crm.audit.rules import Actor
from crm.lib.doorbell import wake_long_work
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.templatetags.ui import number
from crm.usage import actions as usage
from retention.backtests import queries, rules
from retention.backtests.models import Backtest, BacktestDay, State
from retention.measures import queries as measures
from retention.scorecards import queries as scorecards
from retention.scorecards.actions import keep_row, require_configure, start_draft
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion
from retention.scorecards.models import State as Stage
from retention.scorecards.queries import Edition
from retention.scores.actions import assign, judge, theirs

MOST_ATTEMPTS = 5
LEAST_SHARE = Decimal("0.1")  # in percent: a weight is above 0, also where the past would give it none
LONGEST = 84  # the window in which last use is looked for; its period before counts too
Clock = Callable[[], datetime]


@transaction.atomic
def ask(
    version: ScorecardVersion,
    *,
    horizons: Sequence[int] = rules.HORIZONS,
    since: date | None = None,
    through: date | None = None,
    at: datetime,
    by: Actor,
) -> Backtest:
    """Have a version tested, a draft too; returns the test that is at work, if one is.

    `since`, `through`: landmarks from then on, as if nothing were known after that; so what chose a scorecard and what
    judges it can be kept apart.
    Raises ValidationError for a version without measures, and for horizons that are no days.
    """
    require_configure(by)
    if not horizons or not all(0 < horizon <= 730 for horizon in horizons):
        raise ValidationError(gettext_lazy("A horizon is a number of days from 1 to 730."))
    ScorecardVersion.objects.select_for_update().get(pk=version.pk)
    found = Backtest.objects.filter(version=version, state__in=rules.AT_WORK).first()
    if found:
        return found
    if not ScorecardMeasure.objects.filter(version=version).exists():
        raise ValidationError(gettext_lazy("A scorecard needs at least one measure."))
    made = Backtest.objects.create(
        version=version,
        horizons=sorted(set(horizons)),
        asked_at=at,
        asked_by=by if isinstance(by, User) else None,
        card=queries.fingerprint(scorecards.edition(version)),
        by_segment=queries.may_choose(version),
        since=since,
        reach=min(queries.reach_of(at), through or date.max),
    )
    audit.record("scorecard.backtest_asked", version, at=at, by=by, after={"horizons": made.horizons})
    wake_long_work()
    return made


def work(*, clock: Clock, by: Actor) -> str:
    """Do what is left of the back-test that waits longest; in words what came of it, empty when none waits."""
    found = queries.at_work()
    if found is None or not finish(found, clock=clock, by=by):
        return ""
    return f"back-test {found.pk}: {found.state}"


def finish(backtest: Backtest, *, clock: Clock, by: Actor) -> bool:
    """Go on where it stopped, through to its report. False: another process is at a back-test."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('holdfast back-tests'))")
        if not cursor.fetchall()[0][0]:
            return False
        try:
            backtest.refresh_from_db()
            while backtest.at_work:
                _attempt(backtest, at=clock(), by=by)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('holdfast back-tests'))")
    return True


def _attempt(backtest: Backtest, *, at: datetime, by: Actor) -> None:
    """One step, counted before it is tried, so that one that kills its process is given up."""
    backtest.attempts += 1
    backtest.save(update_fields=["attempts"])
    if backtest.attempts > MOST_ATTEMPTS:
        _give_up(backtest, _("This step has failed several times. The server's log says why."), at=at, by=by)
        return
    try:
        _step(backtest, at=at, by=by)
    except rules.Leak as leak:
        _give_up(backtest, str(leak), at=at, by=by)


def _step(backtest: Backtest, *, at: datetime, by: Actor) -> None:
    """Judge the next day, or conclude when all are judged."""
    edition = scorecards.edition(backtest.version)
    if queries.fingerprint(edition) != backtest.card:
        _begin_anew(backtest, edition)
        return
    landmarks = queries.landmarks(backtest)
    kept = queries.kept_days(backtest)
    wanted = [day for day in landmarks if day not in kept]
    if not wanted:
        paid = queries.steps(backtest.reach)
        # Where too few left to count, each departure is shown with its score 90 days before.
        whole, stood = queries.panel(backtest, edition, landmarks, paid)
        asked = rules.days_to_ask(whole, backtest.horizons, backtest.reach)
        landmarks = sorted({*landmarks, *map(date.fromordinal, asked)})
        wanted = [day for day in landmarks if day not in kept]
    if wanted:
        _judge(backtest, edition, wanted[0])
        _advance(backtest, state=State.SCORING, goal=len(landmarks), done=len(kept) + 1, attempts=0)
        return
    known = queries.known(backtest, edition, whole, paid)
    reports = {str(horizon): rules.report(whole, horizon, known) for horizon in backtest.horizons}
    _conclude(backtest, reports, scores=len(whole), stood=stood, at=at, by=by)


def _advance(backtest: Backtest, **values: object) -> None:
    for name, value in values.items():
        setattr(backtest, name, value)
    backtest.save(update_fields=list(values))


@transaction.atomic
def _begin_anew(backtest: Backtest, edition: Edition) -> None:
    """The draft was changed meanwhile: days judged by what it was say nothing of what it is."""
    BacktestDay.objects.filter(backtest=backtest).delete()
    by_segment = queries.may_choose(backtest.version)
    _advance(backtest, card=queries.fingerprint(edition), by_segment=by_segment, done=0, attempts=0)


@transaction.atomic
def _judge(backtest: Backtest, edition: Edition, day: date) -> None:
    """Judge whom it would have judged on a past day, where that is known, in temporary tables, and keep what the report
    needs; the ledger stays as it is."""
    windows = measures.Windows("past_window_event", "past_window_person")
    used = frozenset({LONGEST, *(measure.window for measure in edition.card.measures)})
    known = measures.known_at(day)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '20min'; SET LOCAL work_mem = '256MB'; SET LOCAL jit = off")
        usage.windows_of(day, windows=used, events=windows.events, people=windows.people)
        only = ""
        if backtest.by_segment:
            assign(scorecards.order_with(backtest.version), day, known)
            only = theirs(edition.version.pk)
        judge(edition, day, known=known, windows=windows, only=only)
        refuse_later(day)
        refuse_learned_later(edition, day, windows=windows, only=only)
        values: dict[str, Any] = {"backtest": backtest.pk, "version": edition.version.pk, "day": day}
        cursor.execute(load(__file__, "keep_day"), values | {"longest": 2 * LONGEST, "never": rules.NEVER})
        cursor.execute(f"DROP TABLE {windows.events}, {windows.people}")


def refuse_later(day: date) -> None:
    """Raise Leak when anything that the scores of `day` were made of was recorded after it."""
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "recorded_later"), {"day": day, "known": measures.known_at(day)})
        found = len(cursor.fetchall())
    _refuse(found, day)


def _refuse(found: int, day: date) -> None:
    if found:
        raise rules.Leak(
            ngettext(
                "Of %(n)s account a component of %(day)s was recorded after that day, so nothing may be concluded.",
                "Of %(n)s accounts a component of %(day)s was recorded after that day, so nothing may be concluded.",
                found,
            )
            % {"n": number(found), "day": day}
        )


def refuse_learned_later(edition: Edition, day: date, *, windows: measures.Windows, only: str = "") -> None:
    """Raise Leak when a reading in `fresh` is another one once what was recorded after `day` is not there at all.

    The kinds' own tables are stood in for by temporary ones without those rows; so it is found whatever a kind forgets.
    """
    card, known = edition.card, measures.known_at(day)
    tables = sorted({table for measure in card.measures for table in measures.KINDS[measure.kind].recorded})
    if not tables:
        return
    given = {"as_of": day, "known": known}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        (own,) = cursor.fetchall()[0]
        text = load(__file__, "as_recorded").replace("/*own*/", own)
        for table in tables:
            cursor.execute(text.replace("/*table*/", table), given)
        measures.prepare(day, card.measures, known=known, only=only)
        again = measures.readings(
            card.measures, minimum_tenure=card.minimum_tenure, windows=windows,
            usage_known=measures.has_usage(day), only=only,
        )  # fmt: skip
        cursor.execute(
            f"SELECT count(*) FROM ({again}) AS again JOIN fresh USING (account_id)"
            " WHERE again.values IS DISTINCT FROM fresh.values",
            given,
        )
        (found,) = cursor.fetchall()[0]
        transaction.set_rollback(True)
    _refuse(found, day)


@transaction.atomic
def _conclude(
    backtest: Backtest, reports: dict[str, rules.Report], *, scores: int, stood: int, at: datetime, by: Actor
) -> None:
    _advance(backtest, state=State.DONE, report=reports, scores=scores, stood=stood, finished_at=at, attempts=0)
    BacktestDay.objects.filter(backtest=backtest).delete()
    said = {horizon: report["verdict"] for horizon, report in reports.items()}
    audit.record("scorecard.backtested", backtest.version, at=at, by=by, after={"verdicts": said})


@transaction.atomic
def _give_up(backtest: Backtest, why: str, *, at: datetime, by: Actor) -> None:
    _advance(backtest, state=State.FAILED, problem=why[:300], finished_at=at)
    BacktestDay.objects.filter(backtest=backtest).delete()
    audit.record("scorecard.backtest_failed", backtest.version, at=at, by=by, after={"problem": why[:300]})


@transaction.atomic
def draft_suggested(backtest: Backtest, horizon: int, *, at: datetime, by: Actor) -> ScorecardVersion:
    """Put the weights that the past suggests into a draft, in percent; it judges nobody until somebody publishes it.

    Raises ValidationError where they were not shown to be better, where the tested version has changed since, and
    where another draft is begun, which would be written over.
    """
    require_configure(by)
    weights = backtest.report.get(str(horizon), {}).get("weights")
    if not weights or weights["advice"] != rules.CHANGE:
        raise ValidationError(_("Other weights were not shown to be better, so there is nothing to put into a draft."))
    if not queries.holds(backtest):
        raise ValidationError(_("It has changed since it was tested. Test it again first."))
    version = backtest.version
    drafts = ScorecardVersion.objects.filter(scorecard=version.scorecard_id, state=Stage.DRAFT)
    if drafts.exclude(pk=version.pk).exists():
        raise ValidationError(_("A draft of this scorecard is begun already: publish or discard that one first."))
    draft = start_draft(version, at=at, by=by)
    edition = scorecards.edition(draft)
    for group, share in zip(edition.card.groups, weights["shares"], strict=True):
        first = edition.measures[group.members[0]]
        row = first.group or first
        row.weight = max(LEAST_SHARE, Decimal(f"{100 * share:.1f}"))
        keep_row(row, at=at, by=by)
    after = {"weights of": str(version), "days ahead": horizon}
    audit.record("scorecard.weights_suggested", draft, at=at, by=by, after=after)
    return draft
