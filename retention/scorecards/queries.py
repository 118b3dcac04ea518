"""Scorecards as pages and scoring need them: which version counts, its arithmetic, and the same as SQL."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from hashlib import md5
from itertools import groupby
from operator import attrgetter

from django.db.models import Subquery
from django.utils.translation import gettext_noop
from orjson import OPT_SORT_KEYS, dumps

from crm.lib.gate import Refused
from crm.segments import queries as segments
from crm.segments import rules as conditions
from crm.segments.models import Shared
from crm.staff.models import Installation
from retention.measures import queries as measures
from retention.measures.rules import PERCENTILE
from retention.scorecards.models import Scorecard, ScorecardMeasure, ScorecardVersion, State
from retention.scorecards.rules import AVERAGE, LOWEST, Card, Group

SEGMENT_GONE = gettext_noop("The segment “{name}” was deleted. Bring it back under Segments, or choose another one.")
SEGMENT_HIDDEN = gettext_noop("The segment “{name}” is not for everyone. Share it, or choose another one.")
SEGMENT_EMPTY = gettext_noop("The segment “{name}” has no condition. Give it one, or choose another one.")
NO_SEGMENT = gettext_noop("Choose a segment: only the default scorecard takes all accounts that are left.")
CONCLUDED = gettext_noop("“{field}” follows from the scores, so it cannot choose a scorecard. Take the condition out.")


@dataclass(frozen=True)
class Edition:
    """A version with its measures in order, the arithmetic made of both, and the currency of prices."""

    version: ScorecardVersion
    measures: tuple[ScorecardMeasure, ...]
    card: Card
    currency: str

    @property
    def ranks(self) -> bool:
        """Whether a measure is a place among the accounts of the scorecard, so that others move it."""
        return any(measure.scale == PERCENTILE for measure in self.card.measures)

    @property
    def nominal_shares(self) -> list[Fraction]:
        """Each measure's share of all weight, 0..1, by place."""
        whole = sum(self.card.whole_shares)
        return [Fraction(share, whole) for share in self.card.whole_shares]


def edition(version: ScorecardVersion) -> Edition:
    """A version with its measures; one query."""
    return editions([version.pk])[version.pk]


def editions(version_ids: Iterable[int]) -> dict[int, Edition]:
    """Several versions at once, by id; one query."""
    rows = (
        ScorecardMeasure.objects.filter(version__in=set(version_ids))
        .select_related("feature", "group", "version__scorecard", "version__published_by")
        .annotate(currency=Subquery(Installation.objects.filter(pk=1).values("currency")[:1]))
        .order_by("version_id", "position")
    )
    found = {}
    for _version, of_version in groupby(rows, key=attrgetter("version_id")):
        own = tuple(of_version)
        version = own[0].version
        found[version.pk] = Edition(version, own, card(version, own), own[0].currency or "EUR")
    return found


def card(version: ScorecardVersion, rows: Sequence[ScorecardMeasure]) -> Card:
    """The arithmetic of a version; groups stand where their first member stands."""
    made: dict[object, Group] = {}
    for place, row in enumerate(rows):
        group = row.group
        if group is None:
            made["alone", place] = Group(row.weight, (place,), (row.weight,))
            continue
        so_far = made.get(group.pk)
        made[group.pk] = Group(
            group.weight,
            (*(so_far.members if so_far else ()), place),
            (*(so_far.weights if so_far else ()), row.weight),
            group.takes,
        )
    return Card(
        measures=tuple(row.spec() for row in rows),
        groups=tuple(made.values()),
        minimum_coverage=version.minimum_coverage,
        limits=version.limits,
        minimum_tenure=version.minimum_tenure,
    )


def default_version() -> ScorecardVersion | None:
    """The newest published version of the default scorecard; None: nobody can be judged yet."""
    return next((version for version in published_versions() if version.scorecard.is_default), None)


def windows_in_use() -> frozenset[int]:
    """The windows that current versions and drafts read; nothing else needs to be summed."""
    current = [version.pk for version in published_versions()]
    drafts = ScorecardVersion.objects.filter(state=State.DRAFT).values_list("pk", flat=True)
    used = ScorecardMeasure.objects.filter(version__in=[*current, *drafts]).values_list("window", flat=True)
    return frozenset(used)


def published_versions() -> list[ScorecardVersion]:
    """The newest published version of each scorecard that judges, in their order: first match wins, default last."""
    rows = (
        ScorecardVersion.objects.filter(state=State.PUBLISHED, scorecard__retired_at=None)
        .select_related("scorecard__segment", "published_by")
        .order_by("scorecard_id", "-number")
        .distinct("scorecard_id")
    )
    return sorted(rows, key=lambda version: placed(version.scorecard))


def published_of(card: Scorecard) -> ScorecardVersion | None:
    """The newest published version of a scorecard, also of a retired one."""
    rows = ScorecardVersion.objects.filter(scorecard=card, state=State.PUBLISHED).select_related("scorecard__segment")
    return rows.order_by("-number").first()


def order_with(version: ScorecardVersion) -> list[ScorecardVersion]:
    """The order as it would be if this version judged for its scorecard."""
    others = [row for row in published_versions() if row.scorecard_id != version.scorecard_id]
    return sorted([*others, version], key=lambda row: placed(row.scorecard))


def choice_of(order: Iterable[ScorecardVersion]) -> str:
    """A fingerprint of which scorecards choose whom: people change it; versions and what accounts do leave it."""
    asked = [
        (card.pk, segment and (segment.tree, segment.shared, segment.deleted_at is None))
        for card in (version.scorecard for version in order)
        for segment in (card.segment,)
    ]
    return md5(dumps(asked, option=OPT_SORT_KEYS), usedforsecurity=False).hexdigest()


def placed(card: Scorecard) -> tuple[bool, int, int]:
    """Where a scorecard stands in the order."""
    return card.is_default, card.position, card.pk


# --- which accounts it judges --------------------------------------------------------------------------------


def tree_of(card: Scorecard) -> conditions.Group:
    """The conditions of a scorecard that is not the default. Raises `Unusable` where there are none."""
    segment = card.segment
    if segment is None:
        raise segments.Unusable([Refused(NO_SEGMENT)])
    if segment.deleted_at is not None:
        raise segments.Unusable([Refused(SEGMENT_GONE, name=segment.name)])
    if segment.shared != Shared.EVERYONE:
        raise segments.Unusable([Refused(SEGMENT_HIDDEN, name=segment.name)])
    tree = segments.tree_of(segment)
    if not tree:
        raise segments.Unusable([Refused(SEGMENT_EMPTY, name=segment.name)])
    return tree


def problems_of(card: Scorecard, *, day: date, known: segments.Lists | None = None) -> list[Refused]:
    """Why a scorecard cannot choose its accounts; empty when it can. The default one takes whoever is left."""
    if card.is_default:
        return []
    try:
        tree = tree_of(card)
    except segments.Unusable as unusable:
        return unusable.problems
    known = known or segments.lists_of(tree)
    there_are = segments.fields(known)
    asked = {leaf.field: there_are[leaf.field] for leaf in conditions.leaves(tree) if leaf.field in there_are}
    circular = [Refused(CONCLUDED, field=str(field.label)) for field in asked.values() if field.concluded]
    return circular or segments.problems(tree, day=day, known=known)


def kept_only_now(order: Iterable[ScorecardVersion]) -> list[str]:
    """Labels of what the conditions of these ask for that is not known of a past day; empty: all of it is known.

    Conditions that cannot be run ask for nothing.
    """
    asked: dict[str, str] = {}
    for version in order:
        try:
            tree = None if version.scorecard.is_default else tree_of(version.scorecard)
        except segments.Unusable:
            continue
        there_are = segments.fields(segments.lists_of(tree)) if tree else {}
        for leaf in conditions.leaves(tree) if tree else ():
            if leaf.field in there_are and not there_are[leaf.field].dated:
                asked[leaf.field] = str(there_are[leaf.field].label)
    return list(asked.values())


# --- the same arithmetic as SQL ---------------------------------------------------------------------------------


def judgement_sql(card: Card, readings: str, *, along: str = "") -> str:
    """SELECT account_id, values, bases, components, points, coverage, low, high, band, costliest, cost from `readings`.

    `along`: a SELECT of others as they were judged before (account_id, values, bases, components), who rank with these;
    they are judged again only where their rank gives them other points. Follows rules.judge to the last tenth. Each
    level is a fence (OFFSET 0): without it the planner writes the expressions of one level into every place of the
    next that uses them.
    """
    places = range(1, len(card.measures) + 1)
    measured = list(zip(places, card.measures, strict=True))
    ranks = [n for n, measure in measured if measure.scale == PERCENTILE]
    everyone, ranked = _ranked(card, ranks, readings, along) if ranks else (readings, "")
    values = "".join(f", p{n}" if n in ranks else f", values[{n}] AS v{n}" for n in places)
    points = "".join(f", {measures.points_sql(m, f'v{n}')} AS p{n}" for n, m in measured if n not in ranks)
    costs = "".join(f", {cost} AS c{n}" for n, cost in zip(places, _costs(card), strict=True))
    each = ", ".join(f"c{n}" for n in places)
    most = f"greatest({each})"
    return f"""WITH {ranked}reading AS (SELECT account_id, values, bases{values} FROM {everyone} OFFSET 0),
measured AS (SELECT *{points} FROM reading OFFSET 0),
grouped AS (SELECT *{_group_columns(card)} FROM measured OFFSET 0),
weighed AS (SELECT *, {_known_columns(card)} FROM grouped OFFSET 0),
summed AS (SELECT *, {_score_columns(card)} FROM weighed OFFSET 0),
costed AS (SELECT *{costs} FROM summed OFFSET 0)
SELECT account_id, values, bases, ARRAY[{", ".join(f"p{n}" for n in places)}]::smallint[] AS components,
    points::smallint AS points, coverage::smallint AS coverage, low::smallint AS low, high::smallint AS high,
    {_band(card)}::smallint AS band,
    CASE WHEN points IS NOT NULL AND {most} > 0 THEN array_position(ARRAY[{each}], {most}) END::smallint AS costliest,
    CASE WHEN points IS NOT NULL THEN {most} ELSE 0 END::smallint AS cost
FROM costed"""


def _ranked(card: Card, places: Sequence[int], readings: str, along: str) -> tuple[str, str]:
    """(who is judged, with p = points by percentile at these places, the head of the statement that ranks them).

    Only the figures that are ranked are sorted, not what is read beside them.
    """
    values = "".join(f", values[{n}] AS v{n}" for n in places)
    known = ", ".join(f"count(v{n}) AS n{n}" for n in places)
    points = "".join(
        f", {measures.percentile_sql(card.measures[n - 1], f'v{n}', known=f'n{n}')} AS p{n}" for n in places
    )
    every, held, moved = f"SELECT account_id{values} FROM {readings}", "", ""
    everyone = readings
    if along:
        every = f"SELECT account_id{values}, NULL::smallint[] AS held FROM {readings}"
        every += f" UNION ALL SELECT account_id{values}, components FROM ({along}) AS others"
        was, now = (", ".join(text.format(n) for n in places) for text in ("held[{}]", "p{}"))
        held, moved = ", held", f" WHERE held IS NULL OR ROW({was}) IS DISTINCT FROM ROW({now})"
        everyone = f"(SELECT account_id, values, bases FROM {readings}"
        everyone += f" UNION ALL SELECT account_id, values, bases FROM ({along}) AS others) AS everyone"
    head = f"""every AS MATERIALIZED ({every}),
ranked AS (SELECT account_id{held}{points} FROM every CROSS JOIN (SELECT {known} FROM every) AS known OFFSET 0),
moved AS (SELECT * FROM ranked{moved}),
"""
    return f"{everyone} JOIN moved USING (account_id)", head


def _average(parts: Sequence[tuple[str, int]], known: str) -> str:
    """Weighted average of the columns, halves up; nulls count 0, `known` is the weight of the others."""
    if len(parts) == 1:
        return parts[0][0]
    tops = " + ".join(f"{weight}::bigint * coalesce({column}, 0)" for column, weight in parts)
    return f"((2 * ({tops}) + {known}) / nullif(2 * {known}, 0))::int"


def _known(parts: Sequence[tuple[str, int]]) -> str:
    lines = " + ".join(f"CASE WHEN {column} IS NULL THEN 0 ELSE {weight}::bigint END" for column, weight in parts)
    return f"({lines})"


def _whole(parts: Sequence[tuple[str, int]]) -> str:
    return f"{sum(weight for _column, weight in parts)}::bigint"


def _group_columns(card: Card) -> str:
    """g = points of the group; l and h = the same with its missing members at 0 and at 1000."""
    columns = ""
    for n, group in enumerate(card.groups, 1):
        for name, column in (("g", "p{}"), ("l", "coalesce(p{}, 0)"), ("h", "coalesce(p{}, 1000)")):
            parts = [(column.format(place + 1), weight) for place, weight in card.members(group)]
            only = ", ".join(part for part, _ in parts)
            average = _average(parts, _known(parts) if name == "g" else _whole(parts))
            taken = {AVERAGE: average, LOWEST: f"least({only})"}.get(group.takes, f"greatest({only})")
            columns += f", {taken} AS {name}{n}"
    return columns


def _known_columns(card: Card) -> str:
    """How much of all weight is known: of the measures' shares, and of the groups' weights."""
    shares = [(f"p{n}", share) for n, share in enumerate(card.whole_shares, 1)]
    groups = [(f"g{n}", weight) for n, weight in enumerate(card.whole_weights, 1)]
    return f"{_known(shares)} AS known_share, {_known(groups)} AS known_weight"


def _score_columns(card: Card) -> str:
    score, low, high = ([(f"{name}{n}", w) for n, w in enumerate(card.whole_weights, 1)] for name in "glh")
    whole = sum(card.whole_shares)
    return (
        f"CASE WHEN known_share * 100 >= {card.minimum_coverage * whole}::bigint"
        f" THEN {_average(score, 'known_weight')} END AS points,"
        f" {_average(low, _whole(low))} AS low, {_average(high, _whole(high))} AS high,"
        f" (2000 * known_share + {whole}::bigint) / (2 * {whole}::bigint) AS coverage"
    )


def _costs(card: Card) -> list[str]:
    """Tenths that each measure keeps the score from 100: its effective share of what it lacks, halves up."""
    costs = [""] * len(card.measures)
    for n, (group, weight) in enumerate(zip(card.groups, card.whole_weights, strict=True), 1):
        members = card.members(group)
        inside = _known([(f"p{place + 1}", own) for place, own in members])
        for nth, (place, own) in enumerate(members):
            lack, whole, divided = f"{weight}::bigint * (1000 - p{place + 1})", "known_weight", "({}) / ({})"
            counts = f"p{place + 1} IS NOT NULL"
            if group.takes == AVERAGE and len(members) > 1:
                # A product of two weights may not fit into a bigint.
                lack, whole = f"{own}::numeric * {lack}", f"known_weight::numeric * {inside}"
                divided = "div({}, {})"
            elif group.takes != AVERAGE:
                earlier = [f"p{before + 1} IS DISTINCT FROM g{n}" for before, _weight in members[:nth]]
                counts = " AND ".join([f"p{place + 1} = g{n}", *earlier])
            share = divided.format(f"2 * {lack} + {whole}", f"2 * {whole}")
            costs[place] = f"CASE WHEN {counts} THEN ({share})::int ELSE 0 END"
    return costs


def _band(card: Card) -> str:
    at_risk, steady, thriving = (limit * 10 for limit in card.limits)
    return (
        f"CASE WHEN points IS NULL THEN 0 WHEN points < {at_risk} THEN 1 WHEN points < {steady} THEN 2"
        f" WHEN points < {thriving} THEN 3 ELSE 4 END"
    )
