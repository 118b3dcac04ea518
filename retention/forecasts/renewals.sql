-- renewals.sql — Grain one row per renewal, by day, at most %(limit)s of them · Reads due, retention_score_now · Writes nothing
-- Safe to run twice: it only reads.
SELECT due.*, score.points, coalesce(score.band, 0) AS band, score.computed_band
FROM due LEFT JOIN retention_score_now AS score USING (account_id)
WHERE (%(band)s::int IS NULL OR coalesce(score.band, 0) = %(band)s)
    AND (%(category)s::text IS NULL OR due.category = %(category)s)
    AND (%(after_on)s::date IS NULL OR (due.renews_on, due.account_id) > (%(after_on)s::date, %(after_id)s))
ORDER BY due.renews_on, due.account_id
LIMIT %(limit)s
