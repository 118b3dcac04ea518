"""What a draft of a scorecard would say of the accounts; judged in temporary tables that are taken back."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from crm.accounts.models import Account
from crm.lib.scope import named_text
from crm.lib.sql_files import load
from crm.staff.models import User
from crm.usage.queries import windows_stand
from retention.measures import queries as measures
from retention.previews import rules
from retention.scorecards import queries as scorecards
from retention.scorecards import rules as arithmetic
from retention.scorecards.models import ScorecardMeasure, ScorecardVersion
from retention.scorecards.queries import Edition
from retention.scores.actions import assign, judge
from retention.scores.models import Band
from retention.scores.queries import reading_words

FEW = 10_000  # so many accounts are judged while somebody types; more would keep them waiting
PAGE = 50


class NotYet(Exception):
    """The windows that a draft reads were not summed yet; the pipeline does so at its next run."""


class Moved(NamedTuple):
    """An account that the draft puts into another band; tenths of points."""

    account_id: int
    name: str
    band: Band | None
    points: int | None
    would: Band
    would_points: int | None


@dataclass(frozen=True)
class Part:
    """One measure of one account as the draft reads it; tenths of points, None: missing."""

    name: str
    words: str
    points: int | None
    contribution: int


@dataclass(frozen=True)
class One:
    """One account by the draft, beside how it stands."""

    account_id: int
    name: str
    band: Band | None
    points: int | None
    would: Band
    would_points: int | None
    parts: list[Part]


@contextmanager
def judged(draft: Edition, *, most: int | None = None) -> Iterator[int]:
    """Judge the accounts of the draft's scorecard into `verdict`; yields how many there are. Nothing of it stays.

    `most`: of so many at most, spread over all. Raises NotYet.
    """
    with _set_aside() as day:
        of = _theirs(draft.version, day, most)
        _require_windows({measure.window for measure in draft.measures})
        judge(draft, day, only="SELECT account_id FROM theirs")
        yield of


@contextmanager
def _set_aside() -> Iterator[date]:
    day = windows_stand().day
    if day is None:
        raise NotYet
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Compiling these wide expressions takes longer than running them.
            cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL jit = off")
        yield day
        transaction.set_rollback(True)


def _require_windows(wanted: set[int]) -> None:
    if not wanted <= windows_stand().windows:
        raise NotYet


def _theirs(draft: ScorecardVersion, day: date, most: int | None) -> int:
    """Fill `theirs` with the accounts that the draft would judge if it were published; returns how many there are."""
    assign(scorecards.order_with(draft), day)
    some = "SELECT account_id FROM assigned JOIN live USING (account_id) WHERE version_id = %s"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS live")
        cursor.execute("CREATE TEMP TABLE live ON COMMIT DROP AS SELECT account_id FROM retention_score_reading")
        cursor.execute(f"SELECT count(*) FROM ({some}) AS theirs", [draft.pk])
        (of,) = cursor.fetchall()[0]
        if most is not None and of > most:
            some += f" ORDER BY hashint8(account_id), account_id LIMIT {most:d}"
        cursor.execute("DROP TABLE IF EXISTS theirs")
        cursor.execute("CREATE TEMP TABLE theirs (account_id bigint PRIMARY KEY) ON COMMIT DROP")
        cursor.execute(f"INSERT INTO theirs {some}", [draft.pk])
        cursor.execute("ANALYZE theirs")
    return int(of)


def preview(draft: Edition, *, most: int | None = None) -> rules.Preview:
    """The draft against what stands, over the accounts of its scorecard; inside `judged`, or by itself."""
    with judged(draft, most=most) as of:
        return summed(draft, of)


def summed(draft: Edition, of: int) -> rules.Preview:
    """Inside `judged`: the draft against what stands."""
    each = ", ".join(f"count(*) FILTER (WHERE components[{n}] IS NULL)" for n in range(1, len(draft.measures) + 1))
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "changes"))
        cells = [rules.Cell(*row) for row in cursor.fetchall()]
        cursor.execute(f"SELECT {each} FROM verdict")
        return rules.counted(cells, cursor.fetchall()[0], of)


def moved(user: User, *, after: int = 0, limit: int = PAGE) -> list[Moved]:
    """Inside `judged`: the accounts that the user sees and that change their band, by account."""
    seen, parameters = named_text(Account.objects.visible_to(user).values("id", "name"), prefix="seen_")
    with connection.cursor() as cursor:
        text = load(__file__, "moved").replace("/*accounts*/", seen)
        cursor.execute(text, {**parameters, "after": after, "limit": limit})
        return [
            Moved(pk, name, None if band is None else Band(band), points, Band(would), would_points)
            for pk, name, band, points, would, would_points in cursor.fetchall()
        ]


def one(draft: Edition, account: Account) -> One | None:
    """Inside `judged`: one account by the draft; None when the draft does not judge it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT held.band, held.points, new.band, new.points, new.components, new.values, new.bases"
            " FROM verdict AS new LEFT JOIN retention_score_now AS held USING (account_id) WHERE account_id = %s",
            [account.pk],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    band, points, would, would_points, components, values, bases = found
    brought = arithmetic.contributions(draft.card, components)
    parts = [
        Part(measure.label, reading_words(measure, value, base, draft.currency), tenths, contribution)
        for measure, value, base, tenths, contribution in zip(
            draft.measures, values, bases, components, brought, strict=True
        )
    ]
    held = None if band is None else Band(band)
    return One(account.pk, account.name, held, points, Band(would), would_points, parts)


class Switched(NamedTuple):
    """An account that another scorecard would judge, or (`stays`) that ranks into another band among others; tenths of
    points.
    """

    account_id: int
    name: str
    was_by: str
    would_by: str
    was: Band | None
    points: int | None
    would: Band
    would_points: int | None
    stays: bool
    alike: bool

    @property
    def place(self) -> int:
        """Where it stands in the list, to go on after it; below zero: its band stays."""
        return -self.account_id if self.alike else self.account_id


@dataclass(frozen=True)
class Switching:
    """A page of accounts, those first that change their band; and of all: how many another scorecard would judge, how
    many change their band, and how many of these stay where they are.
    """

    rows: list[Switched]
    accounts: int
    banded: int
    staying: int
    next: int | None


def switched(
    order: Sequence[ScorecardVersion], user: User, *, after: int = 0, limit: int = PAGE, staying: bool = False
) -> Switching:
    """Whom the scorecards would judge otherwise in this order and with these segments than they do now. Raises NotYet.

    Of the accounts that the user sees. `after`: the `place` of the last one seen. `staying`: only those are looked at
    who stay. Nothing of it stays.
    """
    seen, given = named_text(Account.objects.visible_to(user).values("id", "name"), prefix="seen_")
    given |= {"after": after, "limit": limit + 1, "staying": staying}
    with _set_aside() as day, connection.cursor() as cursor:
        assign(order, day)
        cursor.execute("DROP TABLE IF EXISTS switching")
        cursor.execute(load(__file__, "switching"))
        cursor.execute("SELECT left_id, TRUE FROM switching UNION SELECT version_id, FALSE FROM switching")
        touched = cursor.fetchall()
        left = {version for version, is_left in touched if is_left}
        joined = set() if staying else {version for version, is_left in touched if not is_left}
        there_are = (left | joined) & {version.pk for version in order}
        for version, edition in scorecards.editions(there_are).items():
            if edition.ranks or version in joined:
                _judge_switching(edition, day)
        cursor.execute(load(__file__, "switched").replace("/*accounts*/", seen), given)
        found = cursor.fetchall()
    rows = [
        Switched(pk, name, _(was_by), _(would_by), was if was is None else Band(was), points, Band(would), *rest)
        for pk, name, was_by, would_by, was, points, would, *rest, _accounts, _banded, _staying in found[:limit]
    ]
    accounts, banded, stay = found[0][-3:] if found else (0, 0, 0)
    return Switching(rows, accounts, banded, stay, rows[-1].place if len(found) > limit else None)


def _judge_switching(edition: Edition, day: date) -> None:
    """Judge those that come to one scorecard; where it ranks, those too who stay and whom that moves."""
    _require_windows({measure.window for measure in edition.measures})
    version = edition.version.pk
    theirs = (
        "retention_score_reading AS held WHERE account_id IN"
        f" (SELECT account_id FROM assigned WHERE version_id = {version:d}) AND held.version_id"
    )
    along = f"SELECT account_id, values, bases, components FROM {theirs} = {version:d}" if edition.ranks else ""
    judge(edition, day, only=f"SELECT account_id FROM {theirs} <> {version:d}", along=along)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE switching SET band = verdict.band, points = verdict.points FROM verdict"
            " WHERE verdict.account_id = switching.account_id AND switching.version_id = %s",
            [version],
        )
        if edition.ranks:
            cursor.execute(load(__file__, "staying"), {"version": version})


@dataclass(frozen=True)
class Distribution:
    """How a measure reads over the accounts of a scorecard: its spread, and (from, to, accounts) in bins."""

    spread: rules.Spread
    bins: list[tuple[Decimal, Decimal, int]]
    threshold: int | None


def distribution(draft: ScorecardVersion, measure: ScorecardMeasure) -> Distribution:
    """How the measure would read over the accounts that the draft would judge. Raises NotYet."""
    spec = measure.spec()
    with _set_aside() as day:
        _theirs(draft, day, FEW)
        _require_windows({measure.window})
        only = "SELECT account_id FROM theirs"
        measures.prepare(day, [spec], known=None, only=only)
        read = measures.readings(
            [spec], minimum_tenure=draft.minimum_tenure, usage_known=measures.has_usage(day), only=only
        )
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS fresh")
            cursor.execute(f"CREATE TEMP TABLE fresh ON COMMIT DROP AS {read}", {"as_of": day, "known": None})
            cursor.execute(load(__file__, "spread"))
            spread = rules.Spread(*cursor.fetchall()[0])
        return Distribution(spread, _bins(spread), _threshold(measure) if spec.threshold else None)


def _bins(spread: rules.Spread) -> list[tuple[Decimal, Decimal, int]]:
    """Ten bins over nearly all readings; the few that lie far out are counted in the last one."""
    least, most = spread.least, spread.ninetieth if spread.has_percentiles else spread.most
    if most == least:
        most = spread.most
    if least is None or most is None or most == least:
        return []
    step = (most - least) / rules.BINS
    counts = [0] * rules.BINS
    given: dict[str, Any] = {"least": least, "most": most, "bins": rules.BINS}
    with connection.cursor() as cursor:
        cursor.execute(load(__file__, "bins"), given)
        for place, accounts in cursor.fetchall():
            counts[place - 1] = accounts
    return [(least + step * n, least + step * (n + 1), accounts) for n, accounts in enumerate(counts)]


def _threshold(measure: ScorecardMeasure) -> int | None:
    """The uses that three quarters of the people who use it at all reach."""
    column = f"uses_{measure.window:d}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT percentile_disc(0.25) WITHIN GROUP (ORDER BY {column}) FROM crm_window_person"
            f" WHERE {column} > 0 AND account_id IN (SELECT account_id FROM theirs)"
        )
        (found,) = cursor.fetchall()[0]
    # The threshold counts over 28 days, whatever the window.
    return None if found is None else max(1, int(found) * 28 // measure.window)


def unsaved(version: ScorecardVersion, rows: Sequence[ScorecardMeasure], currency: str) -> Edition:
    """A draft as it stands in a form: nothing of it needs to be kept to be judged by."""
    ordered = tuple(rows)
    return Edition(version, ordered, scorecards.card(version, ordered), currency)
