-- add_counted_days.sql — Grain one row per UTC day · Writes crm_countedday
-- Not safe to run twice: `without_raw` adds. Null dates of receipt (from imports) leave those that stand.
INSERT INTO crm_countedday AS kept (day, first_received_on, last_received_on, without_raw, last_counted_at)
SELECT day, first_on, last_on, without_raw, %(at)s
FROM unnest(%(days)s::date[], %(first)s::date[], %(last)s::date[], %(without_raw)s::bigint[])
    AS sent (day, first_on, last_on, without_raw)
ORDER BY day
ON CONFLICT (day) DO UPDATE SET
    first_received_on = least(kept.first_received_on, EXCLUDED.first_received_on),
    last_received_on = greatest(kept.last_received_on, EXCLUDED.last_received_on),
    without_raw = kept.without_raw + EXCLUDED.without_raw,
    last_counted_at = greatest(kept.last_counted_at, EXCLUDED.last_counted_at)
