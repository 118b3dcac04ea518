-- count_call.sql — Grain one row: calls of this minute, and whether it is the key's first · Reads and Writes crm_key_use
-- Safe to run twice: no, every run is a call that counts.
INSERT INTO crm_key_use AS used (key_id, minute, calls)
VALUES (%(key)s, date_trunc('minute', %(at)s::timestamptz, 'UTC'), 1)
ON CONFLICT (key_id) DO UPDATE
    SET calls = CASE WHEN used.minute >= excluded.minute THEN used.calls + 1 ELSE 1 END,
        minute = greatest(used.minute, excluded.minute)
RETURNING calls, xmax = 0
