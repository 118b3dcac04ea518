"""What a back-test stands on, and its report in the words of whoever reads it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Min
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from crm.lib.sql_files import load
from crm.staff.queries import installation
from crm.subscriptions import queries as subscriptions
from crm.subscriptions.models import SubscriptionChange
from crm.templatetags.ui import number
from feedback.answers.models import Answer
from retention.backtests import rules
from retention.backtests.models import Backtest, BacktestDay, State
from retention.backtests.rules import Dated, Known, Panel, Report, Steps
from retention.scorecards import queries as scorecards
from retention.scorecards.models import ScorecardVersion
from retention.scorecards.queries import Edition

VERDICTS = {
    rules.NOBODY: gettext_lazy(
        "Not shown to be predictive: nobody is known to have left within %(horizon)s days of a month-end."
    ),
    rules.LEAK: gettext_lazy(
        "Suspected leak: %(horizon)s days ahead it tells too well to be true. Look for a measure that knows the "
        "outcome."
    ),
    rules.SHOWN: gettext_lazy(
        "Shown to be predictive: %(horizon)s days ahead, those who left scored lower than those who stayed."
    ),
    rules.NOT_SHOWN: gettext_lazy(
        "Not shown to be predictive: %(horizon)s days ahead, the interval holds 0.5, which is what chance gives."
    ),
    rules.WRONG_WAY: gettext_lazy(
        "Shown to point the wrong way: %(horizon)s days ahead, those who left scored higher than those who stayed."
    ),
}
ADVICE = {
    rules.KEEP: gettext_lazy(
        "Keep yours: on months not learned from, other weights than equal ones gain %(gain)s, between %(low)s and "
        "%(high)s."
    ),
    rules.CHANGE: gettext_lazy(
        "Other weights told better: on months not learned from they gain %(gain)s over equal ones, between %(low)s and "
        "%(high)s."
    ),
}
PROMOTER = 9
BESIDE = 3  # versions that are shown beside each other
HEADLINE = 90  # the horizon that a page speaks of where it speaks of one


def reach_of(at: datetime) -> date:
    """The last day for which it is known who left: coverage that ends with the data is censored, not churn."""
    through, today = installation().paid_through, at.date()
    return min(through, today) if through else today


def fingerprint(edition: Edition) -> str:
    """Changes with anything that changes scores, so that a page can say that a draft has moved on since."""
    return sha256(f"{edition.card} {edition.currency}".encode()).hexdigest()


def chosen_before(version: ScorecardVersion) -> list[ScorecardVersion]:
    """The scorecards that say whom this version judges: those before it in the order, and its own."""
    order = scorecards.order_with(version)
    return order[: order.index(version) + 1]


def may_choose(version: ScorecardVersion) -> bool:
    """Whether it is known whom the version would have judged on past days; a lone one judges everybody."""
    order = chosen_before(version)
    return (len(order) > 1 or not version.scorecard.is_default) and not scorecards.kept_only_now(order)


def population_words(backtest: Backtest) -> str:
    """Which accounts were judged, in a sentence; empty where there is nothing to choose."""
    order = chosen_before(backtest.version)
    if backtest.by_segment:
        return _("Judged were the accounts that it would have judged on each day, by what was known of them then.")
    if len(order) == 1 and backtest.version.scorecard.is_default:
        return ""
    fields = ", ".join(f"“{label}”" for label in scorecards.kept_only_now(order))
    return _(
        "All accounts were judged, not only those of its segment: %(fields)s is kept as it is now, not as it was, and "
        "who left has often lost it since."
    ) % {"fields": fields or "—"}


def holds(backtest: Backtest) -> bool:
    """Whether its version is still what was tested."""
    now = scorecards.editions([backtest.version_id]).get(backtest.version_id)
    return now is not None and backtest.card == fingerprint(now)


def at_work() -> Backtest | None:
    """The back-test that waits longest."""
    return Backtest.objects.filter(state__in=rules.AT_WORK).order_by("id").first()


# --- what it stands on -------------------------------------------------------------------------------------------


def steps(reach: date) -> Steps:
    """What every account pays from which day on, as everything known now says it."""
    rows = subscriptions.all_steps(reach)
    accounts, days, paid, mrr = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Steps(
        np.array(accounts, np.int64),
        np.array([day.toordinal() for day in days], np.int64),
        np.array(paid, bool),
        np.array([np.nan if each is None else float(each) for each in mrr]),
    )


def landmarks(backtest: Backtest) -> list[date]:
    """The month-ends that it looks at: since anybody is known to pay, or since the day that was asked for."""
    changes = SubscriptionChange.objects.system("back-test")
    first: date | None = changes.aggregate(first=Min("effective_on"))["first"]
    start = max(first, backtest.since) if first and backtest.since else first
    return rules.landmarks(start, backtest.reach, backtest.horizons)


def kept_days(backtest: Backtest) -> set[date]:
    return set(BacktestDay.objects.filter(backtest=backtest).values_list("day", flat=True))


def panel(backtest: Backtest, edition: Edition, days: Collection[date], paid: Steps) -> tuple[Panel, int]:
    """Everybody who paid on these days and has a known band, and how many scores are as they stood."""
    parts, stood = [_places(edition, None, paid)], 0
    for row in BacktestDay.objects.filter(backtest=backtest, day__in=days).order_by("day"):
        part, live = _places(edition, row, paid), np.array(row.stood, bool)
        stood += int(live[_live(row, paid)].sum())
        parts.append(part)
    return Panel.joined(parts), stood


def _live(row: BacktestDay, paid: Steps) -> Any:
    accounts = np.array(row.accounts, np.int64)
    return paid.pays(accounts, np.full(len(accounts), row.day.toordinal()))


def _places(edition: Edition, row: BacktestDay | None, paid: Steps) -> Panel:
    held = row or BacktestDay(
        day=date.min, accounts=[], points=[], bands=[], last_use=[], renews_in=[], stood=[], components=[]
    )
    accounts = np.array(held.accounts, np.int64)
    days = np.full(len(accounts), held.day.toordinal())
    components = np.array(held.components, np.float64).reshape(len(accounts), len(edition.measures))
    whole = Panel(
        accounts=accounts,
        days=days,
        points=np.array(held.points, np.int64),
        bands=np.array(held.bands, np.int64),
        last_use=np.array(held.last_use, np.int64),
        renews_in=np.array(held.renews_in, np.int64),
        left_on=paid.left_after(accounts, days),
        groups=rules.group_points(edition.card, components),
    )
    return whole.only(paid.pays(accounts, days))


def known(backtest: Backtest, edition: Edition, whole: Panel, paid: Steps) -> Known:
    """What the report needs beside the panel."""
    leavers = np.unique(whole.accounts[whole.left_on < rules.NEVER])
    scores = Answer.objects.system("back-test").filter(set_aside="").order_by()
    given = scores.values_list(Coalesce("account__merged_into_id", "account_id"), "answered_at", "score")
    answers = sorted((account, at.date().toordinal(), score) for account, at, score in given)
    return Known(
        reach=backtest.reach,
        warn_below=edition.card.limits[1] * 10,
        steps=paid,
        answers=_dated(answers),
        promoters=_dated([row for row in answers if row[2] >= PROMOTER]),
        ledger=_between(edition.version.pk, leavers.tolist()),
        before=_before(backtest, whole),
    )


def _dated(rows: Sequence[tuple[int, int, int]]) -> Dated:
    columns = np.array([row[:2] for row in rows], np.int64).reshape(len(rows), 2)
    return Dated(columns[:, 0], columns[:, 1])


def _between(version: int, accounts: list[int]) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "between"), {"version": version, "accounts": accounts})
        for account, day, points in cursor.fetchall():
            found.setdefault(account, []).append((day.toordinal(), points))
    return found


def _before(backtest: Backtest, whole: Panel) -> dict[tuple[int, int], int | None]:
    """Tenths 90 days before each departure of which that day was judged."""
    gone = rules.departures(whole, whole.left_on < rules.NEVER)
    days = {day - rules.BEFORE: dict[int, int]() for _account, day in gone}
    wanted = [date.fromordinal(day) for day in days]
    for row in BacktestDay.objects.filter(backtest=backtest, day__in=wanted):
        days[row.day.toordinal()] = dict(zip(row.accounts, row.points, strict=True))
    return {(account, day): days[day - rules.BEFORE].get(account) for account, day in gone}


def group_names(edition: Edition) -> list[str]:
    """What the card's groups are called; a measure without a group is one of its own."""
    rows = [edition.measures[group.members[0]] for group in edition.card.groups]
    return [row.group.name if row.group else row.label for row in rows]


# --- what pages and the command show -----------------------------------------------------------------------------


def newest(version_ids: Iterable[int]) -> dict[int, Backtest]:
    """The newest finished back-test of each version."""
    rows = Backtest.objects.filter(version__in=set(version_ids), state=State.DONE).order_by("version_id", "-id")
    return {row.version_id: row for row in rows.distinct("version_id").select_related("version__scorecard")}


def pending(version: ScorecardVersion) -> Backtest | None:
    """The newest one, unless it is done: at work, or given up."""
    found = Backtest.objects.filter(version=version).first()
    return None if found is None or found.state == State.DONE else found


def headline(backtest: Backtest) -> tuple[int, Report] | None:
    """The horizon that stands for all: 90 days where anybody left, or else the one that saw most departures."""
    reports = {int(horizon): report for horizon, report in backtest.report.items()}
    if not reports:
        return None
    saw = HEADLINE in reports and reports[HEADLINE]["churns"] > 0
    horizon = HEADLINE if saw else max(reports, key=lambda each: (reports[each]["churns"], -each))
    return horizon, reports[horizon]


def verdict_words(horizon: int, report: Report, *, figures: bool = True) -> str:
    """The verdict in one sentence; `figures` False for whoever may not know how many accounts there are."""
    if report["verdict"] == rules.FEW:
        return _few(horizon, report, figures)
    words = str(VERDICTS[report["verdict"]]) % {"horizon": horizon}
    if not figures or report["auc"] is None:
        return words
    low, high = report["interval"]
    figure = {"auc": two(report["auc"]), "low": two(low), "high": two(high)}
    return f"{words} " + _("AUC %(auc)s, 95 %% interval %(low)s to %(high)s.") % figure


def auc_words(found: Report) -> str:
    """An estimate with its interval."""
    low, high = found["interval"]
    return _("%(auc)s, between %(low)s and %(high)s") % {"auc": two(found["value"]), "low": two(low), "high": two(high)}


def _few(horizon: int, report: Report, figures: bool) -> str:
    if not figures:
        return _("Not shown to be predictive: too few customers have left so far to tell.")
    return ngettext(
        "Not shown to be predictive: only %(n)s customer left within %(horizon)s days of a month-end, and below "
        "%(fewest)s no more can be said.",
        "Not shown to be predictive: only %(n)s customers left within %(horizon)s days of a month-end, and below "
        "%(fewest)s no more can be said.",
        report["leavers"],
    ) % {"n": number(report["leavers"]), "horizon": horizon, "fewest": rules.FEWEST_LEAVERS}


def two(value: float) -> str:
    """Rounded to hundredths."""
    return number(Decimal(f"{value:.2f}"), 2)


def advice_words(report: Report) -> str:
    """What to do about the weights, in one sentence."""
    weights = report["weights"]
    if weights is None:
        return _("No weights are suggested: there are too few departures, or too few measures, to learn from.")
    gain = weights["gain"]
    if weights["advice"] == rules.TOO_FEW or gain is None:
        return _("Keep yours: too few customers left in the months that the suggestion had not seen.")
    low, high = gain["interval"]
    figures = {"gain": signed(gain["value"]), "low": signed(low), "high": signed(high)}
    return str(ADVICE[weights["advice"]]) % figures


def signed(value: float) -> str:
    printed = two(abs(value))
    sign = "" if float(f"{value:.2f}") == 0 else "−" if value < 0 else "+"
    return sign + printed


@dataclass(frozen=True)
class Brief:
    """What the editor shows of a version: figures in words, for the headline horizon. None: never tested."""

    backtest: Backtest
    horizon: int
    report: Report
    is_stale: bool

    @property
    def auc(self) -> str:
        return "—" if self.report["auc"] is None else two(self.report["auc"])

    @property
    def margin(self) -> str:
        """Half of the interval's width."""
        if self.report["auc"] is None:
            return ""
        low, high = self.report["interval"]
        return f"±{two((high - low) / 2)}"

    @property
    def better_than_last_use(self) -> str:
        found = self.report["baselines"]["last_use"]
        low, high = found["lift"]["interval"] if found else (0, 0)
        return _("yes") if low > 0 else _("no, worse") if high < 0 else _("not shown")

    @property
    def warning(self) -> str:
        median = self.report["lead_time"]["median"]
        if median is None:
            return "—"
        return ngettext("%(days)s day", "%(days)s days", round(median)) % {"days": number(round(median))}

    @property
    def missed(self) -> str:
        misses = self.report["misses"]
        figures = {"n": number(misses["green_and_left_in_all"]), "of": number(misses["churns"])}
        return _("%(n)s of %(of)s") % figures

    @property
    def verdict(self) -> str:
        return verdict_words(self.horizon, self.report)

    @property
    def verdict_alone(self) -> str:
        return verdict_words(self.horizon, self.report, figures=False)


def briefs(version_ids: Sequence[int]) -> dict[int, Brief]:
    """By version, for all that were tested: what `retention/_would_it_have_told.html` shows. Two queries."""
    editions = scorecards.editions(version_ids)
    found = {}
    for pk, backtest in newest(version_ids).items():
        chosen = headline(backtest)
        if chosen:
            now = editions.get(pk)
            found[pk] = Brief(backtest, *chosen, is_stale=now is None or backtest.card != fingerprint(now))
    return found


def beside(version: ScorecardVersion, *, drafts: bool = True) -> list[ScorecardVersion]:
    """This version and the newest others of its scorecard, oldest first; one query."""
    others = ScorecardVersion.objects.filter(scorecard=version.scorecard_id).exclude(pk=version.pk)
    if not drafts:
        others = others.exclude(published_at=None)
    newest = list(others.select_related("scorecard").order_by("-number")[: BESIDE - 1])
    return sorted([version, *newest], key=lambda each: each.number)
