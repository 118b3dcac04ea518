-- event_names.sql — Grain one row per event name · Reads and writes crm_eventname (first and last seen)
-- Safe to run twice: the times only widen. Names that are not there are made by the caller first.
UPDATE crm_eventname AS name
SET first_seen_at = least(name.first_seen_at, sent.first_at), last_seen_at = greatest(name.last_seen_at, sent.last_at)
FROM unnest(%(names)s::text[], %(first)s::timestamptz[], %(last)s::timestamptz[]) AS sent (name, first_at, last_at)
WHERE name.name = sent.name AND (sent.first_at < name.first_seen_at OR sent.last_at > name.last_seen_at)
