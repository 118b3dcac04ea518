-- keep_day.sql — Grain one row: how everybody with a known band stood on %(day)s · Reads verdict, retention_health_score,
-- past_window_event, crm_eventname, paid_term · Writes retention_backtestday
-- Safe to run twice: the day of a back-test is kept once. Where the version's ledger holds the score as it stood, that one
-- counts; the others are judged in hindsight. Nobody seen in the windows reads as the longest window; a line
-- without a renewal day renews where what is paid ends.
WITH stands AS (
    SELECT new.account_id, held.account_id IS NOT NULL AS stood,
        CASE WHEN held.account_id IS NULL THEN new.points ELSE held.points END AS points,
        CASE WHEN held.account_id IS NULL THEN new.band ELSE held.band END AS band,
        CASE WHEN held.account_id IS NULL THEN new.components ELSE held.components END AS components
    FROM verdict AS new
    LEFT JOIN LATERAL (
        SELECT past.account_id, past.points, past.band, past.components FROM retention_health_score AS past
        WHERE past.account_id = new.account_id AND past.version_id = %(version)s AND past.revision = 0
            AND NOT past.hindsight AND past.day <= %(day)s AND past.day > %(day)s::date - 7
        ORDER BY past.day DESC
        LIMIT 1
    ) AS held ON TRUE
), seen AS (
    SELECT used.account_id, max(used.last_day) AS last_day
    FROM past_window_event AS used
    JOIN crm_eventname AS named ON named.id = used.event_id AND (named.feature_id IS NOT NULL OR named.is_use)
    GROUP BY used.account_id
), renewal AS (
    SELECT account_id, min(coalesce(renews_on, until_on)) AS renews_on
    FROM paid_term
    WHERE from_on <= %(day)s AND %(day)s < until_on AND coalesce(renews_on, until_on) BETWEEN %(day)s AND date '9999-12-31'
    GROUP BY account_id
), stand AS (
    SELECT stands.*, least(%(longest)s, coalesce(%(day)s::date - seen.last_day, %(longest)s)) AS last_use,
        coalesce(renewal.renews_on - %(day)s::date, %(never)s) AS renews_in
    FROM stands
    LEFT JOIN seen USING (account_id)
    LEFT JOIN renewal USING (account_id)
    WHERE stands.points IS NOT NULL
)
INSERT INTO retention_backtestday (backtest_id, day, accounts, points, bands, last_use, renews_in, stood, components)
SELECT %(backtest)s, %(day)s, coalesce(array_agg(account_id ORDER BY account_id), '{}'),
    coalesce(array_agg(points ORDER BY account_id), '{}'), coalesce(array_agg(band ORDER BY account_id), '{}'),
    coalesce(array_agg(last_use ORDER BY account_id), '{}'), coalesce(array_agg(renews_in ORDER BY account_id), '{}'),
    coalesce(array_agg(stood ORDER BY account_id), '{}'),
    coalesce((SELECT array_agg(part.tenths ORDER BY part.account_id, part.place)
        FROM (SELECT account_id, place, tenths FROM stand, unnest(components) WITH ORDINALITY AS each (tenths, place)) AS part
    ), '{}')
FROM stand
ON CONFLICT (backtest_id, day) DO NOTHING
