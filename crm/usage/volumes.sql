-- volumes.sql — Grain one row per event name with use in the 28 days before the windows' day · Reads crm_window_event ·
-- Writes nothing
-- Safe to run twice: it only reads. Uses, and accounts with at least one.
SELECT event_id, sum(uses_28)::bigint, count(*) FILTER (WHERE uses_28 > 0)
FROM crm_window_event
GROUP BY event_id
