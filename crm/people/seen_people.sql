-- seen_people.sql — Grain one row per person · Writes crm_person (first and last seen)
-- Safe to run twice: the times only widen.
UPDATE crm_person AS person
SET first_seen_at = least(first_seen_at, sent.first_at), last_seen_at = greatest(last_seen_at, sent.last_at)
FROM unnest(%(people)s::bigint[], %(first)s::timestamptz[], %(last)s::timestamptz[]) AS sent (id, first_at, last_at)
WHERE person.id = sent.id
