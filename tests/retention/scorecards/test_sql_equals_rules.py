"""What the database computes for all accounts equals rules.py for each, on whatever hypothesis thinks of."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from retention.measures.rules import LINEAR, PERCENTILE, STEPS, Measure, percentiles, points
from retention.scorecards.queries import judgement_sql
from retention.scorecards.rules import FINEST, Card, Group, judge
from tests.retention.scorecards.cards import cards

numbers = st.decimals("-50", "50", places=3, allow_nan=False)
values = st.one_of(st.none(), numbers, st.sampled_from([Decimal(0), Decimal(1), Decimal("0.5")]))
slow = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def scales(draw: st.DrawFn, measure: Measure) -> Measure:
    scale = draw(st.sampled_from([LINEAR, STEPS, PERCENTILE]))
    red = draw(numbers)
    green = draw(numbers.filter(lambda value: value != red))
    limits = sorted(draw(st.sets(numbers, min_size=1, max_size=4)))
    worth = st.decimals(0, 100, places=2, allow_nan=False)
    return replace(measure, scale=scale, red=red, green=green, steps=tuple((limit, draw(worth)) for limit in limits))


def points_of_all(card: Card, rows: list[list[Decimal | None]]) -> list[list[int | None]]:
    columns = []
    for place, measure in enumerate(card.measures):
        column = [row[place] for row in rows]
        if measure.scale == PERCENTILE:
            columns.append(percentiles(column, descending=measure.red > measure.green))
        else:
            columns.append([points(measure, value) for value in column])
    return [list(row) for row in zip(*columns, strict=True)]


def in_sql(card: Card, rows: list[list[Decimal | None]]) -> list[tuple[object, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS tried")
        cursor.execute('CREATE TEMP TABLE tried (account_id bigint, "values" numeric[], bases numeric[])')
        cursor.executemany("INSERT INTO tried VALUES (%s, %s::numeric[], NULL)", list(enumerate(rows)))
        cursor.execute(
            "SELECT components, points, coverage, low, high, band, costliest, cost"
            f" FROM ({judgement_sql(card, 'tried')}) AS judged ORDER BY account_id"
        )
        return list(cursor.fetchall())


@pytest.mark.django_db
@slow
@given(cards(), st.data())
def test_the_database_judges_as_the_rules_do(card: Any, data: Any) -> None:
    assume(sum(card.whole_shares) <= FINEST)  # publishing refuses finer ones
    card = Card(tuple(data.draw(scales(measure)) for measure in card.measures), card.groups, card.minimum_coverage)
    row = st.lists(values, min_size=len(card.measures), max_size=len(card.measures))
    few = data.draw(st.lists(row, min_size=1, max_size=12))
    rows = few * data.draw(st.sampled_from([1, 9]))  # enough equal ones for percentiles, or too few
    expected = []
    for part in points_of_all(card, rows):
        found = judge(card, part)
        expected.append(
            (part, found.points, found.coverage, found.low, found.high, found.band, found.costliest, found.cost)
        )
    assert in_sql(card, rows) == expected


@pytest.mark.django_db
def test_the_same_readings_give_the_same_bytes_in_any_order() -> None:
    measures = tuple(Measure(key=f"m{n}", kind="reach", scale=PERCENTILE) for n in range(2))
    card = replace(cards_of(measures), minimum_coverage=0)
    rows = [[Decimal(n % 17) / 7, None if n % 5 else Decimal(n)] for n in range(300)]
    forward = in_sql(card, rows)
    backward = in_sql(card, rows[::-1])[::-1]
    assert forward == backward


def cards_of(measures: tuple[Measure, ...]) -> Card:
    return Card(measures, tuple(Group(Decimal(1), (n,), (Decimal(1),)) for n in range(len(measures))))


@pytest.mark.django_db
def test_whoever_ranks_otherwise_through_a_change_is_judged_again_and_nobody_else_is() -> None:
    ranked = Measure(key="ranked", kind="reach", scale=PERCENTILE)
    card = replace(cards_of((ranked, Measure(key="linear", kind="reach", green=Decimal(100)))), minimum_coverage=0)
    rows: list[list[Decimal | None]] = [[Decimal(n), Decimal(n)] for n in range(100)]
    before = in_sql(card, rows)
    rows[40] = [Decimal("44.5"), Decimal(7)]  # passes 41 to 44, each of which falls by one rank
    with connection.cursor() as cursor:
        cursor.execute(
            'CREATE TEMP TABLE others ON COMMIT DROP AS SELECT 0::bigint AS account_id, "values", bases FROM tried'
        )
        cursor.execute("TRUNCATE others; ALTER TABLE others ADD components smallint[]")
        held: list[tuple[Any, ...]] = [(n, rows[n], before[n][0]) for n in range(100) if n != 40]
        cursor.executemany("INSERT INTO others VALUES (%s, %s::numeric[], NULL, %s::smallint[])", held)
        cursor.execute("DELETE FROM tried; INSERT INTO tried VALUES (40, '{44.5,7}', NULL)")
        text = judgement_sql(card, "tried", along="SELECT account_id, values, bases, components FROM others")
        cursor.execute(f"SELECT account_id, components, points FROM ({text}) AS judged ORDER BY account_id")
        again = cursor.fetchall()
    afterwards = in_sql(card, rows)
    assert [account for account, *_rest in again] == [40, 41, 42, 43, 44]
    assert [tuple(rest) for _account, *rest in again] == [afterwards[n][:2] for n in range(40, 45)]
    assert [n for n in range(100) if before[n] != afterwards[n]] == [40, 41, 42, 43, 44]
