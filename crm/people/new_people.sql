-- new_people.sql — Grain one row per (source, external id, anonymous) · Writes crm_person
-- Safe to run twice: a row that exists is only handed back.
INSERT INTO crm_person AS kept
    (source_id, external_id, is_anonymous, traits, trait_times, first_seen_at, last_seen_at)
SELECT source_id, external_id, is_anonymous, '{}', '{}', first_at, last_at
FROM unnest(
    %(sources)s::bigint[], %(ids)s::text[], %(anonymous)s::boolean[], %(first)s::timestamptz[], %(last)s::timestamptz[]
) AS sent (source_id, external_id, is_anonymous, first_at, last_at)
ORDER BY source_id, external_id, is_anonymous
ON CONFLICT (source_id, external_id, is_anonymous) DO UPDATE SET external_id = EXCLUDED.external_id
RETURNING source_id, external_id, is_anonymous, id
