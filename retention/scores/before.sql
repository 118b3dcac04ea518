-- before.sql — Grain one row: points and day of the score with which the account `new` is compared, or nulls · Reads
-- retention_health_score · Writes nothing
-- Safe to run twice: it only reads. The score that held on %(base)s under the same version; null: there is none. Where the
-- account came to the version later, from another one: its first score there, once that is a day old.
SELECT coalesce(held.day, first.day) AS day, CASE WHEN held.day IS NULL THEN first.points ELSE held.points END AS points
FROM (SELECT 1) AS one
LEFT JOIN LATERAL (
    SELECT past.day, past.points FROM retention_health_score AS past
    WHERE past.account_id = new.account_id AND past.version_id = %(version)s
        AND past.day <= %(base)s::date AND past.day > %(base)s::date - 7
    ORDER BY past.day DESC, past.revision DESC
    LIMIT 1
) AS held ON TRUE
LEFT JOIN LATERAL (
    SELECT past.day, past.points FROM retention_health_score AS past
    WHERE held.day IS NULL AND past.account_id = new.account_id AND past.version_id = %(version)s
        AND past.day > %(base)s::date AND past.day < %(day)s AND EXISTS (
            SELECT FROM retention_health_score AS other
            WHERE other.account_id = new.account_id AND other.version_id <> %(version)s
                AND other.day <= past.day AND other.day > %(day)s::date - %(compared)s - 7
        )
    ORDER BY past.day, past.revision DESC
    LIMIT 1
) AS first ON TRUE
