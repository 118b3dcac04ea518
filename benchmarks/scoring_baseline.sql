-- scoring_baseline.sql — Grain one row per account · Reads bench_account, bench_usage_day, bench_person_day · Writes
-- bench_history
-- The one hand-written statement from days to ledger, with the measures of the benchmark's scorecard.
INSERT INTO bench_history (account_id, day, points, band, components, readings)
WITH per_feature AS (
    SELECT account_id, feature, sum(value) FILTER (WHERE day >= %(day)s::date - 28) AS now28,
        sum(value) FILTER (WHERE day < %(day)s::date - 28) AS before28, max(day) AS last_day
    FROM bench_usage_day
    WHERE day >= %(day)s::date - 56 AND day < %(day)s::date
    GROUP BY account_id, feature
), used AS (
    SELECT account_id, count(*) FILTER (WHERE feature <= 8 AND now28 >= 3 + feature) AS breadth,
        coalesce(sum(now28) FILTER (WHERE feature = 1), 0) AS reach, coalesce(sum(now28), 0) AS now28,
        coalesce(sum(before28), 0) AS before28, max(last_day) AS last_day
    FROM per_feature
    GROUP BY account_id
), active AS (
    SELECT account_id, count(*) AS people
    FROM (
        SELECT account_id, person_id FROM bench_person_day
        WHERE day >= %(day)s::date - 28 AND day < %(day)s::date
        GROUP BY account_id, person_id HAVING sum(uses) >= 5
    ) AS person
    GROUP BY account_id
), reading AS (
    SELECT a.account_id, coalesce(used.breadth, 0) / 8.0::float8 AS breadth,
        least(1, coalesce(active.people, 0)::float8 / nullif(a.seats, 0)) AS depth,
        coalesce(used.reach, 0) / nullif(a.mrr, 0) AS reach, coalesce(used.now28, 0) / nullif(a.mrr, 0) AS every,
        least(28, %(day)s::date - used.last_day)::float8 AS idle, used.now28 / nullif(used.before28, 0) - 1 AS trend
    FROM bench_account AS a
    LEFT JOIN used USING (account_id)
    LEFT JOIN active USING (account_id)
), placed AS (
    SELECT *, 100 * least(1, greatest(0, (breadth - .1) / .7)) AS p1, 100 * least(1, greatest(0, (depth - .2) / .5)) AS p2,
        100 * percent_rank() OVER (ORDER BY reach) AS p3, 100 * percent_rank() OVER (ORDER BY every) AS p4,
        100 * least(1, greatest(0, (28 - coalesce(idle, 28)) / 27)) AS p5,
        coalesce(100 * least(1, greatest(0, (trend + .5) / 1)), 50) AS p6
    FROM reading
), scored AS (
    SELECT *, .2 * p1 + .2 * p2 + .15 * p3 + .15 * p4 + .15 * p5 + .15 * p6 AS points FROM placed
)
SELECT account_id, %(day)s, points, CASE WHEN points < 40 THEN 1 WHEN points < 60 THEN 2 WHEN points < 80 THEN 3 ELSE 4 END,
    ARRAY[p1, p2, p3, p4, p5, p6]::real[], ARRAY[breadth, depth, reach, every, idle, trend]::real[]
FROM scored
