-- standing_of.sql — Grain at most one row: the judgement of %(account)s that holds on %(day)s, null for now · Reads
-- retention_score_now, retention_score_reading, retention_health_score · Writes nothing
-- Safe to run twice: it only reads. Now is the current score; a gone account has none, so its last ledger row holds. With
-- %(live)s the current score holds from its own day on, before the ledger has it.
SELECT version_id, day, revision, hindsight, points, coverage, low, high, components, values, bases
FROM (
    SELECT 0 AS choice, now.version_id, now.day, 0 AS revision, FALSE AS hindsight, now.points, now.coverage, now.low,
        now.high, part.components, part.values, part.bases
    FROM retention_score_now AS now JOIN retention_score_reading AS part USING (account_id)
    WHERE (%(day)s::date IS NULL OR %(live)s AND now.day <= %(day)s) AND now.account_id = %(account)s
    UNION ALL
    (SELECT 1, past.version_id, past.day, past.revision, past.hindsight, past.points, past.coverage, past.low,
        past.high, past.components, past.values, past.bases
    FROM retention_health_score AS past
    WHERE past.account_id = %(account)s AND past.day <= coalesce(%(day)s::date, 'infinity')
    ORDER BY past.day DESC, past.revision DESC, past.version_id DESC
    LIMIT 1)
) AS found
ORDER BY choice
LIMIT 1
