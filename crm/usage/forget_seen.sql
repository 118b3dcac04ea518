-- forget_seen.sql — Grain one row per (key day, hash) · Reads staged_ids · Writes crm_seen
-- Safe to run twice: what is gone stays gone. Only for events that are taken out of the days in the same transaction.
DELETE FROM crm_seen AS seen USING staged_ids AS staged
WHERE seen.key_day = staged.key_day AND seen.hash64 = staged.hash64
