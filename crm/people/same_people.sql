-- same_people.sql — Grain one row per person row that is one of the asked people under any id · Reads crm_person
-- Safe to run twice: it only reads.
WITH root AS (
    SELECT DISTINCT coalesce(same_as_id, id) AS id FROM crm_person WHERE id = ANY(%(people)s::bigint[])
)
SELECT person.id FROM crm_person AS person JOIN root ON person.id = root.id
UNION ALL
SELECT person.id FROM crm_person AS person JOIN root ON person.same_as_id = root.id
