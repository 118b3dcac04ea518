-- known_people.sql — Grain one row per asked person of one source that exists · Reads crm_person
-- Safe to run twice: it only reads. Times come as seconds since 1970, which are read much faster.
SELECT external_id, id, extract(epoch FROM first_seen_at)::float8, extract(epoch FROM last_seen_at)::float8
FROM crm_person
WHERE source_id = %(source)s AND is_anonymous = %(anonymous)s AND external_id = ANY(%(ids)s::text[])
