-- person_traits.sql — Grain one row per person · Writes crm_person (traits and their times)
-- Safe to run twice: the values are replaced by the same ones.
UPDATE crm_person AS person
SET traits = sent.traits, trait_times = sent.times, traits_at = sent.at
FROM unnest(%(people)s::bigint[], %(traits)s::jsonb[], %(times)s::jsonb[], %(at)s::timestamptz[])
    AS sent (id, traits, times, at)
WHERE person.id = sent.id
