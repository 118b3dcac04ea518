-- keep_readings.sql — Grain one row per account judged in this run · Reads verdict · Writes retention_score_reading
-- Safe to run twice: a row is replaced only by other values.
INSERT INTO retention_score_reading AS held (account_id, version_id, values, bases, components)
SELECT account_id, %(version)s, values, bases, components FROM verdict ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE
SET version_id = excluded.version_id, values = excluded.values, bases = excluded.bases, components = excluded.components
WHERE (held.version_id, held.values, held.bases, held.components)
    IS DISTINCT FROM (excluded.version_id, excluded.values, excluded.bases, excluded.components)
