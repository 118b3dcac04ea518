-- unseen.sql — Grain one row per (key day, hash) · Reads staged_seen · Writes crm_seen
-- Safe to run twice: only ids that were not there are added and handed back.
INSERT INTO crm_seen (key_day, hash64)
SELECT DISTINCT staged.key_day, staged.hash64
FROM staged_seen AS staged
WHERE NOT staged.by_receipt OR NOT EXISTS (
    SELECT FROM crm_seen AS before
    WHERE before.key_day = staged.key_day - 1 AND before.hash64 = staged.hash64
)
ORDER BY staged.key_day, staged.hash64
ON CONFLICT DO NOTHING
RETURNING key_day, hash64
