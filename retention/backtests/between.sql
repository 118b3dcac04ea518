-- between.sql — Grain one row per account of %(accounts)s and day on which version %(version)s wrote its score as it stood ·
-- Reads retention_health_score · Writes nothing
-- Safe to run twice: it only reads. For how long before a departure the score had warned, finer than by month-ends.
SELECT account_id, day, points
FROM retention_health_score
WHERE account_id = ANY(%(accounts)s) AND version_id = %(version)s AND revision = 0 AND NOT hindsight
    AND points IS NOT NULL
ORDER BY account_id, day
