-- write_ledger.sql — Grain one row per account judged on %(day)s that differs from the ledger, or is due weekly · Reads the
-- judged accounts, retention_health_score · Writes retention_health_score
-- Safe to run twice: equal bytes add nothing. Revision 0 is the score as it stood; another row of the day, under whatever
-- version, or one written later than on its day where scores already stood, takes the next revision: the highest holds.
INSERT INTO retention_health_score (account_id, version_id, day, revision, points, coverage, low, high, band, hindsight,
    components, values, bases)
SELECT new.account_id, %(version)s, %(day)s,
    CASE WHEN held.day = %(day)s THEN held.revision + 1
        WHEN %(hindsight)s AND EXISTS (
            SELECT FROM retention_health_score AS stood
            WHERE stood.account_id = new.account_id AND stood.version_id = %(version)s AND NOT stood.hindsight
                AND stood.day <= %(day)s AND stood.day > %(day)s::date - 7
        ) THEN 1 ELSE 0 END,
    new.points, new.coverage, new.low, new.high, new.band, %(hindsight)s,
    new.components, new.values::real[], new.bases::real[]
FROM /*judged*/ AS new
LEFT JOIN LATERAL (
    SELECT past.* FROM retention_health_score AS past
    WHERE past.account_id = new.account_id AND past.day <= %(day)s AND past.day > %(day)s::date - 7
    ORDER BY past.day DESC, past.revision DESC, past.version_id DESC
    LIMIT 1
) AS held ON TRUE
WHERE held.account_id IS NULL
    OR (held.version_id, held.points, held.coverage, held.low, held.high, held.band, held.components, held.values, held.bases)
        IS DISTINCT FROM (%(version)s, new.points, new.coverage, new.low, new.high, new.band, new.components, new.values::real[],
            new.bases::real[])
ORDER BY new.account_id
ON CONFLICT DO NOTHING
