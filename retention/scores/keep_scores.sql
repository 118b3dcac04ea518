-- keep_scores.sql — Grain one row per account judged in this run · Reads verdict, retention_score_now, the ledger · Writes
-- retention_score_now
-- Safe to run twice: a row is replaced only by other values. Within a day the comparison with 28 days ago stays.
INSERT INTO retention_score_now AS held
    (account_id, version_id, day, points, coverage, low, high, band, points_before, change, costliest, cost)
SELECT new.account_id, %(version)s, %(day)s, new.points, new.coverage, new.low, new.high, new.band,
    before.points, new.points - before.points, new.costliest, new.cost
FROM verdict AS new
LEFT JOIN LATERAL (/*before*/) AS before ON TRUE
ORDER BY new.account_id
ON CONFLICT (account_id) DO UPDATE
SET version_id = excluded.version_id, day = excluded.day, points = excluded.points, coverage = excluded.coverage,
    low = excluded.low, high = excluded.high, band = excluded.band, points_before = excluded.points_before,
    change = excluded.change, costliest = excluded.costliest, cost = excluded.cost
WHERE (held.version_id, held.day, held.points, held.coverage, held.low, held.high, held.band, held.points_before,
        held.change, held.costliest, held.cost)
    IS DISTINCT FROM (excluded.version_id, excluded.day, excluded.points, excluded.coverage, excluded.low, excluded.high,
        excluded.band, excluded.points_before, excluded.change, excluded.costliest, excluded.cost)
