"""Usage of the shape that shared/bench describes, sparse and skewed, made by DuckDB and copied into our tables.

Four sizes of customers (70 % small, 20 % middle, 9 % large, 1 % very large), twelve features of which an account
has adopted some, weekdays busier than weekends, and a trend of its own for each account. Deterministic.
"""

import os
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
from django.db import connection

from crm.lib import partitions

DAY = date(2026, 11, 21)  # scores are as of this day, from usage through the day before
PEOPLE = 1024  # ids of people: account × 1024 + n

ACCOUNTS = """
CREATE TABLE account AS
SELECT a::BIGINT AS account_id,
    round(CASE size WHEN 1 THEN 29 + u(a*7+1)*170 WHEN 2 THEN 200 + u(a*7+1)*1300
        WHEN 3 THEN 1500 + u(a*7+1)*8500 ELSE 10000 + u(a*7+1)*60000 END, 2)::DECIMAL(18, 2) AS mrr,
    (CASE size WHEN 1 THEN 3 + floor(u(a*7+2)*7) WHEN 2 THEN 10 + floor(u(a*7+2)*40)
        WHEN 3 THEN 50 + floor(u(a*7+2)*200) ELSE 250 + floor(u(a*7+2)*750) END)::INT AS seats,
    (CASE size WHEN 1 THEN 4 + floor(u(a*7+3)*4) WHEN 2 THEN 5 + floor(u(a*7+3)*5)
        WHEN 3 THEN 7 + floor(u(a*7+3)*6) ELSE 9 + floor(u(a*7+3)*4) END)::INT AS features,
    0.5 + 0.6*u(a*7+4) AS health, -0.6 + 1.2*u(a*7+5) AS slope
FROM (SELECT a, CASE WHEN u(a*7) < .70 THEN 1 WHEN u(a*7) < .90 THEN 2 WHEN u(a*7) < .99 THEN 3 ELSE 4 END AS size
    FROM range(1, {accounts} + 1) AS t(a))
"""
ADOPTED = """
CREATE TABLE adopted AS
SELECT account_id, feature, health, slope, seats FROM (
    SELECT account.*, f.feature, row_number() OVER (
        PARTITION BY account_id
        ORDER BY CASE WHEN f.feature = 1 THEN -1 ELSE u(account_id*1000 + f.feature*31 + 7) END) AS n
    FROM account, range(1, 13) AS f(feature))
WHERE n <= features
"""
MOOD = "health * (1 + slope * (d - {days}/2.0) / ({days}/2.0))"
USAGE = (
    """
SELECT account_id, (DATE '{start}' + d::INT)::DATE AS "day", feature AS event_id,
    (1 + floor(u(account_id*1000003 + d*1009 + feature*17 + 5) * (3 + sqrt(seats)*2)))::INT AS uses,
    CASE WHEN feature = 1
        THEN (1 + floor(u(account_id*1000003 + d*1009 + feature*17 + 5) * (3 + sqrt(seats)*2)))::BIGINT * 1000000
        ELSE 0 END AS amount
FROM range(1, {days} + 1) AS t(d), adopted
WHERE u(account_id*5003 + d*101 + 3) < (CASE WHEN d % 7 IN (5, 6) THEN .35 ELSE .9 END) * """
    + MOOD
    + """
    AND u(account_id*1000003 + d*1009 + feature*17 + 1) < .85
ORDER BY d, account_id, feature
"""
)
PERSON_DAYS = (
    """
SELECT account_id, (DATE '{start}' + d::INT)::DATE AS "day", account_id * {people} + p AS person_id,
    (1 + floor(u(account_id*65537 + p*257 + d*3 + 1) * 12))::INT AS uses
FROM range(1, {days} + 1) AS t(d),
    (SELECT account_id, health, slope, unnest(range(1, seats + 1)) AS p FROM account)
WHERE u(account_id*65537 + p*257 + d*3) < (CASE WHEN d % 7 IN (5, 6) THEN .02 ELSE .09 END) * 1.2
    * (CASE WHEN p % 3 = 0 THEN 2 ELSE .5 END) * """
    + MOOD
    + """
ORDER BY d, account_id, p
"""
)
BOOK = """
INSERT INTO crm_feature (id, key, name, is_key, counts_amount, unit, threshold)
    SELECT n, 'feature-' || n, 'Feature ' || n, n <= 8, n = 1, 'trips', 3 + n FROM generate_series(1, 12) AS n;
INSERT INTO crm_eventname (id, name, feature_id, is_use, amount_property, first_seen_at, last_seen_at)
    SELECT n, 'event-' || n, n, TRUE, CASE WHEN n = 1 THEN 'trips' ELSE '' END, now(), now()
    FROM generate_series(1, 12) AS n;
INSERT INTO crm_plan (id, external_id, name, includes_everything) VALUES (1, 'all', 'All', TRUE);
INSERT INTO crm_account (id, external_id, name, domains, stage, segment, tags, time_zone, language, currency,
    restricted, customer_since, next_step, created_at)
    SELECT account_id, 'a' || account_id, 'Account ' || account_id, '{}', 'live', '', '{}', 'UTC', 'en', 'EUR', FALSE,
        '2024-01-01', '', '2024-01-01' FROM bench_account ORDER BY account_id;
INSERT INTO crm_subscription (id, account_id, external_id, plan_id, created_at)
    SELECT account_id, account_id, 'line', 1, now() FROM bench_account ORDER BY account_id;
INSERT INTO crm_subscriptionchange (account_id, subscription_id, effective_on, plan_id, seats, price, billing_months,
    currency, mrr, recorded_at)
    SELECT account_id, account_id, '2024-01-01', 1, seats, mrr, 1, 'EUR', mrr, '2024-01-01' FROM bench_account
    ORDER BY account_id;
"""


def _source(accounts: int) -> duckdb.DuckDBPyConnection:
    source = duckdb.connect()
    source.execute("SET threads = 2; SET memory_limit = '6GB'; CREATE MACRO u(x) AS (hash(x) % 1000003) / 1000003.0")
    source.execute(ACCOUNTS.format(accounts=accounts))
    source.execute(ADOPTED)
    return source


def as_parquet(accounts: int, days: int, folder: Path) -> duckdb.DuckDBPyConnection:
    """The same usage as Parquet files in this folder, under the names of the baseline's tables."""
    source, start = _source(accounts), DAY - timedelta(days + 1)
    uses = f"SELECT account_id, day, event_id::SMALLINT AS feature, uses::DOUBLE AS value FROM ({USAGE}) AS used"
    for name, rows in {
        "bench_account": "SELECT account_id, mrr::DOUBLE AS mrr, seats FROM account",
        "bench_usage_day": uses.format(days=days, start=start),
        "bench_person_day": PERSON_DAYS.format(days=days, start=start, people=PEOPLE),
    }.items():
        source.execute(f"COPY ({rows}) TO '{folder}/{name}.parquet' (FORMAT parquet)")
        source.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder}/{name}.parquet'")
    return source


def fill(accounts: int, days: int) -> None:
    """Fill an empty, migrated database; each step prints its rows."""
    source, start = _source(accounts), DAY - timedelta(days + 1)
    used = [start + timedelta(n) for n in range(1, days + 1)]
    partitions.ensure_months("crm_usage_day", used)
    partitions.ensure_months("crm_person_day", used)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("CREATE TABLE bench_account (account_id bigint PRIMARY KEY, mrr double precision, seats int)")
    _copy(source, "SELECT account_id, mrr, seats FROM account", "bench_account")
    with connection.cursor() as cursor:
        cursor.execute(BOOK)
    _without_keys("crm_usage_day", "crm_person_day")
    _copy(source, USAGE.format(days=days, start=start), "crm_usage_day (account_id, day, event_id, uses, amount)")
    _copy(
        source,
        PERSON_DAYS.format(days=days, start=start, people=PEOPLE),
        "crm_person_day (account_id, day, person_id, uses)",
    )
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE crm_usage_day ADD PRIMARY KEY (account_id, day, event_id)")
        cursor.execute("ALTER TABLE crm_person_day ADD PRIMARY KEY (account_id, day, person_id)")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _without_keys(*tables: str) -> None:
    """Rows come in order of days, so keys that begin with the account are built afterwards, at once."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")


def _copy(source: duckdb.DuckDBPyConnection, rows: str, into: str) -> None:
    count = 0
    with connection.cursor() as cursor, cursor.cursor.copy(f"COPY {into} FROM STDIN (FORMAT csv)") as copy:
        for piece in _csv(source, rows):
            copy.write(piece)
            count += piece.count(b"\n")
    print(f"  {into.split()[0]}: {count:,} rows", flush=True)


def _csv(source: duckdb.DuckDBPyConnection, rows: str) -> Iterator[bytes]:
    """Rows as CSV in pieces, through a pipe, so that nothing stands in memory or on disk."""
    out, into = os.pipe()

    def produce() -> None:
        try:
            source.execute(f"COPY ({rows}) TO '/dev/fd/{into}' (FORMAT csv, HEADER false)")
        finally:
            os.close(into)

    thread = threading.Thread(target=produce)
    thread.start()
    with os.fdopen(out, "rb", 1 << 20) as pipe:
        while piece := pipe.read(1 << 20):
            yield piece
    thread.join()
