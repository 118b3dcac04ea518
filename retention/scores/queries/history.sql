-- history.sql — Grain one row per day with a score of %(account)s in [%(start)s, %(end)s], led by the score that holds on
-- the first day · Reads retention_health_score · Writes nothing
-- Safe to run twice: it only reads. Of one day the newest version and its highest revision are the best knowledge.
SELECT DISTINCT ON (past.day) greatest(past.day, %(start)s::date) AS day, past.points
FROM retention_health_score AS past
WHERE past.account_id = %(account)s AND past.day <= %(end)s AND past.day >= coalesce(
    (SELECT max(early.day) FROM retention_health_score AS early
    WHERE early.account_id = %(account)s AND early.day <= %(start)s), %(start)s::date)
ORDER BY past.day, past.revision DESC, past.version_id DESC
