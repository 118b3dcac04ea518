-- keep_scores.sql — Grain one row per account judged in this run · Reads verdict, retention_score_now, the ledger,
-- overrides · Writes retention_score_now
-- Safe to run twice: a row is replaced only by other values. Within a day the comparison with 28 days ago stays. Rows that
-- stand are left out before the insert, which would lock each of them. A band that is set by hand holds while it lasts.
INSERT INTO retention_score_now
    (account_id, version_id, day, points, coverage, low, high, band, computed_band, points_before, before_on, change,
    costliest, cost)
SELECT new.account_id, %(version)s, %(day)s, new.points, new.coverage, new.low, new.high, coalesce(by_hand.band, new.band),
    CASE WHEN by_hand.band IS NOT NULL THEN new.band END, before.points, before.day, new.points - before.points,
    new.costliest, new.cost
FROM verdict AS new
LEFT JOIN (/*overrides*/) AS by_hand ON by_hand.account_id = new.account_id
LEFT JOIN LATERAL (/*before*/) AS before ON TRUE
LEFT JOIN retention_score_now AS held ON held.account_id = new.account_id
WHERE (held.version_id, held.day, held.points, held.coverage, held.low, held.high, held.band, held.computed_band,
        held.points_before, held.before_on, held.costliest, held.cost)
    IS DISTINCT FROM (%(version)s, %(day)s, new.points, new.coverage, new.low, new.high, coalesce(by_hand.band, new.band),
        CASE WHEN by_hand.band IS NOT NULL THEN new.band END, before.points, before.day, new.costliest, new.cost)
ORDER BY new.account_id
ON CONFLICT (account_id) DO UPDATE
SET version_id = excluded.version_id, day = excluded.day, points = excluded.points, coverage = excluded.coverage,
    low = excluded.low, high = excluded.high, band = excluded.band, computed_band = excluded.computed_band,
    points_before = excluded.points_before, before_on = excluded.before_on, change = excluded.change,
    costliest = excluded.costliest, cost = excluded.cost
