-- scores_on.sql — Grain one row per account with a score on %(day)s · Reads crm_account, retention_health_score · Writes
-- nothing
-- Safe to run twice: it only reads. The score on a day is the last row at or before it; null points are unknown.
SELECT account.id AS account_id, held.points, held.band
FROM crm_account AS account
CROSS JOIN LATERAL (
    SELECT past.points, past.band FROM retention_health_score AS past
    WHERE past.account_id = account.id AND past.day <= %(day)s
    ORDER BY past.day DESC, past.revision DESC, past.version_id DESC
    LIMIT 1
) AS held
WHERE %(accounts)s::bigint[] IS NULL OR account.id = ANY(%(accounts)s::bigint[])
ORDER BY account.id
