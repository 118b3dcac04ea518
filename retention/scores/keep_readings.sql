-- keep_readings.sql — Grain one row per account judged in this run · Reads verdict, retention_score_reading · Writes
-- retention_score_reading
-- Safe to run twice: a row is replaced only by other values. Rows that stand are left out before the insert, which would
-- lock each of them.
INSERT INTO retention_score_reading (account_id, version_id, values, bases, components)
SELECT new.account_id, %(version)s, new.values, new.bases, new.components
FROM verdict AS new
LEFT JOIN retention_score_reading AS held ON held.account_id = new.account_id
WHERE (held.version_id, held.values, held.bases, held.components)
    IS DISTINCT FROM (%(version)s, new.values, new.bases, new.components)
ORDER BY new.account_id
ON CONFLICT (account_id) DO UPDATE
SET version_id = excluded.version_id, values = excluded.values, bases = excluded.bases, components = excluded.components
