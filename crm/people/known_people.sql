-- known_people.sql — Grain one row per asked (source, external id, anonymous) that exists · Reads crm_person
-- Safe to run twice: it only reads.
SELECT person.source_id, person.external_id, person.is_anonymous, person.id, person.first_seen_at, person.last_seen_at
FROM unnest(%(sources)s::bigint[], %(ids)s::text[], %(anonymous)s::boolean[]) AS asked (source_id, external_id, is_anonymous)
JOIN crm_person AS person USING (source_id, external_id, is_anonymous)
