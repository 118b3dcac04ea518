-- window_events.sql — Grain one row per account and event name used in the longest window or the one before it · Reads
-- crm_usage_day (or the redone accounts' part of it) · Writes nothing; the caller creates or fills crm_window_event from it
-- Safe to run twice: it is a function of the days in [%(day)s − 2W, %(day)s). Columns of a window that nobody uses are null.
SELECT /*account*/ AS account_id, used.event_id,
    /*sums*/
    max(used.day) AS last_day
FROM /*days*/
WHERE used.day >= %(day)s::date - /*reach*/ AND used.day < %(day)s::date
GROUP BY /*account*/, used.event_id
